//! What happens while another process holds the lock.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::fs::File;
use std::time::Duration;

use oidc_session_core::{
    Commit, Expected, Record, SessionStore as _, StoreError, StoreErrorKind, StoreKey, Stored, Version,
};
use oidc_session_store_keyring::{KeyringStore, KeyringStoreBuilder};
use oidc_session_test_servers::SecretService;
use tempfile::TempDir;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);

#[tokio::test]
async fn a_write_that_waits_too_long_is_unavailable_and_never_happens() {
    let place = Place::new("too-long");
    let store = place.builder().busy_timeout(Duration::from_millis(20)).open().await.unwrap();
    let other_process = place.lock();
    let error = create(&store).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert_eq!(error.to_string(), "could not commit a record: the store did not answer");
    drop(other_process);

    let patient = place.builder().open().await.unwrap();
    assert_eq!(create(&patient).await.unwrap(), Commit::Done);
    assert_eq!(create(&store).await.unwrap(), Commit::Conflict);
}

#[tokio::test(flavor = "current_thread")]
async fn a_write_that_waits_holds_up_neither_the_runtime_nor_a_load() {
    let place = Place::new("holds-up");
    let store = place.builder().busy_timeout(Duration::from_secs(60)).open().await.unwrap();
    let other_process = place.lock();
    let (commit, ()) = tokio::join!(create(&store), async {
        assert_eq!(store.load(&KEY).await.unwrap(), None);
        drop(other_process);
    });
    assert_eq!(commit.unwrap(), Commit::Done);
}

#[tokio::test]
async fn a_record_that_seems_damaged_is_looked_at_under_the_lock() {
    let place = Place::new("seems-damaged");
    let store = place.builder().entry_sizes(0, 4).busy_timeout(Duration::from_millis(50)).open().await.unwrap();
    assert_eq!(create(&store).await.unwrap(), Commit::Done);
    place.delete_a_chunk();
    let other_process = place.lock();
    // Whoever holds the lock may be replacing it just now.
    assert_eq!(store.load(&KEY).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    drop(other_process);
    assert_eq!(store.load(&KEY).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
}

#[tokio::test]
async fn a_service_has_a_lock_of_its_own() {
    let place = Place::new("own-lock");
    let _other_process = place.lock();
    let neighbour = KeyringStore::builder(format!("{}-neighbour", place.service)).lock_folder(place.folder.path());
    assert_eq!(create(&neighbour.open().await.unwrap()).await.unwrap(), Commit::Done);
}

#[tokio::test]
async fn a_lock_folder_that_is_a_file_is_misconfigured() {
    let place = Place::new("no-folder");
    let file = place.folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = place.builder().lock_folder(file).open().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured);
}

struct Place {
    service: String,
    folder: TempDir,
}

impl Place {
    fn new(test: &str) -> Self {
        SecretService::enter();
        Self { service: format!("busy-{}-{test}", std::process::id()), folder: tempfile::tempdir().unwrap() }
    }

    fn builder(&self) -> KeyringStoreBuilder {
        KeyringStore::builder(&self.service).lock_folder(self.folder.path())
    }

    /// Another process in the middle of a write.
    fn lock(&self) -> File {
        let file = File::create(self.folder.path().join(format!("{}.lock", self.service))).unwrap();
        file.lock().unwrap();
        file
    }

    fn delete_a_chunk(&self) {
        let service = self.service.clone();
        let deleting = std::thread::spawn(move || {
            let session = secret_service::EncryptionType::Plain;
            let keyring = secret_service::blocking::SecretService::connect(session).unwrap();
            let items = keyring.search_items([("service", service.as_str())].into()).unwrap().unlocked;
            let chunk = items.iter().find(|item| item.get_label().unwrap().contains("part 2")).unwrap();
            chunk.delete().unwrap();
        });
        deleting.join().unwrap();
    }
}

async fn create(store: &KeyringStore) -> Result<Commit, StoreError> {
    let first = Stored { version: Version::from_u64(1), record: Record::from_bytes(b"sealed".to_vec()) };
    store.commit(&KEY, Expected::Absent, &first, None).await
}
