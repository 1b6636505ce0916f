//! The store contract on a real secret service, on a clock that moves when the contract says so.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use oidc_session_store_keyring::KeyringStore;
use oidc_session_test_servers::SecretService;
use oidc_session_testkit::ManualClock;
use oidc_session_testkit::store_contract::Backend;
use tempfile::TempDir;

/// With the sizes of this platform: records are in their heads.
mod large_entries {
    oidc_session_testkit::store_contract!(super::Keyring::new(None), list, sweep);
}

/// With the sizes of Windows, and no record in its head, however short.
mod small_entries {
    oidc_session_testkit::store_contract!(super::Keyring::new(Some((0, 2560))), list, sweep);
}

struct Keyring {
    service: String,
    folder: TempDir,
    clock: ManualClock,
    sizes: Option<(usize, usize)>,
}

impl Keyring {
    fn new(sizes: Option<(usize, usize)>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        SecretService::enter();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let service = format!("contract-{}-{number}", std::process::id());
        Self { service, folder: tempfile::tempdir().unwrap(), clock: ManualClock::new(), sizes }
    }
}

impl Backend for Keyring {
    type Store = KeyringStore;

    async fn open(&self) -> KeyringStore {
        let mut builder = KeyringStore::builder(&self.service)
            .lock_folder(self.folder.path())
            .busy_timeout(Duration::from_secs(300))
            .answer_timeout(Duration::from_secs(300))
            .clock(Arc::new(self.clock.clone()));
        if let Some((head, chunk)) = self.sizes {
            builder = builder.entry_sizes(head, chunk);
        }
        builder.open().await.unwrap()
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}
