//! Many processes on one service. Each test starts itself again as its children.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod child;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use child::{Process, say, told, wait_for_parent};
use oidc_session_core::{
    Clock as _, Commit, Expected, HolderId, Lease, List as _, Record, SessionStore as _, StoreKey, Stored, Sweep as _,
    SystemClock, Version,
};
use oidc_session_store_keyring::{KeyringStore, KeyringStoreBuilder};
use oidc_session_test_servers::SecretService;
use oidc_session_testkit::ManualClock;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const LEASE: Duration = Duration::from_secs(30);

const LENGTH: usize = 1440;
/// As base64.
const TEXT: usize = LENGTH / 3 * 4;
const CHUNKS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_win_each_version_once() {
    const PROCESSES: usize = 8;
    const WINS: u64 = 15;
    if told().is_some() {
        let store = builder().entry_sizes(0, TEXT / 3).open().await.unwrap();
        say("ready");
        wait_for_parent();
        let mut won = 0;
        while won < WINS {
            let (expected, count) = loaded(&store).await;
            if let Some(version) = commit(&store, expected, count + 1).await {
                say(&format!("{} {version}", count + 1));
                won += 1;
            }
        }
        return;
    }

    let service = SecretService::start().unwrap();
    let mut children = start("eight_processes_win_each_version_once", &service, PROCESSES);
    let mut versions = HashMap::new();
    for process in &mut children {
        for said in process.hear_all() {
            let (count, version) = said.split_once(' ').unwrap();
            let before = versions.insert(version.to_owned(), count.to_owned());
            assert_eq!(before, None, "version {version} was won twice");
        }
    }
    let total = PROCESSES as u64 * WINS;
    assert_eq!(versions.len() as u64, total);
    let counts: std::collections::HashSet<_> = versions.values().collect();
    assert_eq!(counts.len() as u64, total, "an update was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_eight_processes_is_granted_the_lease() {
    if let Some(role) = told() {
        let store = builder().open().await.unwrap();
        if role == "first" {
            let _ = commit(&store, Expected::Absent, 1).await;
            return;
        }
        say("ready");
        wait_for_parent();
        match store.try_lease(&KEY, HolderId::random(), LEASE).await.unwrap() {
            Lease::Granted { .. } => say("granted"),
            Lease::Held { .. } => say("held"),
            other => panic!("{other:?}"),
        }
        return;
    }

    let service = SecretService::start().unwrap();
    Process::start("one_of_eight_processes_is_granted_the_lease", &service, "first").hear_all();
    let mut children = start("one_of_eight_processes_is_granted_the_lease", &service, 8);
    let mut said: Vec<String> = children.iter_mut().flat_map(Process::hear_all).collect();
    said.sort();
    assert_eq!(said[..2], ["granted", "held"]);
    assert_eq!(said.len(), 8);
    assert!(said[2..].iter().all(|said| said == "held"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_of_a_killed_process_is_an_unsettled_attempt() {
    let clock = ManualClock::new();
    let open = || builder().clock(Arc::new(clock.clone())).open();
    match told().as_deref() {
        Some("successor") => {
            let store = open().await.unwrap();
            let successor = HolderId::random();
            let held = store.try_lease(&KEY, successor, LEASE).await.unwrap();
            assert_eq!(held, Lease::Held { remaining: LEASE });
            clock.advance(LEASE);
            let granted = store.try_lease(&KEY, successor, LEASE).await.unwrap();
            assert!(matches!(granted, Lease::Granted { unsettled: 1, .. }), "{granted:?}");
            return say("granted");
        }
        Some(_) => {
            let store = open().await.unwrap();
            let _ = commit(&store, Expected::Absent, 1).await;
            let lease = store.try_lease(&KEY, HolderId::random(), LEASE).await.unwrap();
            assert!(matches!(lease, Lease::Granted { unsettled: 0, .. }));
            say("granted");
            return wait_for_parent();
        }
        None => {}
    }
    let test = "the_lease_of_a_killed_process_is_an_unsettled_attempt";
    let service = SecretService::start().unwrap();
    let mut first = Process::start(test, &service, "first");
    assert_eq!(first.hear().as_deref(), Some("granted"));
    drop(first); // Kills it.
    assert_eq!(Process::start(test, &service, "successor").hear_all(), ["granted"]);
}

/// Killed between its chunks, or between those and the head.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_committed_is_kept_whole() {
    match told().as_deref() {
        Some("writer") => {
            let store = builder().open().await.unwrap();
            loop {
                let (expected, count) = loaded(&store).await;
                let _ = commit(&store, expected, count + 1).await;
                say(&(count + 1).to_string());
            }
        }
        Some(watch) if watch.starts_with("watch for ") => {
            let count: usize = watch["watch for ".len()..].parse().unwrap();
            while entries() < count {}
            return say("now");
        }
        Some(least) => {
            let store = builder().open().await.unwrap();
            let (expected, count) = loaded(&store).await;
            let least: u64 = least.parse().unwrap();
            assert!(count >= least, "{count} commits are left of at least {least}");
            assert!(commit(&store, expected, count).await.is_some());
            let before = entries();
            assert_eq!(store.sweep(10).await.unwrap(), 0);
            assert_eq!(store.list(None, 10).await.unwrap().entries.len(), 1);
            assert_eq!(entries(), 1 + CHUNKS, "the sweep leaves what the head names");
            return say(&(before - entries()).to_string());
        }
        None => {}
    }

    let test = "what_a_killed_process_committed_is_kept_whole";
    let service = SecretService::start().unwrap();
    let mut orphans = 0;
    for extra in [1, CHUNKS / 2, CHUNKS - 1] {
        let mut writer = Process::start(test, &service, "writer");
        let _ = writer.hear().unwrap();
        let least = writer.hear().unwrap();
        // New chunks are there, beside those of the record that they will replace.
        let mut watcher = Process::start(test, &service, &format!("watch for {}", 1 + CHUNKS + extra));
        assert_eq!(watcher.hear_all(), ["now"]);
        drop(writer); // Kills it, in the middle of something.
        let said = Process::start(test, &service, &least).hear_all();
        orphans += said[0].parse::<usize>().unwrap();
    }
    assert!(orphans > 0, "no process was killed between its chunks");
}

/// Starts `count` children in the test of that name, and lets them go when all are there.
fn start(test: &str, service: &SecretService, count: usize) -> Vec<Process> {
    let mut processes: Vec<Process> = (0..count).map(|_| Process::start(test, service, "one of many")).collect();
    for process in &mut processes {
        assert_eq!(process.hear().as_deref(), Some("ready"));
    }
    for process in &mut processes {
        process.go_on();
    }
    processes
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
