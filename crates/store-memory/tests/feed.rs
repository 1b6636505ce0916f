//! What is peculiar to a feed in memory; the rest is the contract's.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use oidc_session_core::{
    Change, Changes, Clock as _, Commit, Expected, Record, SessionId, SessionStore, StoreError, StoreErrorKind,
    StoreKey, Stored, Sweep as _, Timestamp, Version,
};
use oidc_session_store_memory::MemoryStore;
use oidc_session_testkit::ManualClock;

fn key() -> StoreKey {
    SessionId::named("default").unwrap().store_key()
}

async fn put(store: &MemoryStore, expected: Expected, version: u64, keep_until: Option<Timestamp>) -> Expected {
    let version = Version::from_u64(version);
    let next = Stored { version, record: Record::from_bytes(b"record".to_vec()) };
    assert_eq!(store.commit(&key(), expected, &next, keep_until).await.unwrap(), Commit::Done);
    Expected::At(version)
}

/// What is told already: nobody waits for what may never come.
fn told(changes: &mut Box<dyn Changes>) -> Result<Change, StoreError> {
    match changes.next().as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(told) => told,
        Poll::Pending => panic!("nothing was told"),
    }
}

#[tokio::test]
async fn a_listener_that_falls_too_far_behind_is_told_so_and_hears_no_more() {
    let store = MemoryStore::new();
    let mut changes = store.change_feed().unwrap().subscribe().await.unwrap();
    let mut expected = Expected::Absent;
    for version in 0..1_025 {
        expected = put(&store, expected, version, None).await;
    }
    for _ in 0..2 {
        assert_eq!(told(&mut changes).unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
}

#[tokio::test]
async fn what_a_sweep_drops_is_told_as_removed() {
    let clock = ManualClock::new();
    let store = MemoryStore::with_clock(Arc::new(clock.clone()));
    put(&store, Expected::Absent, 1, Some(clock.now())).await;
    let mut changes = store.clone().change_feed().unwrap().subscribe().await.unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(store.sweep(10).await.unwrap(), 1);
    assert_eq!(told(&mut changes).unwrap(), Change { key: key(), version: None });
}

#[tokio::test]
async fn clones_hear_of_each_others_commits_in_their_order() {
    let (one, other) = {
        let store = MemoryStore::new();
        (store.clone(), store)
    };
    let mut changes = one.change_feed().unwrap().subscribe().await.unwrap();
    let first = put(&other, Expected::Absent, 1, None).await;
    put(&one, first, 2, None).await;
    for version in [1, 2].map(Version::from_u64) {
        assert_eq!(told(&mut changes).unwrap(), Change { key: key(), version: Some(version) });
    }
}
