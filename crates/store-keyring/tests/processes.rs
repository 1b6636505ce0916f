//! A process that is killed between the pieces of a record. What else several processes may expect is in the contract.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::time::Duration;

use oidc_session_core::{
    Clock as _, Commit, Expected, List as _, Record, SessionStore as _, StoreKey, Stored, Sweep as _, SystemClock,
    Version,
};
use oidc_session_store_keyring::{KeyringStore, KeyringStoreBuilder};
use oidc_session_test_servers::SecretService;
use oidc_session_testkit::processes::{Children, Parent};

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);

const LENGTH: usize = 1440;
/// As base64.
const TEXT: usize = LENGTH / 3 * 4;
const CHUNKS: usize = 20;

/// Killed between its chunks, or between those and the head.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_committed_is_kept_whole() {
    const NAME: &str = "what_a_killed_process_committed_is_kept_whole";
    if let Some(parent) = Parent::of_this_process() {
        parent.ready();
        return play(&parent).await;
    }

    SecretService::enter();
    let start = |role: &str| {
        let mut child = Children::start(NAME, role, 1);
        child.go("");
        child
    };
    let mut orphans = 0;
    for extra in [1, CHUNKS / 2, CHUNKS - 1] {
        let mut writer = start("writer");
        let _ = writer[0].hear().unwrap();
        let least = writer[0].hear().unwrap();
        // New chunks are there, beside those of the record that they will replace.
        let mut watcher = start(&format!("watch for {}", 1 + CHUNKS + extra));
        assert_eq!(watcher[0].hear_all(), ["now"]);
        drop(writer); // Kills it, in the middle of something.
        let said = start(&least)[0].hear_all();
        orphans += said[0].parse::<usize>().unwrap();
    }
    assert!(orphans > 0, "no process was killed between its chunks");
}

/// What the children do.
async fn play(parent: &Parent) {
    match parent.address() {
        "writer" => {
            let store = builder().open().await.unwrap();
            loop {
                let (expected, count) = loaded(&store).await;
                let _ = commit(&store, expected, count + 1).await;
                parent.say(&(count + 1).to_string());
            }
        }
        watch if watch.starts_with("watch for ") => {
            let count: usize = watch["watch for ".len()..].parse().unwrap();
            while entries() < count {}
            parent.say("now");
        }
        least => {
            let store = builder().open().await.unwrap();
            let (expected, count) = loaded(&store).await;
            let least: u64 = least.parse().unwrap();
            assert!(count >= least, "{count} commits are left of at least {least}");
            assert!(commit(&store, expected, count).await.is_some());
            let before = entries();
            assert_eq!(store.sweep(10).await.unwrap(), 0);
            assert_eq!(store.list(None, 10).await.unwrap().entries.len(), 1);
            assert_eq!(entries(), 1 + CHUNKS, "the sweep leaves what the head names");
            parent.say(&(before - entries()).to_string());
        }
    }
}

fn builder() -> KeyringStoreBuilder {
    KeyringStore::builder("processes").busy_timeout(Duration::from_secs(60)).entry_sizes(0, TEXT / CHUNKS)
}

/// How many entries there are.
fn entries() -> usize {
    let counting = std::thread::spawn(|| {
        let session = secret_service::EncryptionType::Plain;
        let keyring = secret_service::blocking::SecretService::connect(session).unwrap();
        keyring.search_items([("service", "processes")].into()).unwrap().unlocked.len()
    });
    counting.join().unwrap()
}

async fn loaded(store: &KeyringStore) -> (Expected, u64) {
    match store.load(&KEY).await.unwrap() {
        Some(stored) => {
            let bytes = stored.record.as_bytes();
            assert_eq!(bytes.len(), LENGTH);
            let counts: Vec<&[u8]> = bytes.chunks(8).collect();
            assert!(counts.iter().all(|count| count == &counts[0]), "a record of two commits");
            (Expected::At(stored.version), u64::from_be_bytes(counts[0].try_into().unwrap()))
        }
        None => (Expected::Absent, 0),
    }
}

/// The new version, if `expected` held.
async fn commit(store: &KeyringStore, expected: Expected, count: u64) -> Option<Version> {
    let bytes = count.to_be_bytes().repeat(LENGTH / 8);
    let next = Stored::after(expected, Record::from_bytes(bytes), SystemClock.now());
    let commit = store.commit(&KEY, expected, &next, None).await.unwrap();
    (commit == Commit::Done).then_some(next.version)
}
