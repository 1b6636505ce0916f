//! What Redis forgets by itself, and what it must not.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::time::Duration;

use oidc_session_core::{
    Clock as _, Commit, Expected, HolderId, Lease, Record, Release, Renewal, SessionStore as _, StoreKey, Stored,
    SystemClock, Timestamp,
};
use oidc_session_store_redis::RedisStore;
use oidc_session_test_servers::{fresh_name, shared_redis};
use tokio::time::sleep;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const HOLDER: HolderId = HolderId::from_u128(u128::MAX - 1);
const SHORT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_millis(1200);

#[tokio::test]
async fn a_record_is_gone_after_its_time_and_its_key_is_free() {
    let (store, _) = store().await;
    let first = keep(&store, Expected::Absent, soon(SHORT)).await;
    assert_eq!(store.load(&KEY).await.unwrap(), Some(first.clone()));
    sleep(SHORT + SHORT).await;
    assert_eq!(store.load(&KEY).await.unwrap(), None);
    assert_eq!(lease(&store, LONG).await, Lease::Absent);
    let late = store.commit(&KEY, Expected::At(first.version), &first, None).await.unwrap();
    assert_eq!(late, Commit::Conflict, "an old version matches nothing");
    keep(&store, Expected::Absent, None).await;
}

#[tokio::test]
async fn each_commit_says_anew_how_long_to_keep() {
    let (store, prefix) = store().await;
    let first = keep(&store, Expected::Absent, soon(SHORT)).await;
    assert!(ttl(&prefix).await.is_some_and(|ttl| ttl <= SHORT));
    let second = keep(&store, Expected::At(first.version), None).await;
    assert_eq!(ttl(&prefix).await, None);
    sleep(SHORT + SHORT).await;
    assert_eq!(store.load(&KEY).await.unwrap(), Some(second.clone()));

    let third = keep(&store, Expected::At(second.version), soon(LONG)).await;
    assert!(ttl(&prefix).await.is_some_and(|ttl| ttl > SHORT && ttl <= LONG));
    keep(&store, Expected::At(third.version), Some(Timestamp::UNIX_EPOCH)).await;
    assert_eq!(store.load(&KEY).await.unwrap(), None);
}

#[tokio::test]
async fn a_time_beyond_all_is_never() {
    let (store, prefix) = store().await;
    keep(&store, Expected::Absent, Some(Timestamp::MAX)).await;
    assert_eq!(ttl(&prefix).await, None);
}

#[tokio::test]
async fn a_record_that_is_being_refreshed_stays_for_its_commit() {
    let (store, _) = store().await;
    let first = keep(&store, Expected::Absent, soon(SHORT)).await;
    assert!(matches!(lease(&store, LONG).await, Lease::Granted { .. }));
    sleep(SHORT + SHORT / 2).await;
    assert_eq!(store.load(&KEY).await.unwrap(), Some(first.clone()), "it was dropped under its holder");
    assert_eq!(store.renew(&KEY, HOLDER, LONG).await.unwrap(), Renewal::Done);
    sleep(LONG - SHORT / 2).await;
    let second = keep(&store, Expected::At(first.version), None).await;
    assert_eq!(store.load(&KEY).await.unwrap(), Some(second));
}

#[tokio::test]
async fn a_record_whose_holder_vanished_goes_when_the_lease_ends() {
    let (store, _) = store().await;
    keep(&store, Expected::Absent, soon(SHORT)).await;
    assert!(matches!(lease(&store, LONG).await, Lease::Granted { .. }));
    sleep(LONG + SHORT).await;
    assert_eq!(store.load(&KEY).await.unwrap(), None);
}

#[tokio::test]
async fn a_release_gives_the_record_its_own_time_back() {
    let (store, prefix) = store().await;
    keep(&store, Expected::Absent, soon(LONG)).await;
    assert!(matches!(lease(&store, 10 * LONG).await, Lease::Granted { .. }));
    assert!(ttl(&prefix).await.is_some_and(|ttl| ttl > LONG));
    store.release(&KEY, HOLDER, Release { pause: 10 * LONG, unsettled: true }).await.unwrap();
    assert!(ttl(&prefix).await.is_some_and(|ttl| ttl <= LONG), "a pause keeps no record");
}

#[tokio::test]
async fn a_lease_gives_no_end_to_a_record_that_has_none() {
    let (store, prefix) = store().await;
    keep(&store, Expected::Absent, None).await;
    assert!(matches!(lease(&store, SHORT).await, Lease::Granted { .. }));
    assert_eq!(ttl(&prefix).await, None);
    store.release(&KEY, HOLDER, Release::default()).await.unwrap();
    assert_eq!(ttl(&prefix).await, None);
}

#[tokio::test]
async fn a_short_lease_does_not_shorten_what_is_kept() {
    let (store, prefix) = store().await;
    keep(&store, Expected::Absent, soon(10 * LONG)).await;
    assert!(matches!(lease(&store, SHORT).await, Lease::Granted { .. }));
    assert!(ttl(&prefix).await.is_some_and(|ttl| ttl > 8 * LONG));
}

async fn store() -> (RedisStore, String) {
    let prefix = fresh_name();
    let store = RedisStore::builder(shared_redis().await).prefix(&prefix).connect().await.unwrap();
    (store, prefix)
}

async fn keep(store: &RedisStore, expected: Expected, keep_until: Option<Timestamp>) -> Stored {
    let next = Stored::after(expected, Record::from_bytes(b"kept".to_vec()), SystemClock.now());
    assert_eq!(store.commit(&KEY, expected, &next, keep_until).await.unwrap(), Commit::Done);
    next
}

async fn lease(store: &RedisStore, length: Duration) -> Lease {
    store.try_lease(&KEY, HOLDER, length).await.unwrap()
}

fn soon(time: Duration) -> Option<Timestamp> {
    Some(SystemClock.now() + time)
}

/// How long Redis will keep the record; `None` for ever.
async fn ttl(prefix: &str) -> Option<Duration> {
    let client = redis::Client::open(shared_redis().await).unwrap();
    let mut admin = client.get_multiplexed_async_connection().await.unwrap();
    let key = format!("{prefix}:{{{}}}", "07".repeat(32));
    let millis: i64 = redis::cmd("PTTL").arg(key).query_async(&mut admin).await.unwrap();
    assert_ne!(millis, -2, "the key is gone");
    u64::try_from(millis).ok().map(Duration::from_millis)
}
