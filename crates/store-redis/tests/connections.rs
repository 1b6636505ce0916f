//! Ways to a server: URLs, TLS, users, connections that were brought along; and what is said when there is no way.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::error::Error as _;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use oidc_session_core::{
    Commit, Custody, Expected, Record, SessionStore as _, StoreError, StoreErrorKind, StoreKey, Stored, Version,
};
use oidc_session_store_redis::{RedisStore, RedisStoreBuilder};
use oidc_session_test_servers::{Redis, RedisOptions, fresh_name};
use redis::aio::ConnectionManager;
use tokio::time::timeout;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const SECURED: RedisOptions = RedisOptions { tls: true, acl: true, cluster: false };

#[tokio::test]
async fn tls_and_a_user_are_in_the_url() {
    let redis = Redis::start_with(SECURED).await;
    works(RedisStore::builder(redis.url()).trust(redis.ca_pem())).await;
}

#[tokio::test]
async fn a_client_and_a_connection_may_be_brought_along() {
    let redis = Redis::start().await;
    let client = redis::Client::open(redis.url()).unwrap();
    works(RedisStore::builder_for(client.clone())).await;
    let manager = ConnectionManager::new(client.clone()).await.unwrap();
    works(RedisStore::builder_over(manager.clone(), None)).await;

    let store = RedisStore::builder_over(manager.clone(), None).connect().await.unwrap();
    assert!(store.change_feed().is_none(), "there is nothing to subscribe with");
    let store = RedisStore::builder_over(manager, Some(client)).connect().await.unwrap();
    assert!(store.change_feed().is_some());
    assert_eq!(store.custody(), Custody::Server);
}

#[tokio::test]
async fn databases_of_one_server_are_apart() {
    let redis = Redis::start().await;
    let one = RedisStore::connect(redis.url()).await.unwrap();
    let other = RedisStore::connect(redis.url().replace("/0", "/1")).await.unwrap();
    let _ = one.commit(&KEY, Expected::Absent, &first(), None).await.unwrap();
    assert_eq!(other.load(&KEY).await.unwrap(), None);
    let mut changes = other.change_feed().unwrap().subscribe().await.unwrap();
    assert_eq!(one.remove(&KEY, first().version).await.unwrap(), oidc_session_core::Removal::Done);
    let _ = other.commit(&KEY, Expected::Absent, &first(), None).await.unwrap();
    assert_eq!(changes.next().await.unwrap().version, Some(first().version), "the other's remove was told");
}

#[tokio::test]
async fn a_wrong_password_is_denied() {
    let redis = Redis::start_with(RedisOptions { acl: true, ..Default::default() }).await;
    let address = redis.address();
    for url in [
        format!("redis://sessions:rt-SECRET@{address}"),
        format!("redis://nobody:rt-SECRET@{address}"),
        format!("redis://{address}"),
    ] {
        refuses(RedisStore::builder(url), StoreErrorKind::Denied).await;
    }
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_is_a_wrong_setting() {
    let redis = Redis::start_with(SECURED).await;
    let another = Redis::start_with(SECURED).await;
    refuses(RedisStore::builder(redis.url()), StoreErrorKind::Misconfigured).await;
    refuses(RedisStore::builder(redis.url()).trust(another.ca_pem()), StoreErrorKind::Misconfigured).await;
    refuses(RedisStore::builder(redis.url()).trust("no certificate"), StoreErrorKind::Misconfigured).await;
    refuses(RedisStore::builder(redis.url() + "#insecure"), StoreErrorKind::Misconfigured).await;
}

#[tokio::test]
async fn who_speaks_tls_with_one_who_does_not_gets_no_answer() {
    let (redis, secured) = (Redis::start().await, Redis::start_with(SECURED).await);
    let mismatched = RedisStore::builder(redis.url().replace("redis:", "rediss:")).trust(secured.ca_pem());
    refuses(mismatched.connection_timeout(Duration::from_millis(300)), StoreErrorKind::Unavailable).await;
    refuses(RedisStore::builder(format!("redis://{}", secured.address())), StoreErrorKind::Unavailable).await;
}

#[tokio::test]
async fn certificates_without_tls_are_a_wrong_setting() {
    let (redis, secured) = (Redis::start().await, Redis::start_with(SECURED).await);
    refuses(RedisStore::builder(redis.url()).trust(secured.ca_pem()), StoreErrorKind::Misconfigured).await;
    let client = redis::Client::open(redis.url()).unwrap();
    refuses(RedisStore::builder_for(client).trust(secured.ca_pem()), StoreErrorKind::Misconfigured).await;
}

#[tokio::test]
async fn a_url_of_something_else_is_a_wrong_setting() {
    for url in [
        "",
        "rt-SECRET",
        "https://app:rt-SECRET@redis.example",
        "redis://app:rt-SECRET@redis.example:port",
        "redis://app:rt-SECRET@redis.example/rt-SECRET",
        "redis://app:rt-SECRET@redis.example/?protocol=rt-SECRET",
    ] {
        refuses(RedisStore::builder(url), StoreErrorKind::Misconfigured).await;
    }
    refuses(RedisStore::builder("redis://app:rt-SECRET@127.0.0.1:1"), StoreErrorKind::Unavailable).await;
    refuses(RedisStore::builder("unix:///nowhere/redis.sock?pass=rt-SECRET"), StoreErrorKind::Unavailable).await;
}

#[tokio::test]
async fn a_prefix_with_a_meaning_is_a_wrong_setting() {
    let redis = Redis::start().await;
    refuses(RedisStore::builder(redis.url()).prefix("{tag}"), StoreErrorKind::Misconfigured).await;
}

#[tokio::test]
async fn what_is_no_redis_is_a_wrong_setting() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 1024]).unwrap();
            connection.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    });
    refuses(RedisStore::builder(url), StoreErrorKind::Misconfigured).await;
}

#[tokio::test]
async fn who_never_answers_is_unavailable_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = RedisStore::builder(format!("redis://{}", listener.local_addr().unwrap()))
        .connection_timeout(Duration::from_millis(300))
        .response_timeout(Duration::from_secs(30));
    timeout(Duration::from_secs(3), refuses(silent, StoreErrorKind::Unavailable)).await.unwrap();
}

#[cfg(not(feature = "cluster"))]
#[tokio::test]
async fn a_node_of_a_cluster_is_no_single_server() {
    let redis = Redis::start_with(RedisOptions { cluster: true, ..Default::default() }).await;
    refuses(RedisStore::builder(redis.url()), StoreErrorKind::Misconfigured).await;
}

async fn works(builder: RedisStoreBuilder) {
    let store = builder.prefix(fresh_name()).connect().await.unwrap();
    assert_eq!(store.commit(&KEY, Expected::Absent, &first(), None).await.unwrap(), Commit::Done);
    assert_eq!(store.load(&KEY).await.unwrap(), Some(first()));
}

/// And tells no secret.
async fn refuses(builder: RedisStoreBuilder, kind: StoreErrorKind) {
    let shown = format!("{builder:?}");
    let error: StoreError = builder.connect().await.unwrap_err();
    assert_eq!(error.kind(), kind, "{error:?}");
    let source = error.source().unwrap();
    assert!(source.to_string().len() > 10, "{source} does not help");
    let shown = format!("{shown} {error} {error:?} {source}");
    assert!(!shown.contains("SECRET") && !shown.contains("redis://"), "{shown}");
}

fn first() -> Stored {
    Stored { version: Version::from_u64(1), record: Record::from_bytes(b"first".to_vec()) }
}
