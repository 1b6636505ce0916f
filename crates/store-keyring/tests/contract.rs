//! The store contract on a real secret service, on a clock that moves when the contract says so.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use oidc_session_core::StoreKey;
use oidc_session_store_keyring::KeyringStore;
use oidc_session_test_servers::SecretService;
use oidc_session_testkit::ManualClock;
use oidc_session_testkit::store_contract::{Backend, Damage, Elsewhere, Harm};
use secret_service::EncryptionType;
use secret_service::blocking::{Item, SecretService as Entries};
use tempfile::TempDir;

/// With the sizes of this platform: records are in their heads.
mod large_entries {
    oidc_session_testkit::store_contract!(super::Keyring::new(None), list, sweep, damage, processes);
}

/// With the sizes of Windows, and no record in its head, however short.
mod small_entries {
    oidc_session_testkit::store_contract!(super::Keyring::new(Some((0, 2560))), list, sweep, damage, processes);
}

struct Keyring {
    service: String,
    folder: TempDir,
    clock: ManualClock,
    sizes: Option<(usize, usize)>,
    whole: Mutex<HashMap<StoreKey, Vec<u8>>>,
}

impl Keyring {
    fn new(sizes: Option<(usize, usize)>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        SecretService::enter();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let service = format!("contract-{}-{number}", std::process::id());
        let folder = tempfile::tempdir().unwrap();
        Self { service, folder, clock: ManualClock::new(), sizes, whole: Mutex::default() }
    }

    async fn open_with(
        service: &str,
        folder: &Path,
        sizes: Option<(usize, usize)>,
        clock: ManualClock,
    ) -> KeyringStore {
        let mut builder = KeyringStore::builder(service)
            .lock_folder(folder)
            .busy_timeout(Duration::from_secs(300))
            .answer_timeout(Duration::from_secs(300))
            .clock(Arc::new(clock));
        if let Some((head, chunk)) = sizes {
            builder = builder.entry_sizes(head, chunk);
        }
        builder.open().await.unwrap()
    }

    /// Lets another program change the head of a session.
    fn with_head<T: Send + 'static>(&self, key: &StoreKey, work: impl FnOnce(&Item<'_>) -> T + Send + 'static) -> T {
        let (service, name) = (self.service.clone(), name_of(key));
        let program = thread::spawn(move || {
            let entries = Entries::connect(EncryptionType::Dh).unwrap();
            let attributes = [("service", service.as_str()), ("username", name.as_str())].into();
            let found = entries.search_items(attributes).unwrap();
            let [head] = &found.unlocked[..] else { panic!("{} entries", found.unlocked.len()) };
            work(head)
        });
        program.join().unwrap()
    }
}

impl Backend for Keyring {
    type Store = KeyringStore;

    async fn open(&self) -> KeyringStore {
        Self::open_with(&self.service, self.folder.path(), self.sizes, self.clock.clone()).await
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// The daemon writes its file anew with every change.
    fn effort(&self) -> usize {
        250
    }
}

impl Damage for Keyring {
    /// Done to the head. What is done to a piece of a record is in `entries.rs`: the version is known then, so that
    /// whoever has just refreshed may commit.
    fn kinds(&self) -> &[Harm] {
        &[Harm::Truncated, Harm::Flipped, Harm::Replaced]
    }

    async fn damage(&self, key: &StoreKey, harm: Harm) {
        let whole = self.with_head(key, move |head| {
            let whole = head.get_secret().unwrap();
            let harmed = match harm {
                Harm::Truncated => whole[..whole.len() / 2].to_vec(),
                // A letter of a name in the JSON.
                Harm::Flipped => {
                    let mut harmed = whole.clone();
                    harmed[2] ^= 1;
                    harmed
                }
                Harm::Replaced => b"hunter2".to_vec(),
            };
            head.set_secret(&harmed, "text/plain").unwrap();
            whole
        });
        self.whole.lock().unwrap().insert(*key, whole);
    }

    async fn repair(&self, key: &StoreKey) {
        let whole = self.whole.lock().unwrap().remove(key).unwrap();
        self.with_head(key, move |head| head.set_secret(&whole, "text/plain").unwrap());
    }
}

impl Elsewhere for Keyring {
    fn address(&self) -> String {
        let (head, chunk) =
            self.sizes.map_or((String::new(), String::new()), |(head, chunk)| (head.to_string(), chunk.to_string()));
        format!("{}|{}|{head}|{chunk}", self.service, self.folder.path().display())
    }

    async fn open_at(address: &str) -> KeyringStore {
        let parts: Vec<&str> = address.split('|').collect();
        let [service, folder, head, chunk] = parts[..] else { panic!("{address}") };
        let sizes = head.parse().ok().zip(chunk.parse().ok());
        Self::open_with(service, Path::new(folder), sizes, ManualClock::new()).await
    }
}

fn name_of(key: &StoreKey) -> String {
    key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
