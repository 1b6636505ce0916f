//! Servers that die, and networks that are cut: calls fail typed and in time, nothing committed is lost, and the next
//! call after an outage works.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::time::Duration;

use oidc_session_core::{
    Clock as _, Commit, Expected, Record, SessionStore as _, StoreError, StoreErrorKind, StoreKey, Stored, SystemClock,
    Version,
};
use oidc_session_store_redis::RedisStore;
use oidc_session_test_servers::{Proxy, Redis};
use redis::aio::MultiplexedConnection;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const LIMIT: Duration = Duration::from_millis(800);

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_nobody_noticed_fails_no_call() {
    let mut redis = Redis::start().await;
    let store = connect(&redis.url()).await;
    let first = commit(&store, &KEY, Expected::Absent, 1).await.unwrap();
    redis.restart().await; // Forgets the scripts as well.
    let second = commit(&store, &KEY, Expected::At(first.version), 2).await.unwrap();
    assert_eq!(store.load(&KEY).await.unwrap(), Some(second));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_had_committed_is_there_when_it_is_back() {
    let mut redis = Redis::start().await;
    let mut acknowledged = vec![(Expected::Absent, 0); 4];
    for _ in 0..3 {
        let mut traffic = JoinSet::new();
        let mut under_way = Vec::new();
        for (number, start) in acknowledged.clone().into_iter().enumerate() {
            let (store, (started, begun)) = (connect(&redis.url()).await, oneshot::channel());
            under_way.push(begun);
            traffic.spawn(async move { (number, commit_until_failure(&store, &key(number), start, started).await) });
        }
        for begun in under_way {
            begun.await.unwrap();
        }
        redis.kill().await;
        for (number, last) in traffic.join_all().await {
            acknowledged[number] = last;
        }
        redis.restart().await;
        let store = connect(&redis.url()).await;
        for (number, last) in acknowledged.iter_mut().enumerate() {
            let found = store.load(&key(number)).await.unwrap().unwrap();
            let count = count_of(&found);
            // The commit whose answer never came may have taken effect, and no other.
            assert!(count == last.1 || count == last.1 + 1, "{count} is there, {} was acknowledged", last.1);
            *last = (Expected::At(found.version), count);
        }
    }
    assert!(acknowledged.iter().all(|(_, count)| *count >= 60));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_network_is_unavailable_until_it_heals() {
    let redis = Redis::start().await;
    let network = Proxy::to(redis.address()).await;
    let store = connect(&format!("redis://{}", network.address())).await;
    let first = commit(&store, &KEY, Expected::Absent, 1).await.unwrap();
    network.cut();
    is_unavailable_in_time(&store).await;
    network.heal();
    assert_eq!(store.load(&KEY).await.unwrap(), Some(first));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_fell_silent_is_given_up() {
    let redis = Redis::start().await;
    let network = Proxy::to(redis.address()).await;
    let store = connect(&format!("redis://{}", network.address())).await;
    let first = commit(&store, &KEY, Expected::Absent, 1).await.unwrap();
    let mut admin = admin(&redis).await;
    let silent = ids_of_others(&mut admin).await;
    network.stall();
    is_unavailable_in_time(&store).await;
    network.heal();
    assert_eq!(store.load(&KEY).await.unwrap(), Some(first));
    let now = ids_of_others(&mut admin).await;
    assert!(now.iter().any(|id| !silent.contains(id)), "the answer came over the connection that had fallen silent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_over_a_brought_connection_without_timeouts_ends_in_time_as_well() {
    let redis = Redis::start().await;
    let network = Proxy::to(redis.address()).await;
    let client = redis::Client::open(format!("redis://{}", network.address())).unwrap();
    let patient = redis::aio::ConnectionManagerConfig::new().set_response_timeout(None).set_connection_timeout(None);
    let manager = client.get_connection_manager_with_config(patient).await.unwrap();
    let builder = RedisStore::builder_over(manager, None);
    let store = builder.connection_timeout(LIMIT).response_timeout(LIMIT).connect().await.unwrap();
    network.stall();
    is_unavailable_in_time(&store).await;
    network.heal();
    assert_eq!(store.load(&KEY).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_in_an_outage_fail_together() {
    let redis = Redis::start().await;
    let network = Proxy::to(redis.address()).await;
    let store = connect(&format!("redis://{}", network.address())).await;
    network.stall();
    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let store = store.clone();
        calls.spawn(async move { is_unavailable_in_time(&store).await });
    }
    calls.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_full_is_tried_again() {
    let redis = Redis::start().await;
    let mut admin = admin(&redis).await;
    let store = connect(&redis.url()).await;
    let set = |limit: u32| redis::cmd("CONFIG").arg("SET").arg("maxclients").arg(limit).to_owned();
    let _: () = set(1).query_async(&mut admin).await.unwrap();
    let _: u32 = kill_others().query_async(&mut admin).await.unwrap();
    for _ in 0..2 {
        is_unavailable_in_time(&store).await;
    }
    let _: () = set(1000).query_async(&mut admin).await.unwrap();
    assert_eq!(store.load(&KEY).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_is_unavailable_until_it_goes_on() {
    let redis = Redis::start().await;
    let store = connect(&redis.url()).await;
    redis.pause();
    is_unavailable_in_time(&store).await;
    redis.resume();
    assert_eq!(store.load(&KEY).await.unwrap(), None);
}

#[tokio::test] // On one thread, so that the call sees the cut only after it has healed.
async fn a_commit_whose_answer_was_lost_knows_itself() {
    const DELAY: Duration = Duration::from_millis(200);
    let redis = Redis::start().await;
    let network = Proxy::to(redis.address()).await;
    let store = connect(&format!("redis://{}", network.address())).await;
    let first = commit(&store, &KEY, Expected::Absent, 1).await.unwrap();
    network.delay(DELAY);
    let committing = tokio::spawn({
        let store = store.clone();
        async move { commit(&store, &KEY, Expected::At(first.version), 2).await }
    });
    sleep(DELAY + DELAY / 2).await; // It has taken effect, and the answer is on its way.
    network.cut();
    network.delay(Duration::ZERO);
    network.heal();
    let second = committing.await.unwrap().unwrap();
    assert_eq!(store.load(&KEY).await.unwrap(), Some(second.clone()));

    // Somebody else with the same version and the same record has not won it.
    let another = store.commit(&KEY, Expected::Absent, &second, None).await.unwrap();
    assert_eq!(another, Commit::Conflict);
}

/// Commits 1, 2, 3… until the server is gone, and tells what was acknowledged last. Signals when it is well under way.
async fn commit_until_failure(
    store: &RedisStore,
    key: &StoreKey,
    (mut expected, mut count): (Expected, u64),
    started: oneshot::Sender<()>,
) -> (Expected, u64) {
    let (begun, mut started) = (count, Some(started));
    loop {
        match commit(store, key, expected, count + 1).await {
            Ok(stored) => (expected, count) = (Expected::At(stored.version), count + 1),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
                return (expected, count);
            }
        }
        if count == begun + 20
            && let Some(started) = started.take()
        {
            started.send(()).unwrap();
        }
    }
}

/// What was stored.
async fn commit(store: &RedisStore, key: &StoreKey, expected: Expected, count: u64) -> Result<Stored, StoreError> {
    let next = Stored::after(expected, Record::from_bytes(count.to_be_bytes().to_vec()), SystemClock.now());
    let commit = store.commit(key, expected, &next, None).await?;
    assert_eq!(commit, Commit::Done, "nobody else commits");
    Ok(next)
}

fn count_of(stored: &Stored) -> u64 {
    u64::from_be_bytes(stored.record.as_bytes().try_into().unwrap())
}

fn key(number: usize) -> StoreKey {
    StoreKey::from_bytes([u8::try_from(number).unwrap(); 32])
}

async fn is_unavailable_in_time(store: &RedisStore) {
    let answer = timeout(3 * LIMIT, store.remove(&KEY, Version::from_u64(0))).await.unwrap();
    assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Unavailable);
}

async fn connect(url: &str) -> RedisStore {
    RedisStore::builder(url).connection_timeout(LIMIT).response_timeout(LIMIT).connect().await.unwrap()
}

async fn admin(redis: &Redis) -> MultiplexedConnection {
    redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

fn kill_others() -> redis::Cmd {
    redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes").to_owned()
}

/// The server's names of its clients, but the one that asks.
async fn ids_of_others(admin: &mut MultiplexedConnection) -> Vec<String> {
    let own: u64 = redis::cmd("CLIENT").arg("ID").query_async(admin).await.unwrap();
    let clients: String = redis::cmd("CLIENT").arg("LIST").query_async(admin).await.unwrap();
    let ids = clients.lines().filter_map(|line| line.strip_prefix("id=")?.split(' ').next());
    ids.filter(|id| *id != own.to_string()).map(str::to_owned).collect()
}
