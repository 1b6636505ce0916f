//! The store contract, on a clock that moves when the contract says so.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oidc_session_core::StoreKey;
use oidc_session_store_file::FileStore;
use oidc_session_testkit::ManualClock;
use oidc_session_testkit::store_contract::{Backend, Damage, Elsewhere, Harm, Outage};
use tempfile::TempDir;

oidc_session_testkit::store_contract!(Files::new(), list, sweep, outage, damage, processes);

struct Files {
    directory: TempDir,
    clock: ManualClock,
    whole: Mutex<HashMap<StoreKey, Vec<u8>>>,
}

impl Files {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), clock: ManualClock::new(), whole: Mutex::default() }
    }

    fn folder(&self) -> PathBuf {
        self.directory.path().join("sessions")
    }

    fn away(&self) -> PathBuf {
        self.directory.path().join("away")
    }

    fn file_of(&self, key: &StoreKey) -> PathBuf {
        let digits = key.as_bytes().iter().fold(String::new(), |mut digits, byte| {
            write!(digits, "{byte:02x}").unwrap();
            digits
        });
        self.folder().join(format!("{digits}.session"))
    }

    async fn open_with(folder: &Path, clock: ManualClock) -> FileStore {
        let builder = FileStore::builder(folder).busy_timeout(Duration::from_secs(60)).clock(Arc::new(clock));
        builder.open().await.unwrap()
    }
}

impl Backend for Files {
    type Store = FileStore;

    async fn open(&self) -> FileStore {
        Self::open_with(&self.folder(), self.clock.clone()).await
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

/// As if what the folder is on had been unmounted.
impl Outage for Files {
    async fn stop(&self) {
        fs::rename(self.folder(), self.away()).unwrap();
    }

    async fn start(&self) {
        fs::rename(self.away(), self.folder()).unwrap();
    }
}

impl Damage for Files {
    fn kinds(&self) -> &[Harm] {
        &[Harm::Truncated, Harm::Flipped, Harm::Replaced]
    }

    async fn damage(&self, key: &StoreKey, harm: Harm) {
        let whole = fs::read(self.file_of(key)).unwrap();
        let harmed = match harm {
            Harm::Truncated => whole[..whole.len() - 1].to_vec(),
            // In the record itself.
            Harm::Flipped => {
                let mut harmed = whole.clone();
                harmed[whole.len() - 33] ^= 1;
                harmed
            }
            Harm::Replaced => [b"something else, ", &whole[..]].concat(),
        };
        fs::write(self.file_of(key), harmed).unwrap();
        self.whole.lock().unwrap().insert(*key, whole);
    }

    async fn repair(&self, key: &StoreKey) {
        let whole = self.whole.lock().unwrap().remove(key).unwrap();
        fs::write(self.file_of(key), whole).unwrap();
    }
}

impl Elsewhere for Files {
    fn address(&self) -> String {
        self.folder().to_str().unwrap().to_owned()
    }

    async fn open_at(address: &str) -> FileStore {
        Self::open_with(Path::new(address), ManualClock::new()).await
    }
}
