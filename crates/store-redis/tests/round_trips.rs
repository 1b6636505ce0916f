//! Each call is one command on the wire.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::time::Duration;

use futures_util::StreamExt as _;
use oidc_session_core::{
    Clock as _, Expected, HolderId, Record, Release, SessionStore as _, StoreKey, Stored, SystemClock,
};
use oidc_session_store_redis::RedisStore;
use oidc_session_test_servers::Redis;
use tokio::time::timeout;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const HOLDER: HolderId = HolderId::from_u128(1);
const LEASE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn each_call_is_one_round_trip_once_the_server_knows_the_scripts() {
    let redis = Redis::start().await;
    let store = RedisStore::connect(redis.url()).await.unwrap();
    one_of_each(&store).await;

    let seen = seen_by(&redis, one_of_each(&store)).await;
    assert_eq!(seen, ["evalsha"; 7]);
}

#[tokio::test]
async fn a_script_that_the_server_forgot_is_one_round_trip_more() {
    let redis = Redis::start().await;
    let store = RedisStore::connect(redis.url()).await.unwrap();
    one_of_each(&store).await;
    let client = redis::Client::open(redis.url()).unwrap();
    let mut admin = client.get_multiplexed_async_connection().await.unwrap();
    let _: () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut admin).await.unwrap();

    let seen = seen_by(&redis, async {
        for _ in 0..3 {
            assert_eq!(store.load(&KEY).await.unwrap(), None);
        }
    })
    .await;
    assert_eq!(seen, ["evalsha", "eval", "evalsha", "evalsha"]);
}

/// Seven calls, of each kind one and of commits two. Leaves nothing behind.
async fn one_of_each(store: &RedisStore) {
    let first = next(Expected::Absent);
    let second = next(Expected::At(first.version));
    let _ = store.commit(&KEY, Expected::Absent, &first, Some(SystemClock.now() + LEASE)).await.unwrap();
    let _ = store.try_lease(&KEY, HOLDER, LEASE).await.unwrap();
    let _ = store.renew(&KEY, HOLDER, LEASE).await.unwrap();
    store.release(&KEY, HOLDER, Release { pause: LEASE, unsettled: true }).await.unwrap();
    let _ = store.commit(&KEY, Expected::At(first.version), &second, None).await.unwrap();
    assert_eq!(store.load(&KEY).await.unwrap(), Some(second.clone()));
    let _ = store.remove(&KEY, second.version).await.unwrap();
}

fn next(expected: Expected) -> Stored {
    Stored::after(expected, Record::from_bytes(b"record".to_vec()), SystemClock.now())
}

/// The commands that clients sent meanwhile; those within scripts cost no round trip.
async fn seen_by(redis: &Redis, calls: impl Future<Output = ()>) -> Vec<String> {
    const END: &str = "the end";
    let client = redis::Client::open(redis.url()).unwrap();
    let mut admin = client.get_multiplexed_async_connection().await.unwrap();
    let monitor = client.get_async_monitor().await.unwrap();
    calls.await;
    let _: String = redis::cmd("ECHO").arg(END).query_async(&mut admin).await.unwrap();

    let mut seen = Vec::new();
    let mut lines = monitor.into_on_message::<String>();
    while let Some(line) = timeout(Duration::from_secs(5), lines.next()).await.unwrap() {
        if line.contains(END) {
            break;
        }
        let (client, command) = line.split_once("] \"").unwrap();
        if !client.ends_with(" lua") {
            seen.push(command.split('"').next().unwrap().to_lowercase());
        }
    }
    seen
}
