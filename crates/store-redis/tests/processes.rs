//! Many processes on one server. Each test starts itself again as its children.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::collections::HashMap;
use std::env;
use std::io::{BufRead as _, BufReader, Write as _, stdin};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use oidc_session_core::{
    Clock as _, Commit, Expected, HolderId, Lease, Record, SessionStore as _, StoreKey, Stored, SystemClock, Version,
};
use oidc_session_store_redis::RedisStore;
use oidc_session_test_servers::Redis;
use tokio::time::timeout;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const PROCESSES: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_win_each_version_once_and_hear_of_all() {
    const WINS: usize = 50;
    if let Ok(url) = env::var(URL_IN_CHILD) {
        let store = connect(&url).await;
        wait_for_start();
        let mut won = 0;
        while won < WINS {
            let (expected, count) = loaded(&store).await;
            if let Some(version) = commit(&store, expected, count + 1).await {
                say(&format!("{} {version}", count + 1));
                won += 1;
            }
        }
        return;
    }

    let redis = Redis::start().await;
    let store = connect(&redis.url()).await;
    let mut changes = store.change_feed().unwrap().subscribe().await.unwrap();
    let mut children = start("eight_processes_win_each_version_once_and_hear_of_all", &redis.url(), PROCESSES);
    let mut counts = HashMap::new();
    for process in &mut children {
        for said in process.hear_all() {
            let (count, version) = said.split_once(' ').unwrap();
            let before = counts.insert(version.to_owned(), count.parse::<usize>().unwrap());
            assert_eq!(before, None, "version {version} was won twice");
        }
    }
    assert_eq!(counts.len(), PROCESSES * WINS);
    let (_, count) = loaded(&store).await;
    assert_eq!(count, (PROCESSES * WINS) as u64, "an update was lost");
    for count in 1..=PROCESSES * WINS {
        let told = timeout(Duration::from_secs(5), changes.next()).await.unwrap().unwrap();
        assert_eq!(counts.get(&told.version.unwrap().to_string()), Some(&count), "told out of order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_eight_processes_is_granted_the_lease() {
    if let Ok(url) = env::var(URL_IN_CHILD) {
        let store = connect(&url).await;
        wait_for_start();
        match store.try_lease(&KEY, HolderId::random(), Duration::from_secs(60)).await.unwrap() {
            Lease::Granted { .. } => say("granted"),
            Lease::Held { .. } => say("held"),
            other => panic!("{other:?}"),
        }
        return;
    }

    let redis = Redis::start().await;
    let _ = commit(&connect(&redis.url()).await, Expected::Absent, 1).await;
    let mut children = start("one_of_eight_processes_is_granted_the_lease", &redis.url(), PROCESSES);
    let mut said: Vec<String> = children.iter_mut().flat_map(Process::hear_all).collect();
    said.sort();
    assert_eq!(said[..2], ["granted", "held"]);
    assert_eq!(said.len(), PROCESSES);
    assert!(said[2..].iter().all(|said| said == "held"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_of_a_killed_process_is_an_unsettled_attempt() {
    const LEASE: Duration = Duration::from_secs(2);
    if let Ok(url) = env::var(URL_IN_CHILD) {
        let store = connect(&url).await;
        wait_for_start();
        let lease = store.try_lease(&KEY, HolderId::random(), LEASE).await.unwrap();
        assert!(matches!(lease, Lease::Granted { unsettled: 0, .. }));
        say("granted");
        stdin().read_line(&mut String::new()).unwrap();
        panic!("the parent went away");
    }

    let redis = Redis::start().await;
    let store = connect(&redis.url()).await;
    let _ = commit(&store, Expected::Absent, 1).await;
    let mut children = start("the_lease_of_a_killed_process_is_an_unsettled_attempt", &redis.url(), 1);
    assert_eq!(children[0].hear().as_deref(), Some("granted"));
    drop(children); // Kills it.

    let successor = HolderId::random();
    let Lease::Held { remaining } = store.try_lease(&KEY, successor, LEASE).await.unwrap() else {
        panic!("the lease went with its holder");
    };
    tokio::time::sleep(remaining).await;
    let granted = store.try_lease(&KEY, successor, LEASE).await.unwrap();
    assert!(matches!(granted, Lease::Granted { unsettled: 1, .. }), "{granted:?}");
}

/// A child, which is killed when it is no longer needed.
struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

/// Starts `count` children in the test of that name, and lets them go when all are there.
fn start(test: &str, url: &str, count: usize) -> Vec<Process> {
    let mut processes: Vec<Process> = (0..count).map(|_| Process::start(test, url)).collect();
    for process in &mut processes {
        assert_eq!(process.hear().as_deref(), Some("ready"));
    }
    for process in &mut processes {
        let stdin = process.child.stdin.as_mut().unwrap();
        stdin.write_all(b"go\n").unwrap();
    }
    processes
}

impl Process {
    fn start(test: &str, url: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .env(URL_IN_CHILD, url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// The next thing that the child says; `None` if it has ended.
    fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.stdout.read_line(&mut line).unwrap() > 0 {
            // The test harness says things of its own, perhaps on the same line.
            if let Some((_, said)) = line.split_once(SAID) {
                return Some(said.trim_end().to_owned());
            }
            line.clear();
        }
        None
    }

    fn hear_all(&mut self) -> Vec<String> {
        let said = std::iter::from_fn(|| self.hear()).collect();
        assert!(self.child.wait().unwrap().success());
        said
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const URL_IN_CHILD: &str = "OIDC_SESSION_TEST_REDIS_OF_PARENT";
const SAID: &str = "child: ";

fn say(what: &str) {
    println!("{SAID}{what}");
}

fn wait_for_start() {
    say("ready");
    stdin().read_line(&mut String::new()).unwrap();
}

async fn connect(url: &str) -> RedisStore {
    let patient = Duration::from_secs(30);
    RedisStore::builder(url).connection_timeout(patient).response_timeout(patient).connect().await.unwrap()
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
