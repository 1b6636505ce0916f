//! What happens without a secret service, when it goes away, when it is locked, and when it is stuck.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::process::Command;
use std::thread;
use std::time::Duration;

use oidc_session_core::{
    Commit, Expected, List as _, Record, SessionStore as _, StoreError, StoreErrorKind, StoreKey, Stored, Version,
};
use oidc_session_store_keyring::KeyringStore;
use oidc_session_test_servers::SecretService;
use oidc_session_testkit::processes::{Children, Parent};

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const SERVICE: &str = "outages";

#[tokio::test]
async fn without_a_secret_service_the_user_is_told_what_to_do() {
    if let Some(parent) = Parent::of_this_process() {
        parent.ready();
        let error = open().await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured);
        assert_eq!(error.to_string(), "could not open the secret store: the store is not set up for this");
        assert!(cause(&error).contains("start one, such as gnome-keyring or KWallet, or use another store"));
        return parent.say("told");
    }
    let mut service = SecretService::start().unwrap();
    service.stop_keyring();
    assert_eq!(run(&service, "without_a_secret_service_the_user_is_told_what_to_do"), ["told"]);
    // No session bus either.
    service.stop_bus();
    assert_eq!(run(&service, "without_a_secret_service_the_user_is_told_what_to_do"), ["told"]);
    // Not even an address.
    let mut nowhere = service.env();
    nowhere.push(("DBUS_SESSION_BUS_ADDRESS", "".into())); // The last one counts.
    let test = "without_a_secret_service_the_user_is_told_what_to_do";
    let mut child = Children::start_with(test, "", 1, &nowhere);
    child.go("");
    assert_eq!(child[0].hear_all(), ["told"]);
}

#[tokio::test]
async fn a_secret_service_that_ends_is_unavailable_until_it_is_back() {
    if let Some(parent) = Parent::of_this_process() {
        parent.ready();
        let store = open().await.unwrap();
        assert_eq!(create(&store).await.unwrap(), Commit::Done);
        parent.say("created");
        parent.hear();
        assert_eq!(store.load(&KEY).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert_eq!(create(&store).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert_eq!(store.list(None, 10).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        parent.say("noticed");
        parent.hear();
        assert_eq!(store.load(&KEY).await.unwrap(), Some(first()));
        assert_eq!(create(&store).await.unwrap(), Commit::Conflict);
        return parent.say("found");
    }
    let mut service = SecretService::start().unwrap();
    let mut child = start("a_secret_service_that_ends_is_unavailable_until_it_is_back", &service);
    assert_eq!(child[0].hear().as_deref(), Some("created"));
    service.stop_keyring();
    child.go("");
    assert_eq!(child[0].hear().as_deref(), Some("noticed"));
    service.start_keyring().unwrap();
    child.go("");
    assert_eq!(child[0].hear_all(), ["found"]);
}

#[tokio::test]
async fn a_restart_between_two_calls_is_not_noticed_by_a_load() {
    if let Some(parent) = Parent::of_this_process() {
        parent.ready();
        let store = open().await.unwrap();
        assert_eq!(create(&store).await.unwrap(), Commit::Done);
        parent.say("created");
        parent.hear();
        assert_eq!(store.load(&KEY).await.unwrap(), Some(first()));
        return parent.say("found");
    }
    let mut service = SecretService::start().unwrap();
    let mut child = start("a_restart_between_two_calls_is_not_noticed_by_a_load", &service);
    assert_eq!(child[0].hear().as_deref(), Some("created"));
    service.stop_keyring();
    service.start_keyring().unwrap();
    child.go("");
    assert_eq!(child[0].hear_all(), ["found"]);
}

#[tokio::test]
async fn a_session_bus_that_ends_is_unavailable() {
    if let Some(parent) = Parent::of_this_process() {
        parent.ready();
        let store = open().await.unwrap();
        assert_eq!(create(&store).await.unwrap(), Commit::Done);
        parent.say("created");
        parent.hear();
        for _ in 0..2 {
            let error = store.load(&KEY).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
        }
        return parent.say("noticed");
    }
    let mut service = SecretService::start().unwrap();
    let mut child = start("a_session_bus_that_ends_is_unavailable", &service);
    assert_eq!(child[0].hear().as_deref(), Some("created"));
    service.stop_bus();
    child.go("");
    assert_eq!(child[0].hear_all(), ["noticed"]);
}

/// There is nobody here to answer the prompt, so it is dismissed.
#[tokio::test]
async fn a_locked_collection_is_refused_when_its_prompt_is_dismissed() {
    if let Some(parent) = Parent::of_this_process() {
        parent.ready();
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
        return parent.say("refused");
    }
    let service = SecretService::start().unwrap();
    let test = "a_locked_collection_is_refused_when_its_prompt_is_dismissed";
    assert_eq!(run(&service, test), ["refused"]);
}

/// Nor does the runtime wait for it at its end: this test would not end either.
#[tokio::test(flavor = "current_thread")]
async fn a_secret_service_that_is_stuck_holds_up_no_caller() {
    if let Some(parent) = Parent::of_this_process() {
        parent.ready();
        let builder = KeyringStore::builder(SERVICE).answer_timeout(Duration::from_millis(300));
        let store = builder.open().await.unwrap();
        parent.say("open");
        parent.hear();
        let (load, commit, queued) = tokio::join!(store.load(&KEY), create(&store), store.load(&KEY));
        for error in [load.unwrap_err(), commit.unwrap_err(), queued.unwrap_err()] {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            assert!(cause(&error).contains("has not answered"), "{error:?}");
        }
        let open = KeyringStore::builder(SERVICE).answer_timeout(Duration::from_millis(50)).open();
        assert_eq!(open.await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        return parent.say("gave up");
    }
    let service = SecretService::start().unwrap();
    let mut child = start("a_secret_service_that_is_stuck_holds_up_no_caller", &service);
    assert_eq!(child[0].hear().as_deref(), Some("open"));
    let stop = Command::new("kill").args(["-STOP", &service.keyring_id().unwrap().to_string()]).status();
    assert!(stop.unwrap().success());
    child.go("");
    assert_eq!(child[0].hear_all(), ["gave up"]);
}

async fn open() -> Result<KeyringStore, StoreError> {
    KeyringStore::open(SERVICE).await
}

/// Starts the test of that name again, under `service`.
fn start(test: &str, service: &SecretService) -> Children {
    let mut child = Children::start_with(test, "", 1, &service.env());
    child.go("");
    child
}

fn run(service: &SecretService, test: &str) -> Vec<String> {
    start(test, service)[0].hear_all()
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
