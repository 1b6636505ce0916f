//! What happens without a secret service, when it goes away, when it is locked, and when it is stuck.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod child;

use std::process::Command;
use std::thread;
use std::time::Duration;

use child::{Process, say, told, wait_for_parent};
use oidc_session_core::{
    Commit, Expected, List as _, Record, SessionStore as _, StoreError, StoreErrorKind, StoreKey, Stored, Version,
};
use oidc_session_store_keyring::KeyringStore;
use oidc_session_test_servers::SecretService;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const SERVICE: &str = "outages";

#[tokio::test]
async fn without_a_secret_service_the_user_is_told_what_to_do() {
    if told().is_some() {
        let error = open().await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured);
        assert_eq!(error.to_string(), "could not open the secret store: the store is not set up for this");
        assert!(cause(&error).contains("start one, such as gnome-keyring or KWallet, or use another store"));
        return say("told");
    }
    let mut service = SecretService::start().unwrap();
    service.stop_keyring();
    assert_eq!(run(&service, "without_a_secret_service_the_user_is_told_what_to_do"), ["told"]);
    // No session bus either.
    service.stop_bus();
    assert_eq!(run(&service, "without_a_secret_service_the_user_is_told_what_to_do"), ["told"]);
    // Not even an address.
    let nowhere = service.env().into_iter().map(|(name, value)| match name {
        "DBUS_SESSION_BUS_ADDRESS" => (name, "".into()),
        _ => (name, value),
    });
    let test = "without_a_secret_service_the_user_is_told_what_to_do";
    assert_eq!(Process::start_with(test, nowhere.collect(), "").hear_all(), ["told"]);
}

#[tokio::test]
async fn a_secret_service_that_ends_is_unavailable_until_it_is_back() {
    if told().is_some() {
        let store = open().await.unwrap();
        assert_eq!(create(&store).await.unwrap(), Commit::Done);
        say("created");
        wait_for_parent();
        assert_eq!(store.load(&KEY).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert_eq!(create(&store).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert_eq!(store.list(None, 10).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        say("noticed");
        wait_for_parent();
        assert_eq!(store.load(&KEY).await.unwrap(), Some(first()));
        assert_eq!(create(&store).await.unwrap(), Commit::Conflict);
        return say("found");
    }
    let mut service = SecretService::start().unwrap();
    let mut child = Process::start("a_secret_service_that_ends_is_unavailable_until_it_is_back", &service, "");
    assert_eq!(child.hear().as_deref(), Some("created"));
    service.stop_keyring();
    child.go_on();
    assert_eq!(child.hear().as_deref(), Some("noticed"));
    service.start_keyring().unwrap();
    child.go_on();
    assert_eq!(child.hear_all(), ["found"]);
}

#[tokio::test]
async fn a_restart_between_two_calls_is_not_noticed_by_a_load() {
    if told().is_some() {
        let store = open().await.unwrap();
        assert_eq!(create(&store).await.unwrap(), Commit::Done);
        say("created");
        wait_for_parent();
        assert_eq!(store.load(&KEY).await.unwrap(), Some(first()));
        return say("found");
    }
    let mut service = SecretService::start().unwrap();
    let mut child = Process::start("a_restart_between_two_calls_is_not_noticed_by_a_load", &service, "");
    assert_eq!(child.hear().as_deref(), Some("created"));
    service.stop_keyring();
    service.start_keyring().unwrap();
    child.go_on();
    assert_eq!(child.hear_all(), ["found"]);
}

#[tokio::test]
async fn a_session_bus_that_ends_is_unavailable() {
    if told().is_some() {
        let store = open().await.unwrap();
        assert_eq!(create(&store).await.unwrap(), Commit::Done);
        say("created");
        wait_for_parent();
        for _ in 0..2 {
            let error = store.load(&KEY).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
        }
        return say("noticed");
    }
    let mut service = SecretService::start().unwrap();
    let mut child = Process::start("a_session_bus_that_ends_is_unavailable", &service, "");
    assert_eq!(child.hear().as_deref(), Some("created"));
    service.stop_bus();
    child.go_on();
    assert_eq!(child.hear_all(), ["noticed"]);
}

/// There is nobody here to answer the prompt, so it is dismissed.
#[tokio::test]
async fn a_locked_collection_is_refused_when_its_prompt_is_dismissed() {
    if told().is_some() {
        let store = open().await.unwrap();
        assert_eq!(create(&store).await.unwrap(), Commit::Done);
        lock_the_collection();
        let others = [
            store.load(&KEY).await.unwrap_err(),
            create(&store).await.unwrap_err(),
            store.remove(&KEY, Version::from_u64(1)).await.unwrap_err(),
            store.list(None, 10).await.unwrap_err(),
            // Of a key that has no entry yet: here it is the collection that is to be unlocked.
            store.commit(&StoreKey::from_bytes([8; 32]), Expected::Absent, &first(), None).await.unwrap_err(),
        ];
        for error in others {
            assert_eq!(error.kind(), StoreErrorKind::Denied, "{error:?}");
        }
        return say("refused");
    }
    let service = SecretService::start().unwrap();
    let test = "a_locked_collection_is_refused_when_its_prompt_is_dismissed";
    assert_eq!(run(&service, test), ["refused"]);
}

/// Nor does the runtime wait for it at its end: this test would not end either.
#[tokio::test(flavor = "current_thread")]
async fn a_secret_service_that_is_stuck_holds_up_no_caller() {
    if told().is_some() {
        let builder = KeyringStore::builder(SERVICE).answer_timeout(Duration::from_millis(300));
        let store = builder.open().await.unwrap();
        say("open");
        wait_for_parent();
        let (load, commit, queued) = tokio::join!(store.load(&KEY), create(&store), store.load(&KEY));
        for error in [load.unwrap_err(), commit.unwrap_err(), queued.unwrap_err()] {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            assert!(cause(&error).contains("has not answered"), "{error:?}");
        }
        let open = KeyringStore::builder(SERVICE).answer_timeout(Duration::from_millis(50)).open();
        assert_eq!(open.await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        return say("gave up");
    }
    let service = SecretService::start().unwrap();
    let mut child = Process::start("a_secret_service_that_is_stuck_holds_up_no_caller", &service, "");
    assert_eq!(child.hear().as_deref(), Some("open"));
    let stop = Command::new("kill").args(["-STOP", &service.keyring_id().unwrap().to_string()]).status();
    assert!(stop.unwrap().success());
    child.go_on();
    assert_eq!(child.hear_all(), ["gave up"]);
}

async fn open() -> Result<KeyringStore, StoreError> {
    KeyringStore::open(SERVICE).await
}

fn run(service: &SecretService, test: &str) -> Vec<String> {
    Process::start(test, service, "").hear_all()
}

fn first() -> Stored {
    Stored { version: Version::from_u64(1), record: Record::from_bytes(b"sealed".to_vec()) }
}

async fn create(store: &KeyringStore) -> Result<Commit, StoreError> {
    store.commit(&KEY, Expected::Absent, &first(), None).await
}

fn cause(error: &StoreError) -> String {
    std::error::Error::source(error).unwrap().to_string()
}

fn lock_the_collection() {
    let locking = thread::spawn(|| {
        let service = secret_service::blocking::SecretService::connect(secret_service::EncryptionType::Plain).unwrap();
        service.get_default_collection().unwrap().lock().unwrap();
    });
    locking.join().unwrap();
}
