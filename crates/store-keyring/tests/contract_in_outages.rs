//! The store contract while the secret service ends and comes back: apart, because it is that of all tests of a process.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::sync::Arc;
use std::time::Duration;

use oidc_session_store_keyring::KeyringStore;
use oidc_session_test_servers::{EnteredKeyring, fresh_name};
use oidc_session_testkit::ManualClock;
use oidc_session_testkit::store_contract::{Backend, Outage};
use tempfile::TempDir;
use tokio::sync::Mutex;

/// With the sizes of this platform: records are in their heads.
mod large_entries {
    oidc_session_testkit::store_contract!(only outage: super::Keyring::new(None).await);
}

/// With the sizes of Windows, and no record in its head, however short.
mod small_entries {
    oidc_session_testkit::store_contract!(only outage: super::Keyring::new(Some((0, 2560))).await);
}

struct Keyring {
    keyring: Mutex<EnteredKeyring>,
    service: String,
    folder: TempDir,
    clock: ManualClock,
    sizes: Option<(usize, usize)>,
}

impl Keyring {
    async fn new(sizes: Option<(usize, usize)>) -> Self {
        let keyring = Mutex::new(EnteredKeyring::take().await);
        let folder = tempfile::tempdir().unwrap();
        Self { keyring, service: fresh_name(), folder, clock: ManualClock::new(), sizes }
    }
}

impl Backend for Keyring {
    type Store = KeyringStore;

    async fn open(&self) -> KeyringStore {
        let mut builder =
            KeyringStore::builder(&self.service).lock_folder(self.folder.path()).clock(Arc::new(self.clock.clone()));
        if let Some((head, chunk)) = self.sizes {
            builder = builder.entry_sizes(head, chunk);
        }
        builder.open().await.unwrap()
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

impl Outage for Keyring {
    async fn stop(&self) {
        self.keyring.lock().await.stop().unwrap();
    }

    async fn start(&self) {
        self.keyring.lock().await.start().unwrap();
    }
}
