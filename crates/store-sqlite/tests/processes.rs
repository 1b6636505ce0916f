//! Many processes on one database, with the machine's own clock. Each test starts itself again as its children.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{
    Clock as _, Commit, Expected, HolderId, Lease, Record, SessionStore as _, StoreKey, Stored, SystemClock, Version,
};
use oidc_session_store_sqlite::SqliteStore;
use oidc_session_testkit::ManualClock;
use oidc_session_testkit::processes::{Child, Children, Parent};

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const LEASE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_win_each_version_once() {
    const PROCESSES: usize = 8;
    const WINS: u64 = 50;
    if let Some(parent) = Parent::of_this_process() {
        parent.ready();
        let store = open(parent.address()).await;
        let mut won = 0;
        while won < WINS {
            let (expected, count) = loaded(&store).await;
            if let Some(version) = commit(&store, expected, count + 1).await {
                parent.say(&format!("{} {version}", count + 1));
                won += 1;
            }
        }
        return;
    }

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions.db");
    let mut children = start("eight_processes_win_each_version_once", &path, PROCESSES);
    let mut versions = HashMap::new();
    for process in children.iter_mut() {
        for said in process.hear_all() {
            let (count, version) = said.split_once(' ').unwrap();
            let before = versions.insert(version.to_owned(), count.to_owned());
            assert_eq!(before, None, "version {version} was won twice");
        }
    }
    let total = PROCESSES as u64 * WINS;
    assert_eq!(versions.len() as u64, total);
    let (_, count) = loaded(&open(&path).await).await;
    assert_eq!(count, total, "an update was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_eight_processes_is_granted_the_lease() {
    if let Some(parent) = Parent::of_this_process() {
        let store = open(parent.address()).await;
        parent.ready();
        match store.try_lease(&KEY, HolderId::random(), LEASE).await.unwrap() {
            Lease::Granted { .. } => parent.say("granted"),
            Lease::Held { .. } => parent.say("held"),
            other => panic!("{other:?}"),
        }
        return;
    }

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions.db");
    let _ = commit(&open(&path).await, Expected::Absent, 1).await;
    let mut children = start("one_of_eight_processes_is_granted_the_lease", &path, 8);
    let mut said: Vec<String> = children.iter_mut().flat_map(Child::hear_all).collect();
    said.sort();
    assert_eq!(said[..2], ["granted", "held"]);
    assert_eq!(said.len(), 8);
    assert!(said[2..].iter().all(|said| said == "held"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_of_a_killed_process_is_an_unsettled_attempt() {
    if let Some(parent) = Parent::of_this_process() {
        parent.ready();
        let store = open_with(parent.address(), ManualClock::new()).await;
        let lease = store.try_lease(&KEY, HolderId::random(), LEASE).await.unwrap();
        assert!(matches!(lease, Lease::Granted { unsettled: 0, .. }));
        parent.say("granted");
        parent.wait_to_be_killed();
    }

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions.db");
    let clock = ManualClock::new();
    let store = open_with(&path, clock.clone()).await;
    let _ = commit(&store, Expected::Absent, 1).await;
    let mut children = start("the_lease_of_a_killed_process_is_an_unsettled_attempt", &path, 1);
    assert_eq!(children[0].hear().as_deref(), Some("granted"));
    drop(children); // Kills it.

    let successor = HolderId::random();
    let held = store.try_lease(&KEY, successor, LEASE).await.unwrap();
    assert_eq!(held, Lease::Held { remaining: LEASE });
    clock.advance(LEASE);
    let granted = store.try_lease(&KEY, successor, LEASE).await.unwrap();
    assert!(matches!(granted, Lease::Granted { unsettled: 1, .. }), "{granted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_committed_is_kept() {
    if let Some(parent) = Parent::of_this_process() {
        parent.ready();
        let store = open(parent.address()).await;
        loop {
            let (expected, count) = loaded(&store).await;
            let _ = commit(&store, expected, count + 1).await;
            parent.say(&(count + 1).to_string());
        }
    }

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions.db");
    let mut least = 0;
    for _ in 0..5 {
        let mut children = start("what_a_killed_process_committed_is_kept", &path, 1);
        for _ in 0..20 {
            least = children[0].hear().unwrap().parse().unwrap();
        }
        drop(children); // Kills it, in the middle of something.
        let (expected, count) = loaded(&open(&path).await).await;
        assert!(count >= least, "{count} commits are left of at least {least}");
        assert!(commit(&open(&path).await, expected, count).await.is_some());
    }
}

/// Starts `count` children in the test of that name, and lets them go when all are there.
fn start(test: &str, path: &Path, count: usize) -> Children {
    let mut children = Children::start(test, path.to_str().unwrap(), count);
    children.go("");
    children
}

async fn open(path: impl AsRef<Path>) -> SqliteStore {
    let builder = SqliteStore::builder(path.as_ref()).busy_timeout(Duration::from_secs(60));
    builder.open().await.unwrap()
}

async fn open_with(path: impl AsRef<Path>, clock: ManualClock) -> SqliteStore {
    SqliteStore::builder(path.as_ref()).clock(Arc::new(clock)).open().await.unwrap()
}

async fn loaded(store: &SqliteStore) -> (Expected, u64) {
    match store.load(&KEY).await.unwrap() {
        Some(stored) => {
            let count = stored.record.as_bytes().try_into().unwrap();
            (Expected::At(stored.version), u64::from_be_bytes(count))
        }
        None => (Expected::Absent, 0),
    }
}

/// The new version, if `expected` held.
async fn commit(store: &SqliteStore, expected: Expected, count: u64) -> Option<Version> {
    let next = Stored::after(expected, Record::from_bytes(count.to_be_bytes().to_vec()), SystemClock.now());
    let commit = store.commit(&KEY, expected, &next, None).await.unwrap();
    (commit == Commit::Done).then_some(next.version)
}
