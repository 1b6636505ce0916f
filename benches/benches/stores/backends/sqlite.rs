//! In SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use oidc_session_core::SessionStore;
use oidc_session_store_sqlite::SqliteStore;
use tempfile::TempDir;

use super::{Backend, files, folder};

#[derive(Debug)]
pub(super) struct Sqlite {
    folder: TempDir,
}

impl Sqlite {
    pub(super) fn new() -> Self {
        Self { folder: folder() }
    }
}

#[async_trait]
impl Backend for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn durability(&self) -> &'static str {
        "when the log is synced (synchronous = FULL)"
    }

    async fn open(&mut self) -> Arc<dyn SessionStore> {
        Arc::new(SqliteStore::open(self.folder.path().join("sessions.db")).await.expect("a store in SQLite"))
    }

    /// While nobody has it open, there is no log beside the database.
    async fn size(&mut self) -> Vec<(&'static str, u64)> {
        vec![("the database", files(self.folder.path()).0)]
    }
}
