//! The store contract, on a clock that moves when the contract says so.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::sync::Arc;
use std::time::Duration;

use oidc_session_store_file::FileStore;
use oidc_session_testkit::ManualClock;
use oidc_session_testkit::store_contract::Backend;
use tempfile::TempDir;

oidc_session_testkit::store_contract!(Files::new(), list, sweep);

struct Files {
    directory: TempDir,
    clock: ManualClock,
}

impl Files {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), clock: ManualClock::new() }
    }
}

impl Backend for Files {
    type Store = FileStore;

    async fn open(&self) -> FileStore {
        FileStore::builder(self.directory.path().join("sessions"))
            .busy_timeout(Duration::from_secs(60))
            .clock(Arc::new(self.clock.clone()))
            .open()
            .await
            .unwrap()
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}
