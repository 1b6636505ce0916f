//! What is peculiar to a cluster; the contract runs on one as well.

#![cfg(feature = "cluster")]
#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::time::Duration;

use oidc_session_core::{
    Commit, Expected, List as _, Record, SessionStore as _, StoreErrorKind, StoreKey, Stored, Version, Walk, Walked,
};
use oidc_session_store_redis::RedisStore;
use oidc_session_test_servers::{Redis, RedisOptions};
use redis::{Value, cmd};
use tokio::time::timeout;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const CLUSTER: RedisOptions = RedisOptions { tls: false, acl: false, cluster: true };

#[tokio::test]
async fn all_of_a_session_is_on_the_node_of_its_hash_tag() {
    let redis = Redis::start_with(CLUSTER).await;
    let store = RedisStore::cluster_builder([redis.url()]).prefix("a").connect().await.unwrap();
    let _ = store.commit(&KEY, Expected::Absent, &first(), None).await.unwrap();
    let client = redis::Client::open(redis.url()).unwrap();
    let mut node = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = cmd("KEYS").arg("*").query_async(&mut node).await.unwrap();
    let tag = "07".repeat(32);
    assert_eq!(keys, [format!("a:{{{tag}}}")]);
    for key in [&keys[0], &format!("another:{{{tag}}}:lease")] {
        let slots: (u16, u16) = (slot(&mut node, key).await, slot(&mut node, &tag).await);
        assert_eq!(slots.0, slots.1, "{key}");
    }
}

#[tokio::test]
async fn a_node_of_a_cluster_is_no_single_server() {
    let redis = Redis::start_with(CLUSTER).await;
    let error = RedisStore::connect(redis.url()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured);
}

#[tokio::test]
async fn tls_and_a_user_are_in_the_url_of_a_cluster() {
    let redis = Redis::start_with(RedisOptions { tls: true, acl: true, cluster: true }).await;
    let builder = RedisStore::cluster_builder([redis.url()]).trust(redis.ca_pem());
    let store = builder.connect().await.unwrap();
    assert_eq!(store.commit(&KEY, Expected::Absent, &first(), None).await.unwrap(), Commit::Done);
    assert_eq!(Walk::over(&store).next().await.unwrap(), Some(Walked::Record { key: KEY, stored: first() }));
}

#[tokio::test]
async fn a_connection_to_a_cluster_may_be_brought_along() {
    let redis = Redis::start_with(CLUSTER).await;
    let client = redis::cluster::ClusterClient::new([redis.url()]).unwrap();
    let connection = client.get_async_connection().await.unwrap();
    let store = RedisStore::cluster_builder_over(connection).connect().await.unwrap();
    assert_eq!(store.commit(&KEY, Expected::Absent, &first(), None).await.unwrap(), Commit::Done);
    assert_eq!(store.load(&KEY).await.unwrap(), Some(first()));
    assert!(store.change_feed().is_none());
}

#[tokio::test]
async fn a_cursor_of_a_node_that_is_gone_goes_on_at_the_next() {
    let redis = Redis::start_with(CLUSTER).await;
    let store = RedisStore::cluster_builder([redis.url()]).connect().await.unwrap();
    let _ = store.commit(&KEY, Expected::Absent, &first(), None).await.unwrap();
    let gone =
        |id: char| oidc_session_core::Cursor::from_bytes(format!("{} 17", id.to_string().repeat(40)).into_bytes());
    let page = store.list(Some(&gone('0')), 10).await.unwrap();
    assert_eq!(page.entries, [(KEY, first())]);
    let page = store.list(Some(&gone('g')), 10).await.unwrap();
    assert_eq!((page.entries.len(), page.next), (0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_down_is_unavailable_in_time_until_it_is_back() {
    let mut redis = Redis::start_with(CLUSTER).await;
    let second = Duration::from_secs(1);
    let builder = RedisStore::cluster_builder([redis.url()]).connection_timeout(second).response_timeout(second);
    let store = builder.clone().connect().await.unwrap();
    let _ = store.commit(&KEY, Expected::Absent, &first(), None).await.unwrap();
    redis.kill().await;
    for _ in 0..3 {
        let error = timeout(4 * second, store.load(&KEY)).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    }
    let error = timeout(4 * second, builder.connect()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    redis.restart().await;
    assert_eq!(store.load(&KEY).await.unwrap(), Some(first()));
}

async fn slot(node: &mut redis::aio::MultiplexedConnection, key: &str) -> u16 {
    match cmd("CLUSTER").arg("KEYSLOT").arg(key).query_async(node).await.unwrap() {
        Value::Int(slot) => u16::try_from(slot).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn first() -> Stored {
    Stored { version: Version::from_u64(1), record: Record::from_bytes(b"first".to_vec()) }
}
