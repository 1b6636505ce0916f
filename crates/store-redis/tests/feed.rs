//! What is peculiar to the change feed; what every feed promises is in the contract.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oidc_session_core::{
    Change, Changes, Clock as _, Commit, Expected, Record, SessionStore as _, StoreErrorKind, StoreKey, Stored,
    SystemClock, Version,
};
use oidc_session_store_redis::RedisStore;
use oidc_session_test_servers::{Proxy, Redis, fresh_name, shared_redis};
use redis::aio::{ConnectionManager, MultiplexedConnection};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);

#[tokio::test]
async fn what_happens_under_another_prefix_is_not_told() {
    let prefix = fresh_name();
    let (store, stranger) = (connect(&prefix).await, connect(&fresh_name()).await);
    let mut changes = subscribe(&store).await;
    commit(&stranger, &KEY, Expected::Absent).await;
    connect(&prefix).await;
    let version = commit(&store, &KEY, Expected::Absent).await;
    assert_eq!(next(&mut changes).await, Change { key: KEY, version: Some(version) });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_told_and_ends_the_subscription() {
    let mut redis = Redis::start().await;
    let store = RedisStore::connect(redis.url()).await.unwrap();
    let mut changes = subscribe(&store).await;
    redis.restart().await;
    for _ in 0..2 {
        assert_eq!(failure(&mut changes).await, StoreErrorKind::Unavailable);
    }
    let mut changes = subscribe(&store).await;
    let version = commit(&store, &KEY, Expected::Absent).await;
    assert_eq!(next(&mut changes).await.version, Some(version));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_fell_silent_is_noticed_within_ten_seconds() {
    let redis = Redis::start().await;
    let network = Proxy::to(redis.address()).await;
    let store = RedisStore::connect(format!("redis://{}", network.address())).await.unwrap();
    let mut changes = subscribe(&store).await;
    network.stall();
    let noticed = timeout(Duration::from_secs(10), changes.next()).await;
    assert_eq!(noticed.unwrap().unwrap_err().kind(), StoreErrorKind::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_channel_is_not_a_dead_one() {
    let store = connect(&fresh_name()).await;
    let mut changes = subscribe(&store).await;
    sleep(Duration::from_secs(11)).await; // Longer than it takes to notice a dead one.
    let version = commit(&store, &KEY, Expected::Absent).await;
    assert_eq!(next(&mut changes).await.version, Some(version));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_of_another_server_than_the_stores_is_refused() {
    let (one, other) = (Redis::start().await, Redis::start().await);
    let manager = ConnectionManager::new(redis::Client::open(one.url()).unwrap()).await.unwrap();
    let from = |url: String| Some(redis::Client::open(url).unwrap());
    let store = RedisStore::builder_over(manager.clone(), from(other.url())).connect().await.unwrap();
    let error = store.change_feed().unwrap().subscribe().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured);
    assert!(error.source().unwrap().to_string().contains("the same server"), "{error:?}");

    let store = RedisStore::builder_over(manager, from(one.url())).connect().await.unwrap();
    let mut changes = subscribe(&store).await;
    let version = commit(&store, &KEY, Expected::Absent).await;
    assert_eq!(next(&mut changes).await.version, Some(version));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_stays_behind_at_a_failover_is_over_within_ten_seconds() {
    let (old, new) = (Redis::start().await, Redis::start().await);
    let upstream = Arc::new(Mutex::new(old.address()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(relay(listener, Arc::clone(&upstream)));
    let store = RedisStore::connect(format!("redis://{address}")).await.unwrap();
    let mut changes = subscribe(&store).await;
    assert!(timeout(Duration::from_secs(7), changes.next()).await.is_err(), "both are at the old server");

    *upstream.lock().unwrap() = new.address();
    let old = redis::Client::open(old.url()).unwrap();
    let mut old = old.get_multiplexed_async_connection().await.unwrap();
    let mut kill = redis::cmd("CLIENT");
    let _: i64 = kill.arg("KILL").arg("TYPE").arg("normal").query_async(&mut old).await.unwrap();
    commit(&store, &KEY, Expected::Absent).await;
    let deaf = timeout(Duration::from_secs(10), changes.next()).await.expect("not noticed within ten seconds");
    let error = deaf.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.source().unwrap().to_string().contains("not heard"), "{error:?}");
    assert_eq!(failure(&mut changes).await, StoreErrorKind::Unavailable, "it stays over");
}

/// Leads each new connection to the server that is the primary then; the others stay where they are.
async fn relay(listener: TcpListener, upstream: Arc<Mutex<SocketAddr>>) {
    let mut connections = JoinSet::new();
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let primary = *upstream.lock().unwrap();
        connections.spawn(async move {
            let mut server = TcpStream::connect(primary).await.unwrap();
            let _ = copy_bidirectional(&mut client, &mut server).await; // One of the two has gone.
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_an_answer_ends_no_subscription_at_once() {
    let redis = Redis::start().await;
    let network = Proxy::to(redis.address()).await;
    let manager = ConnectionManager::new(redis::Client::open(format!("redis://{}", network.address())).unwrap());
    let store = RedisStore::builder_over(manager.await.unwrap(), Some(redis::Client::open(redis.url()).unwrap()));
    let store = store.connect().await.unwrap();
    let mut changes = subscribe(&store).await;
    network.stall();
    assert!(timeout(Duration::from_secs(10), changes.next()).await.is_err());
    network.heal();
    assert!(timeout(Duration::from_secs(7), changes.next()).await.is_err());
    let version = commit(&store, &KEY, Expected::Absent).await;
    assert_eq!(next(&mut changes).await.version, Some(version));
}

#[tokio::test]
async fn a_server_that_is_down_is_told_when_subscribing() {
    let mut redis = Redis::start().await;
    let store = RedisStore::connect(redis.url()).await.unwrap();
    redis.kill().await;
    let error = store.change_feed().unwrap().subscribe().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}

#[tokio::test]
async fn what_somebody_else_publishes_is_told_as_a_failure() {
    let prefix = fresh_name();
    let store = connect(&prefix).await;
    for foreign in [" ", "hello", "0707 1"] {
        let mut changes = subscribe(&store).await;
        publish(&prefix, foreign, 1).await;
        assert_eq!(failure(&mut changes).await, StoreErrorKind::Misconfigured, "{foreign}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_told_and_takes_no_memory() {
    let prefix = fresh_name();
    let store = connect(&prefix).await;
    let mut changes = subscribe(&store).await;
    publish(&prefix, &format!("{} 1", "07".repeat(32)), 12_000).await;
    sleep(Duration::from_millis(500)).await;
    let mut told = 0;
    let error = loop {
        match timeout(Duration::from_secs(5), changes.next()).await.unwrap() {
            Ok(_) => told += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((told, error.kind()), (10_000, StoreErrorKind::Unavailable));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_subscription_takes_its_connection_along() {
    let prefix = fresh_name();
    let store = connect(&prefix).await;
    let changes = subscribe(&store).await;
    assert_eq!(subscribers(&prefix).await, 1);
    drop(changes);
    let gone = async {
        while subscribers(&prefix).await > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), gone).await.unwrap();
}

async fn connect(prefix: &str) -> RedisStore {
    RedisStore::builder(shared_redis().await).prefix(prefix).connect().await.unwrap()
}

async fn subscribe(store: &RedisStore) -> Box<dyn Changes> {
    store.change_feed().unwrap().subscribe().await.unwrap()
}

async fn next(changes: &mut Box<dyn Changes>) -> Change {
    timeout(Duration::from_secs(5), changes.next()).await.unwrap().unwrap()
}

async fn failure(changes: &mut Box<dyn Changes>) -> StoreErrorKind {
    timeout(Duration::from_secs(5), changes.next()).await.unwrap().unwrap_err().kind()
}

async fn commit(store: &RedisStore, key: &StoreKey, expected: Expected) -> Version {
    let next = Stored::after(expected, Record::from_bytes(b"record".to_vec()), SystemClock.now());
    assert_eq!(store.commit(key, expected, &next, None).await.unwrap(), Commit::Done);
    next.version
}

async fn publish(prefix: &str, what: &str, times: usize) {
    let mut publishing = redis::pipe();
    for _ in 0..times {
        publishing.cmd("PUBLISH").arg(format!("{prefix}:changes@0")).arg(what).ignore();
    }
    let _: () = publishing.query_async(&mut admin().await).await.unwrap();
}

async fn subscribers(prefix: &str) -> u64 {
    let mut asked = redis::cmd("PUBSUB");
    asked.arg("NUMSUB").arg(format!("{prefix}:changes@0"));
    let (_, count): (String, u64) = asked.query_async(&mut admin().await).await.unwrap();
    count
}

async fn admin() -> MultiplexedConnection {
    let client = redis::Client::open(shared_redis().await).unwrap();
    let patient = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(10)));
    client.get_multiplexed_async_connection_with_config(&patient).await.unwrap()
}
