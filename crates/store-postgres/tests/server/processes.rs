//! Many processes on one schema. Each test starts itself again as its children.

use std::collections::HashMap;
use std::env;
use std::io::{BufRead as _, BufReader, Write as _, stdin};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use oidc_session_core::{
    Clock as _, Commit, Expected, HolderId, Lease, Record, SessionStore as _, StoreKey, Stored, SystemClock, Version,
};
use oidc_session_store_postgres::PostgresStore;
use oidc_session_test_servers::{fresh_name, shared_postgres};

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const LEASE: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_win_each_version_once() {
    const PROCESSES: usize = 8;
    const WINS: u64 = 50;
    if let Some(place) = Place::in_child() {
        wait_for_start();
        let store = open(&place).await;
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

    let place = Place::fresh().await;
    let mut children = start("eight_processes_win_each_version_once", &place, PROCESSES);
    let mut versions = HashMap::new();
    for process in &mut children {
        for said in process.hear_all() {
            let (count, version) = said.split_once(' ').unwrap();
            let before = versions.insert(version.to_owned(), count.to_owned());
            assert_eq!(before, None, "version {version} was won twice");
        }
    }
    let total = PROCESSES as u64 * WINS;
    assert_eq!(versions.len() as u64, total);
    let (_, count) = loaded(&open(&place).await).await;
    assert_eq!(count, total, "an update was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_may_start_on_an_empty_database_at_once() {
    if let Some(place) = Place::in_child() {
        wait_for_start();
        let store = open(&place).await;
        say(if commit(&store, Expected::Absent, 1).await.is_some() { "created" } else { "found" });
        return;
    }

    let place = Place::fresh().await;
    let mut children = start("eight_processes_may_start_on_an_empty_database_at_once", &place, 8);
    let said: Vec<String> = children.iter_mut().flat_map(Process::hear_all).collect();
    assert_eq!(said.len(), 8);
    assert_eq!(said.iter().filter(|said| *said == "created").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_eight_processes_is_granted_the_lease() {
    if let Some(place) = Place::in_child() {
        let store = open(&place).await;
        wait_for_start();
        match store.try_lease(&KEY, HolderId::random(), LEASE).await.unwrap() {
            Lease::Granted { .. } => say("granted"),
            Lease::Held { .. } => say("held"),
            other => panic!("{other:?}"),
        }
        return;
    }

    let place = Place::fresh().await;
    let _ = commit(&open(&place).await, Expected::Absent, 1).await;
    let mut children = start("one_of_eight_processes_is_granted_the_lease", &place, 8);
    let mut said: Vec<String> = children.iter_mut().flat_map(Process::hear_all).collect();
    said.sort();
    assert_eq!(said[..2], ["granted", "held"]);
    assert_eq!(said.len(), 8);
    assert!(said[2..].iter().all(|said| said == "held"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_of_a_killed_process_is_an_unsettled_attempt() {
    if let Some(place) = Place::in_child() {
        wait_for_start();
        let store = open(&place).await;
        let lease = store.try_lease(&KEY, HolderId::random(), LEASE).await.unwrap();
        assert!(matches!(lease, Lease::Granted { unsettled: 0, .. }));
        say("granted");
        wait_to_be_killed();
    }

    let place = Place::fresh().await;
    let store = open(&place).await;
    let _ = commit(&store, Expected::Absent, 1).await;
    let mut children = start("the_lease_of_a_killed_process_is_an_unsettled_attempt", &place, 1);
    assert_eq!(children[0].hear().as_deref(), Some("granted"));
    drop(children); // Kills it.

    let successor = HolderId::random();
    let held = store.try_lease(&KEY, successor, LEASE).await.unwrap();
    let Lease::Held { remaining } = held else { panic!("{held:?}") };
    assert!(remaining <= LEASE, "{remaining:?}");
    tokio::time::sleep(remaining).await; // The server counts whole milliseconds.
    tokio::time::sleep(Duration::from_millis(2)).await;
    let granted = store.try_lease(&KEY, successor, LEASE).await.unwrap();
    assert!(matches!(granted, Lease::Granted { unsettled: 1, .. }), "{granted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_committed_is_kept() {
    if let Some(place) = Place::in_child() {
        wait_for_start();
        let store = open(&place).await;
        loop {
            let (expected, count) = loaded(&store).await;
            let _ = commit(&store, expected, count + 1).await;
            say(&(count + 1).to_string());
        }
    }

    let place = Place::fresh().await;
    let mut least = 0;
    for _ in 0..5 {
        let mut children = start("what_a_killed_process_committed_is_kept", &place, 1);
        for _ in 0..20 {
            least = children[0].hear().unwrap().parse().unwrap();
        }
        drop(children); // Kills it, in the middle of something.
        let (expected, count) = loaded(&open(&place).await).await;
        assert!(count >= least, "{count} commits are left of at least {least}");
        assert!(commit(&open(&place).await, expected, count).await.is_some());
    }
}

/// A child, which is killed when it is no longer needed.
struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

/// Starts `count` children in the test of that name, and lets them go when all are there.
fn start(test: &str, place: &Place, count: usize) -> Vec<Process> {
    let mut processes: Vec<Process> = (0..count).map(|_| Process::start(test, place)).collect();
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
    fn start(test: &str, place: &Place) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([&format!("processes::{test}"), "--exact", "--nocapture"])
            .env(URL_IN_CHILD, &place.url)
            .env(SCHEMA_IN_CHILD, &place.schema)
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

const URL_IN_CHILD: &str = "OIDC_SESSION_TEST_URL";
const SCHEMA_IN_CHILD: &str = "OIDC_SESSION_TEST_SCHEMA";
const SAID: &str = "child: ";

/// Where the tables are.
struct Place {
    url: String,
    schema: String,
}

impl Place {
    async fn fresh() -> Self {
        Self { url: shared_postgres().await.to_owned(), schema: fresh_name() }
    }

    /// Where the parent has them, if this process is a child.
    fn in_child() -> Option<Self> {
        Some(Self { url: env::var(URL_IN_CHILD).ok()?, schema: env::var(SCHEMA_IN_CHILD).ok()? })
    }
}

fn say(what: &str) {
    println!("{SAID}{what}");
}

fn wait_for_start() {
    say("ready");
    stdin().read_line(&mut String::new()).unwrap();
}

fn wait_to_be_killed() -> ! {
    stdin().read_line(&mut String::new()).unwrap();
    panic!("the parent went away");
}

async fn open(place: &Place) -> PostgresStore {
    let builder = PostgresStore::builder(&place.url).schema(&place.schema);
    builder.pool_size(2).statement_timeout(Duration::from_secs(60)).connect().await.unwrap()
}

async fn loaded(store: &PostgresStore) -> (Expected, u64) {
    match store.load(&KEY).await.unwrap() {
        Some(stored) => {
            let count = stored.record.as_bytes().try_into().unwrap();
            (Expected::At(stored.version), u64::from_be_bytes(count))
        }
        None => (Expected::Absent, 0),
    }
}

/// The new version, if `expected` held.
async fn commit(store: &PostgresStore, expected: Expected, count: u64) -> Option<Version> {
    let next = Stored::after(expected, Record::from_bytes(count.to_be_bytes().to_vec()), SystemClock.now());
    let commit = store.commit(&KEY, expected, &next, None).await.unwrap();
    (commit == Commit::Done).then_some(next.version)
}
