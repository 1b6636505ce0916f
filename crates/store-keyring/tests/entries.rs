//! What a user, and other programs, find in the secret service and do to it.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::collections::BTreeMap;
use std::thread;

use oidc_session_core::{
    Commit, Custody, Expected, HolderId, Lease, List as _, Record, Removal, SessionStore as _, StoreErrorKind,
    StoreKey, Stored, Sweep as _, Timestamp, Version,
};
use oidc_session_store_keyring::{KeyringStore, KeyringStoreBuilder};
use oidc_session_test_servers::SecretService;
use secret_service::EncryptionType;
use secret_service::blocking::{Item, SecretService as Keyring};
use tempfile::TempDir;

const KEY: StoreKey = StoreKey::from_bytes([0xa7; 32]);
const CONTENT: &str = "a refresh token";

#[tokio::test]
async fn the_user_sees_what_an_entry_is_and_no_secret() {
    let place = Place::new("labels");
    let store = place.builder().open().await.unwrap();
    create(&store).await;
    let service = place.service.clone();
    place.with_items(move |items| {
        let [item] = items else { panic!("{} entries", items.len()) };
        assert_eq!(item.get_label().unwrap(), format!("{service}: OpenID Connect session a7a7a7a7"));
        let attributes = BTreeMap::from_iter(item.get_attributes().unwrap());
        let names: Vec<_> = attributes.keys().filter(|name| !name.starts_with("xdg:")).collect();
        assert_eq!(names, ["service", "username"]);
        assert_eq!(attributes["service"], service);
        assert_eq!(attributes["username"], "a7".repeat(32));
        assert!(item.get_secret().unwrap().is_ascii());
    });
}

#[tokio::test]
async fn debug_shows_the_service_and_nothing_else() {
    let place = Place::new("debug");
    let store = place.builder().open().await.unwrap();
    create(&store).await;
    let lock_file = place.folder.path().join(format!("{}.lock", place.service));
    let shown = format!("KeyringStore {{ service: {:?}, lock_file: {lock_file:?}, .. }}", place.service);
    assert_eq!(format!("{store:?}"), shown);
    assert_eq!(store.custody(), Custody::OperatingSystem);
}

#[tokio::test]
async fn a_damaged_head_is_corrupt_and_left_as_it_is() {
    let place = Place::new("damaged-head");
    let store = place.builder().open().await.unwrap();
    create(&store).await;
    place.with_items(|items| items[0].set_secret(b"hunter2", "text/plain").unwrap());
    let next = record(2);
    let errors = [
        store.load(&KEY).await.unwrap_err(),
        store.commit(&KEY, Expected::At(record(1).version), &next, None).await.unwrap_err(),
        store.commit(&KEY, Expected::Absent, &next, None).await.unwrap_err(),
        store.remove(&KEY, next.version).await.unwrap_err(),
        store.try_lease(&KEY, HolderId::random(), std::time::Duration::from_secs(9)).await.unwrap_err(),
    ];
    assert_eq!(store.list(None, 10).await.unwrap().unreadable, [KEY]);
    for error in errors {
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        let told = format!("{error:?}");
        assert!(told.contains("delete it in the password manager") && !told.contains("hunter2"), "{told}");
    }
    assert_eq!(store.sweep(10).await.unwrap(), 0);
    place.with_items(|items| assert_eq!(items[0].get_secret().unwrap(), b"hunter2"));
}

