//! Leases: by the server's clock, and what they cost.

use std::time::Duration;

use oidc_session_core::{Commit, Expected, HolderId, Lease, Record, Renewal, SessionStore as _, Stored, Version};
use oidc_session_store_postgres::PostgresStore;
use oidc_session_test_servers::{Postgres, fresh_name, shared_postgres};
use tokio::task::JoinSet;

use crate::fixture::{KEY, builder, client, commit, create, key};

const MINUTE: Duration = Duration::from_secs(60);

/// Instead of waiting, and of a clock that can be set: the row says how long ago it was.
async fn let_pass(other: &tokio_postgres::Client, time: Duration) {
    let moved = "UPDATE sessions SET lease_ends_at_unix_ms = lease_ends_at_unix_ms - $1";
    other.execute(moved, &[&i64::try_from(time.as_millis()).unwrap()]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_lease_is_counted_once_however_many_ask() {
    let (url, schema) = (shared_postgres().await, fresh_name());
    let store = builder(url).schema(&schema).statement_timeout(MINUTE).acquire_timeout(MINUTE).connect().await.unwrap();
    let other = client(url, &schema).await;
    create(&store, KEY, "first").await;
    assert!(matches!(lease(&store).await, Lease::Granted { unsettled: 0, .. }));
    for round in 1..=20 {
        let_pass(&other, MINUTE).await;
        let mut asking = JoinSet::new();
        for _ in 0..16 {
            let store = store.clone();
            asking.spawn(async move { lease(&store).await });
        }
        let answers = asking.join_all().await;
        let granted: Vec<u32> = answers
            .iter()
            .filter_map(|answer| match answer {
                Lease::Granted { unsettled, .. } => Some(*unsettled),
                Lease::Held { .. } => None,
                answer => panic!("{answer:?}"),
            })
            .collect();
        assert_eq!(granted, [round]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_brings_the_record_that_is_there_when_it_is_granted() {
    let (url, schema) = (shared_postgres().await, fresh_name());
    let store = builder(url).schema(&schema).statement_timeout(MINUTE).connect().await.unwrap();
    create(&store, KEY, "first").await;

    // Somebody is just committing: the request for the lease began before, and is granted after.
    let mut committing = client(url, &schema).await;
    let watching = client(url, &schema).await;
    let transaction = committing.transaction().await.unwrap();
    transaction.execute("UPDATE sessions SET version = 77, record = 'second'", &[]).await.unwrap();
    let asking = tokio::spawn({
        let store = store.clone();
        async move { lease(&store).await }
    });
    wait_for_a_waiter(&watching, &schema).await;
    transaction.commit().await.unwrap();
    let stored = Stored { version: Version::from_u64(77), record: Record::from_bytes(b"second".to_vec()) };
    assert_eq!(asking.await.unwrap(), Lease::Granted { stored, unsettled: 0 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_waited_for_another_conflicts() {
    let (url, schema) = (shared_postgres().await, fresh_name());
    let store = builder(url).schema(&schema).statement_timeout(MINUTE).connect().await.unwrap();
    let first = create(&store, KEY, "first").await;
    let mut committing = client(url, &schema).await;
    let watching = client(url, &schema).await;
    let transaction = committing.transaction().await.unwrap();
    transaction.execute("UPDATE sessions SET version = 77, record = 'second'", &[]).await.unwrap();
    let late = tokio::spawn({
        let store = store.clone();
        async move { commit(&store, KEY, Expected::At(first), "late").await.unwrap() }
    });
    wait_for_a_waiter(&watching, &schema).await;
    transaction.commit().await.unwrap();
    assert_eq!(late.await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn lease_time_begins_when_the_row_is_free() {
    let (url, schema) = (shared_postgres().await, fresh_name());
    let store = builder(url).schema(&schema).statement_timeout(MINUTE).connect().await.unwrap();
    create(&store, KEY, "first").await;
    let mut holding = client(url, &schema).await;
    let watching = client(url, &schema).await;
    let transaction = holding.transaction().await.unwrap();
    transaction.execute("SELECT FROM sessions FOR UPDATE", &[]).await.unwrap();
    let length = Duration::from_millis(500);
    let asking = tokio::spawn({
        let store = store.clone();
        async move { store.try_lease(&KEY, HolderId::random(), length).await.unwrap() }
    });
    wait_for_a_waiter(&watching, &schema).await;
    tokio::time::sleep(length).await;
    let freed_at = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let freed_at: i64 = watching.query_one(freed_at, &[]).await.unwrap().get(0);
    transaction.rollback().await.unwrap();
    assert!(matches!(asking.await.unwrap(), Lease::Granted { .. }));
    let ends_at: i64 = watching.query_one("SELECT lease_ends_at_unix_ms FROM sessions", &[]).await.unwrap().get(0);
    assert!(ends_at >= freed_at + 500, "{ends_at} is too soon after {freed_at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_servers_clock_was_set_back_a_lease_lasts_no_longer_than_its_length() {
    let (url, schema) = (shared_postgres().await, fresh_name());
    let store = builder(url).schema(&schema).connect().await.unwrap();
    let other = client(url, &schema).await;
    create(&store, KEY, "first").await;
    assert!(matches!(lease(&store).await, Lease::Granted { .. }));
    // As if the clock had been an hour ahead when the lease was granted.
    other.execute("UPDATE sessions SET lease_ends_at_unix_ms = lease_ends_at_unix_ms + 3600000", &[]).await.unwrap();
    for _ in 0..2 {
        match lease(&store).await {
            Lease::Held { remaining } => assert!(remaining <= MINUTE, "{remaining:?}"),
            answer => panic!("{answer:?}"),
        }
    }
    let_pass(&other, MINUTE).await;
    assert!(matches!(lease(&store).await, Lease::Granted { unsettled: 1, .. }));
}

#[tokio::test]
async fn no_length_is_too_long() {
    let store = builder(shared_postgres().await).connect().await.unwrap();
    create(&store, KEY, "first").await;
    let holder = HolderId::random();
    assert!(matches!(store.try_lease(&KEY, holder, Duration::MAX).await.unwrap(), Lease::Granted { .. }));
    assert_eq!(store.renew(&KEY, holder, Duration::MAX).await.unwrap(), Renewal::Done);
    assert!(matches!(lease(&store).await, Lease::Held { .. }));
    let release = oidc_session_core::Release { pause: Duration::MAX, unsettled: true };
    store.release(&KEY, holder, release).await.unwrap();
    assert!(matches!(lease(&store).await, Lease::Paused { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_a_lease_does_not_write_the_record_again() {
    const LEASES: u8 = 20;
    let server = Postgres::start().await; // Of its own, because all writes of a server are counted.
    let schema = fresh_name();
    let store = builder(&server.url()).schema(&schema).connect().await.unwrap();
    let other = client(&server.url(), &schema).await;
    let record = Record::from_bytes((0..Record::MAX_STORED_LENGTH).map(|at| (at * 7 % 251) as u8).collect());
    let first = Stored { version: Version::from_u64(1), record };
    assert_eq!(store.commit(&KEY, Expected::Absent, &first, None).await.unwrap(), Commit::Done);
    assert_eq!(store.commit(&key(8), Expected::Absent, &first, None).await.unwrap(), Commit::Done);
    let written = async || -> i64 {
        let position = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint";
        other.query_one(position, &[]).await.unwrap().get(0)
    };
    let before = written().await;
    for _ in 0..LEASES {
        assert!(matches!(lease(&store).await, Lease::Granted { .. }));
        let_pass(&other, MINUTE).await;
    }
    let each = (written().await - before) / i64::from(LEASES);
    assert!(each < 16_384, "a lease of a record of {} bytes wrote {each} bytes", Record::MAX_STORED_LENGTH);
}

async fn lease(store: &PostgresStore) -> Lease {
    store.try_lease(&KEY, HolderId::random(), MINUTE).await.unwrap()
}

/// Returns when a statement about the tables of `schema` waits for a lock.
async fn wait_for_a_waiter(watching: &tokio_postgres::Client, schema: &str) {
    let waiters = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1";
    let about = format!("%{schema}%");
    while watching.query_one(waiters, &[&about]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
}
