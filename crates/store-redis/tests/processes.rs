//! Many processes on one server, and one that hears of all they do. What else they may expect is in the contract.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::collections::HashMap;
use std::time::Duration;

use oidc_session_core::{
    Clock as _, Commit, Expected, Record, SessionStore as _, StoreKey, Stored, SystemClock, Version,
};
use oidc_session_store_redis::RedisStore;
use oidc_session_test_servers::{fresh_name, shared_redis};
use oidc_session_testkit::processes::{Child, Children, Parent};
use tokio::time::timeout;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const PROCESSES: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn what_eight_processes_commit_is_told_in_the_order_of_the_versions() {
    const NAME: &str = "what_eight_processes_commit_is_told_in_the_order_of_the_versions";
    const WINS: usize = 50;
    if let Some(parent) = Parent::of_this_process() {
        let store = connect(parent.address()).await;
        parent.ready();
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

    let address = format!("{} {}", fresh_name(), shared_redis().await);
    let store = connect(&address).await;
    let mut changes = store.change_feed().unwrap().subscribe().await.unwrap();
    let mut children = Children::start(NAME, &address, PROCESSES);
    children.go("");
    let mut counts = HashMap::new();
    for said in children.iter_mut().flat_map(Child::hear_all) {
        let (count, version) = said.split_once(' ').unwrap();
        counts.insert(version.to_owned(), count.parse::<usize>().unwrap());
    }
    for count in 1..=PROCESSES * WINS {
        let told = timeout(Duration::from_secs(5), changes.next()).await.unwrap().unwrap();
        assert_eq!(counts.get(&told.version.unwrap().to_string()), Some(&count), "told out of order");
    }
}

async fn connect(address: &str) -> RedisStore {
    let (patient, (prefix, url)) = (Duration::from_secs(30), address.split_once(' ').unwrap());
    let builder = RedisStore::builder(url).prefix(prefix);
    builder.connection_timeout(patient).response_timeout(patient).connect().await.unwrap()
}

async fn loaded(store: &RedisStore) -> (Expected, u64) {
    match store.load(&KEY).await.unwrap() {
        Some(stored) => {
            let count = stored.record.as_bytes().try_into().unwrap();
            (Expected::At(stored.version), u64::from_be_bytes(count))
        }
        None => (Expected::Absent, 0),
    }
}

/// The new version, if `expected` held.
async fn commit(store: &RedisStore, expected: Expected, count: u64) -> Option<Version> {
    let next = Stored::after(expected, Record::from_bytes(count.to_be_bytes().to_vec()), SystemClock.now());
    let commit = store.commit(&KEY, expected, &next, None).await.unwrap();
    (commit == Commit::Done).then_some(next.version)
}
