//! What is peculiar to the change feed; what every feed promises is in the contract.

use std::error::Error as _;
use std::time::Duration;

use oidc_session_core::StoreErrorKind::{Misconfigured, Unavailable};
use oidc_session_core::{
    Change, Changes, Commit, Expected, SessionStore as _, StoreKey, Sweep as _, Timestamp, Version,
};
use oidc_session_store_postgres::PostgresStore;
use oidc_session_test_servers::{Postgres, Proxy, fresh_name, shared_postgres};
use tokio::time::timeout;

use oidc_session_store_postgres::deadpool_postgres::{Manager, Pool, Runtime};
use tokio_postgres::NoTls;

use crate::fixture::{KEY, builder, client, commit, create, kind, next, through, timed};
use crate::pooler::Pooler;

async fn subscribed(store: &PostgresStore) -> Box<dyn Changes> {
    store.change_feed().unwrap().subscribe().await.unwrap()
}

async fn told(changes: &mut Box<dyn Changes>) -> Change {
    timeout(Duration::from_secs(20), changes.next()).await.expect("nothing was told").unwrap()
}

fn committed(key: StoreKey, version: Version) -> Change {
    Change { key, version: Some(version) }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sweep_drops_is_told_and_what_happens_in_another_schema_is_not() {
    let store = builder(shared_postgres().await).connect().await.unwrap();
    let elsewhere = builder(shared_postgres().await).connect().await.unwrap();
    let mut changes = subscribed(&store).await;
    create(&elsewhere, KEY, "in another schema").await;
    let past = next(Expected::Absent, "to be swept");
    let kept = store.commit(&KEY, Expected::Absent, &past, Some(Timestamp::UNIX_EPOCH)).await.unwrap();
    assert_eq!(kept, Commit::Done);
    assert_eq!(store.sweep(10).await.unwrap(), 1);
    assert_eq!(told(&mut changes).await, committed(KEY, past.version));
    assert_eq!(told(&mut changes).await, Change { key: KEY, version: None });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_send_on_the_channel_is_passed_over() {
    let (url, schema) = (shared_postgres().await, fresh_name());
    let store = builder(url).schema(&schema).connect().await.unwrap();
    let mut changes = subscribed(&store).await;
    let other = client(url, &schema).await;
    for payload in ["", "hello", "00:1", &format!("{}:x", "0".repeat(64))] {
        other.execute("SELECT pg_notify($1, $2)", &[&format!("{schema}_changes"), &payload]).await.unwrap();
    }
    let version = create(&store, KEY, "first").await;
    assert_eq!(told(&mut changes).await, committed(KEY, version));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_an_error_and_ends_the_subscription() {
    let mut server = Postgres::start().await;
    let store = builder(&server.url()).connect().await.unwrap();
    let mut changes = subscribed(&store).await;
    server.kill().await;
    let lost = timeout(Duration::from_secs(10), changes.next()).await.expect("the loss is told");
    assert_eq!(kind(lost), Unavailable);
    assert_eq!(kind(changes.next().await), Unavailable, "it stays over");
    assert_eq!(kind(store.change_feed().unwrap().subscribe().await), Unavailable);

    server.restart().await;
    let mut changes = subscribed(&store).await;
    let version = create(&store, KEY, "first").await;
    assert_eq!(told(&mut changes).await, committed(KEY, version));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_cut_is_noticed_within_ten_seconds() {
    let server = Postgres::start().await;
    let network = Proxy::to(server.address()).await;
    let store = builder(&through(&server.url(), server.address(), network.address())).connect().await.unwrap();
    let mut changes = subscribed(&store).await;
    // A subscription that nothing happens to goes on for longer than the heartbeat.
    assert!(timeout(Duration::from_secs(4), changes.next()).await.is_err());
    network.stall();
    let (took, lost) = timed(timeout(Duration::from_secs(10), changes.next())).await;
    assert_eq!(kind(lost.expect("not noticed within ten seconds")), Unavailable);
    assert!(took > Duration::from_secs(1), "{took:?}");
    assert_eq!(kind(store.change_feed().unwrap().subscribe().await), Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_behind_a_pooler_of_transactions_is_refused_and_one_past_it_is_followed() {
    let server = Postgres::start().await;
    let pooler = Pooler::to(server.address()).await;
    pooler.pool_transactions();
    let builder = builder(&format!("{}?sslmode=disable", through(&server.url(), server.address(), pooler.address())));
    let deaf = builder.clone().connect().await.unwrap();
    let error = deaf.change_feed().unwrap().subscribe().await.unwrap_err();
    assert_eq!(error.kind(), Misconfigured);
    assert!(error.source().unwrap().to_string().contains("`changes_from`"), "{error:?}");

    let store = builder.changes_from(server.url()).connect().await.unwrap();
    let mut changes = subscribed(&store).await;
    let version = create(&store, KEY, "first").await;
    assert_eq!(told(&mut changes).await, committed(KEY, version));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_turns_deaf_is_over_within_ten_seconds() {
    let server = Postgres::start().await;
    let pooler = Pooler::to(server.address()).await;
    let url = format!("{}?sslmode=disable", through(&server.url(), server.address(), pooler.address()));
    let store = builder(&url).connect().await.unwrap();
    let mut changes = subscribed(&store).await;
    assert!(timeout(Duration::from_secs(8), changes.next()).await.is_err(), "of sessions, a pooler is no hindrance");
    pooler.pool_transactions();
    let deaf = timeout(Duration::from_secs(10), changes.next()).await.expect("not noticed within ten seconds");
    let error = deaf.unwrap_err();
    assert_eq!(error.kind(), Unavailable);
    assert!(error.source().unwrap().to_string().contains("not heard"), "{error:?}");
    assert_eq!(kind(changes.next().await), Unavailable, "it stays over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_used_up_ends_no_subscription() {
    let (url, schema) = (shared_postgres().await, fresh_name());
    let builder = builder(url).schema(&schema).pool_size(1).statement_timeout(Duration::from_secs(30));
    let store = builder.connect().await.unwrap();
    let version = create(&store, KEY, "first").await;
    let mut changes = subscribed(&store).await;
    let mut other = client(url, &schema).await;
    let holding = other.transaction().await.unwrap();
    holding.execute("SELECT FROM sessions FOR UPDATE", &[]).await.unwrap();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { commit(&store, KEY, Expected::At(version), "second").await }
    });
    assert!(timeout(Duration::from_secs(10), changes.next()).await.is_err());
    holding.rollback().await.unwrap();
    let version = waiting.await.unwrap().unwrap().unwrap();
    assert_eq!(told(&mut changes).await, committed(KEY, version));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_over_a_pool_of_the_program_has_a_feed_if_it_is_told_where_from() {
    let url = shared_postgres().await;
    let pool = Pool::builder(Manager::new(url.parse().unwrap(), NoTls)).max_size(2).runtime(Runtime::Tokio1);
    let builder = PostgresStore::from_pool(pool.build().unwrap()).schema(fresh_name());
    let store = builder.clone().changes_from(url).connect().await.unwrap();
    let mut changes = subscribed(&store).await;
    let version = create(&store, KEY, "first").await;
    assert_eq!(told(&mut changes).await, committed(KEY, version));

    let (before, _) = url.rsplit_once('/').unwrap();
    let elsewhere = builder.changes_from(format!("{before}/postgres")).connect().await.unwrap();
    assert_eq!(kind(elsewhere.change_feed().unwrap().subscribe().await), Misconfigured, "of another database");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_too_slowly_is_told_so_and_holds_nobody_up() {
    let (url, schema) = (shared_postgres().await, fresh_name());
    let store = builder(url).schema(&schema).connect().await.unwrap();
    let mut changes = subscribed(&store).await;
    let flood =
        format!("SELECT pg_notify('{schema}_changes', repeat('0', 64) || ':' || n) FROM generate_series(1, $1) n");
    let other = client(url, &schema).await;
    other.execute(&flood, &[&20_000]).await.unwrap();
    // Nothing is read before as much waits as may.
    let is_full = async {
        while !format!("{changes:?}").contains("waiting: 9999") {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), is_full).await.expect("the flood came in");
    let mut read = 0;
    let error = loop {
        match timeout(Duration::from_secs(20), changes.next()).await.expect("neither told nor failed") {
            Ok(change) => {
                read += 1;
                assert_eq!(change.version, Some(Version::from_u64(read)), "nothing is left out");
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), Unavailable);
    assert!(read < 20_000, "{read}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_subscription_lets_its_connection_go() {
    let server = Postgres::start().await;
    let store = builder(&server.url()).connect().await.unwrap();
    let other = client(&server.url(), "public").await;
    let listening = async || {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query = 'SELECT 1'";
        other.query_one(count, &[]).await.unwrap().get::<_, i64>(0)
    };
    let changes = subscribed(&store).await;
    assert_eq!(listening().await, 1);
    drop(changes);
    timeout(Duration::from_secs(10), async {
        while listening().await > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the connection stayed");
}
