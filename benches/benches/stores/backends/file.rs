//! In files.

use std::sync::Arc;

use async_trait::async_trait;
use oidc_session_core::SessionStore;
use oidc_session_store_file::FileStore;
use tempfile::TempDir;

use super::{Backend, files, folder};

#[derive(Debug)]
pub(super) struct File {
    folder: TempDir,
}

impl File {
    pub(super) fn new() -> Self {
        Self { folder: folder() }
    }
}

#[async_trait]
impl Backend for File {
    fn name(&self) -> &'static str {
        "file"
    }

    fn durability(&self) -> &'static str {
        "when file and folder are synced"
    }

    async fn open(&mut self) -> Arc<dyn SessionStore> {
        Arc::new(FileStore::open(self.folder.path().join("sessions")).await.expect("a store in files"))
    }

    async fn size(&mut self) -> Vec<(&'static str, u64)> {
        let (length, blocks) = files(&self.folder.path().join("sessions"));
        vec![("the files", length), ("the disk blocks of the files", blocks)]
    }
}
