//! In the secret store of the user, which here is that of this run.

use std::env;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use oidc_session_core::SessionStore;
use oidc_session_store_keyring::KeyringStore;
use tempfile::TempDir;

use super::{Backend, Need, files, folder};

#[derive(Debug)]
pub(super) struct Keyring {
    lock: TempDir,
}

impl Keyring {
    pub(super) fn new() -> Self {
        Self { lock: folder() }
    }
}

#[async_trait]
impl Backend for Keyring {
    fn name(&self) -> &'static str {
        "keyring"
    }

    fn durability(&self) -> &'static str {
        "when the keyring's file is synced, but not its folder"
    }

    /// Fewer than of others: each commit writes the file of all entries anew.
    fn sessions(&self) -> usize {
        100
    }

    fn need(&self) -> Option<Need> {
        Some(Need::SecretService)
    }

    async fn open(&mut self) -> Arc<dyn SessionStore> {
        let store = KeyringStore::builder("oidc-session-benches").lock_folder(self.lock.path());
        Arc::new(store.open().await.expect("a store in the secret service"))
    }

    /// Where gnome-keyring keeps its keyrings.
    async fn size(&mut self) -> Vec<(&'static str, u64)> {
        let home = env::var_os("XDG_DATA_HOME").expect("the secret service of this run has a home");
        vec![("the keyring's file", files(&Path::new(&home).join("keyrings")).0)]
    }
}