#[tokio::test]
async fn a_damaged_chunk_is_corrupt_and_can_be_replaced() {
    for damage in [
        (|item: &Item<'_>| item.delete().unwrap()) as fn(&Item<'_>),
        |item| item.set_secret(b"AAAA", "text/plain").unwrap(),
        |item| item.set_secret(b"AAAAAAAA", "text/plain").unwrap(),
        |item| item.set_secret(b"\xff\0\0\0", "text/plain").unwrap(),
    ] {
        let place = Place::new("damaged-chunk");
        let store = place.builder().entry_sizes(0, 4).open().await.unwrap();
        create(&store).await;
        place.with_items(move |items| damage(part(items, 3)));
        let left = place.with_items(|items| items.len());
        assert_eq!(store.load(&KEY).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
        let lease = store.try_lease(&KEY, HolderId::random(), std::time::Duration::from_secs(9)).await;
        assert_eq!(lease.unwrap_err().kind(), StoreErrorKind::Corrupt);
        assert_eq!(store.sweep(10).await.unwrap(), 0);
        assert_eq!(place.with_items(|items| items.len()), left, "nothing is destroyed");

        let commit = store.commit(&KEY, Expected::At(record(1).version), &record(2), None).await;
        assert_eq!(commit.unwrap(), Commit::Done, "the version is known");
        assert_eq!(store.load(&KEY).await.unwrap(), Some(record(2)));
        assert_eq!(store.remove(&KEY, record(2).version).await.unwrap(), Removal::Done);
        assert_eq!(place.with_items(|items| items.len()), 0);
    }
}

#[tokio::test]
async fn chunks_that_were_exchanged_are_corrupt() {
    let place = Place::new("exchanged");
    let store = place.builder().entry_sizes(0, 4).open().await.unwrap();
    create(&store).await;
    place.with_items(|items| {
        let (one, other) = (part(items, 1).get_secret().unwrap(), part(items, 2).get_secret().unwrap());
        part(items, 1).set_secret(&other, "text/plain").unwrap();
        part(items, 2).set_secret(&one, "text/plain").unwrap();
    });
    assert_eq!(store.load(&KEY).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
}

#[tokio::test]
async fn an_entry_of_a_newer_version_is_left_alone() {
    let place = Place::new("newer");
    let store = place.builder().open().await.unwrap();
    create(&store).await;
    place.with_items(|items| items[0].set_secret(br#"{"format":2}"#, "text/plain").unwrap());
    let error = store.commit(&KEY, Expected::Absent, &record(2), None).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured);
    assert!(format!("{error:?}").contains("format 2"));
    assert_eq!(store.sweep(10).await.unwrap(), 0);
    place.with_items(|items| assert_eq!(items[0].get_secret().unwrap(), br#"{"format":2}"#));
}

#[tokio::test]
async fn of_two_entries_with_one_name_none_is_taken() {
    let place = Place::new("two");
    let store = place.builder().open().await.unwrap();
    create(&store).await;
    let service = place.service.clone();
    in_keyring(move |keyring| {
        let name = "a7".repeat(32);
        let attributes = [("service", service.as_str()), ("username", &name), ("copied-by", "a backup")].into();
        let collection = keyring.get_default_collection().unwrap();
        collection.create_item("a copy", attributes, b"hunter2", false, "text/plain").unwrap();
    });
    for error in [
        store.load(&KEY).await.unwrap_err(),
        store.commit(&KEY, Expected::At(record(1).version), &record(2), None).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured);
        assert!(format!("{error:?}").contains("2 entries have the same name: delete all but one"), "{error:?}");
    }
    assert_eq!(place.with_items(|items| items.len()), 2);
}

#[tokio::test]
async fn other_entries_of_the_service_are_left_alone() {
    let place = Place::new("others");
    let store = place.builder().open().await.unwrap();
    create(&store).await;
    let service = place.service.clone();
    in_keyring(move |keyring| {
        let attributes = [("service", service.as_str()), ("username", "alice")].into();
        let collection = keyring.get_default_collection().unwrap();
        collection.create_item("a password", attributes, b"hunter2", true, "text/plain").unwrap();
    });
    let page = store.list(None, 10).await.unwrap();
    assert_eq!(page.entries, [(KEY, record(1))]);
    assert_eq!(page.next, None);
    let first = record(1).version;
    assert_eq!(
        store.commit(&KEY, Expected::At(first), &record(2), Some(Timestamp::UNIX_EPOCH)).await.unwrap(),
        Commit::Done
    );
    assert_eq!(store.sweep(10).await.unwrap(), 1);
    place.with_items(|items| {
        let [item] = items else { panic!("{} entries", items.len()) };
        assert_eq!(item.get_label().unwrap(), "a password");
    });
}

#[tokio::test]
async fn services_do_not_see_each_others_records() {
    let place = Place::new("one");
    let one = place.builder().open().await.unwrap();
    let other = KeyringStore::builder(format!("{}.more", place.service)).lock_folder(place.folder.path());
    let other = other.open().await.unwrap();
    create(&one).await;
    assert_eq!(other.load(&KEY).await.unwrap(), None);
    assert_eq!(other.list(None, 10).await.unwrap().entries, []);
    create(&other).await;
    assert_eq!(one.remove(&KEY, record(1).version).await.unwrap(), Removal::Done);
    assert_eq!(other.load(&KEY).await.unwrap(), Some(record(1)));
}

#[tokio::test]
async fn the_largest_record_is_leased_listed_and_swept() {
    for sizes in [None, Some((2560, 2560))] {
        let place = Place::new("largest");
        let builder = place.builder();
        let store = match sizes {
            Some((head, chunk)) => builder.entry_sizes(head, chunk).open().await.unwrap(),
            None => builder.open().await.unwrap(),
        };
        let bytes = (0..Record::MAX_STORED_LENGTH).map(|index| index as u8).collect();
        let largest = Stored { version: Version::from_u64(5), record: Record::from_bytes(bytes) };
        let commit = store.commit(&KEY, Expected::Absent, &largest, Some(Timestamp::UNIX_EPOCH)).await;
        assert_eq!(commit.unwrap(), Commit::Done);
        let lease = store.try_lease(&KEY, HolderId::from_u128(1), std::time::Duration::ZERO).await.unwrap();
        assert_eq!(lease, Lease::Granted { stored: largest.clone(), unsettled: 0 });
        assert_eq!(store.list(None, 1).await.unwrap().entries, [(KEY, largest)]);
        assert_eq!(store.sweep(1).await.unwrap(), 1);
        assert_eq!(place.with_items(|items| items.len()), 0);
    }
}

struct Place {
    service: String,
    folder: TempDir,
}

impl Place {
    fn new(test: &str) -> Self {
        SecretService::enter();
        let folder = tempfile::tempdir().unwrap();
        let random = folder.path().file_name().unwrap().to_str().unwrap().to_lowercase();
        Self { service: format!("entries-{test}-{}", random.trim_start_matches('.')), folder }
    }

    fn builder(&self) -> KeyringStoreBuilder {
        KeyringStore::builder(&self.service).lock_folder(self.folder.path())
    }

    /// Lets another program look at the entries of the service.
    fn with_items<T: Send + 'static>(&self, work: impl FnOnce(&[Item<'_>]) -> T + Send + 'static) -> T {
        let service = self.service.clone();
        in_keyring(move |keyring| {
            let items = keyring.search_items([("service", service.as_str())].into()).unwrap();
            assert!(items.locked.is_empty());
            work(&items.unlocked)
        })
    }
}

/// What another program does, without this crate.
fn in_keyring<T: Send + 'static>(work: impl FnOnce(&Keyring<'_>) -> T + Send + 'static) -> T {
    let program = thread::spawn(|| work(&Keyring::connect(EncryptionType::Dh).unwrap()));
    program.join().unwrap()
}

fn part<'a, 'b>(items: &'a [Item<'b>], number: usize) -> &'a Item<'b> {
    let label = format!(", part {number}");
    items.iter().find(|item| item.get_label().unwrap().ends_with(&label)).unwrap()
}

async fn create(store: &KeyringStore) {
    let commit = store.commit(&KEY, Expected::Absent, &record(1), None).await.unwrap();
    assert_eq!(commit, Commit::Done);
}

fn record(version: u64) -> Stored {
    Stored { version: Version::from_u64(version), record: Record::from_bytes(CONTENT.as_bytes().to_vec()) }
}
