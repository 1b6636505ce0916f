//! Many processes on one folder. Each test starts itself again as its children.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _, stdin};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use oidc_session_core::{
    Clock as _, Commit, Expected, HolderId, Lease, Record, SessionStore as _, StoreErrorKind, StoreKey, Stored,
    SystemClock, Version,
};
use oidc_session_store_file::FileStore;
use oidc_session_testkit::ManualClock;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const LEASE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_win_each_version_once() {
    const PROCESSES: usize = 8;
    const WINS: u64 = 50;
    if let Some(path) = path_in_child() {
        wait_for_start();
        let store = open(&path).await;
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

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions");
    let mut children = start("eight_processes_win_each_version_once", &path, PROCESSES);
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
    let (_, count) = loaded(&open(&path).await).await;
    assert_eq!(count, total, "an update was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_eight_processes_is_granted_the_lease() {
    if let Some(path) = path_in_child() {
        let store = open(&path).await;
        wait_for_start();
        match store.try_lease(&KEY, HolderId::random(), LEASE).await.unwrap() {
            Lease::Granted { .. } => say("granted"),
            Lease::Held { .. } => say("held"),
            other => panic!("{other:?}"),
        }
        return;
    }

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions");
    let _ = commit(&open(&path).await, Expected::Absent, 1).await;
    let mut children = start("one_of_eight_processes_is_granted_the_lease", &path, 8);
    let mut said: Vec<String> = children.iter_mut().flat_map(Process::hear_all).collect();
    said.sort();
    assert_eq!(said[..2], ["granted", "held"]);
    assert_eq!(said.len(), 8);
    assert!(said[2..].iter().all(|said| said == "held"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_of_a_killed_process_is_an_unsettled_attempt() {
    if let Some(path) = path_in_child() {
        wait_for_start();
        let store = open_with(&path, ManualClock::new()).await;
        let lease = store.try_lease(&KEY, HolderId::random(), LEASE).await.unwrap();
        assert!(matches!(lease, Lease::Granted { unsettled: 0, .. }));
        say("granted");
        wait_to_be_killed();
    }

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions");
    let clock = ManualClock::new();
    let store = open_with(&path, clock.clone()).await;
    let _ = commit(&store, Expected::Absent, 1).await;
    let mut children = start("the_lease_of_a_killed_process_is_an_unsettled_attempt", &path, 1);
    assert_eq!(children[0].hear().as_deref(), Some("granted"));
    drop(children); // Kills it.

    let successor = HolderId::random();
    let held = store.try_lease(&KEY, successor, LEASE).await.unwrap();
    assert_eq!(held, Lease::Held { remaining: LEASE });
    clock.advance(LEASE);
    let granted = store.try_lease(&KEY, successor, LEASE).await.unwrap();
    assert!(matches!(granted, Lease::Granted { unsettled: 1, .. }), "{granted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_killed_processes_committed_is_kept_whole() {
    const KILLS: usize = 40;
    if let Some(path) = path_in_child() {
        wait_for_start();
        let store = open(&path).await;
        loop {
            let (expected, count) = loaded(&store).await;
            if commit(&store, expected, count + 1).await.is_some() {
                say(&(count + 1).to_string());
            }
        }
    }

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions");
    let mut children = start("what_killed_processes_committed_is_kept_whole", &path, 3);
    let mut least = 0;
    for kill in 0..KILLS {
        for _ in 0..kill % 7 + 1 {
            let said: u64 = children[0].hear().unwrap().parse().unwrap();
            least = least.max(said);
        }
        drop(children.remove(0)); // Kills it, in the middle of something, while the others go on.
        // `loaded` finds no half record: it knows what each one looks like.
        let (_, count) = loaded(&open(&path).await).await;
        assert!(count >= least, "{count} commits are left of at least {least}");
        children.extend(start("what_killed_processes_committed_is_kept_whole", &path, 1));
    }
    drop(children);
    let store = open(&path).await;
    let (expected, count) = loaded(&store).await;
    assert!(commit(&store, expected, count + 1).await.is_some());
    let mut names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    let session = format!("{}.session", "07".repeat(32));
    assert_eq!(names, [session.as_str(), "oidc-session.layout", "oidc-session.lock"], "drafts were left behind");
}

/// A real error of the system in the middle of a write: no file may grow beyond a few blocks.
#[cfg(unix)]
#[tokio::test]
async fn a_write_that_the_system_cuts_short_changes_nothing() {
    const NAME: &str = "a_write_that_the_system_cuts_short_changes_nothing";
    if let Some(path) = path_in_child() {
        let store = open(&path).await;
        let (expected, _) = loaded(&store).await;
        let long = Stored::after(expected, Record::from_bytes(vec![b'x'; 200_000]), SystemClock.now());
        let error = store.commit(&KEY, expected, &long, None).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        say("refused");
        return;
    }

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions");
    let version = commit(&open(&path).await, Expected::Absent, 1).await.unwrap();
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""])
        .arg(env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(PATH_IN_CHILD, &path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("child: refused"), "{said}");
    assert_eq!(fs::read_dir(&path).unwrap().count(), 3, "a draft was left behind");
    assert_eq!(loaded(&open(&path).await).await, (Expected::At(version), 1));
}

/// A child, which is killed when it is no longer needed.
struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

/// Starts `count` children in the test of that name, and lets them go when all are there.
fn start(test: &str, path: &Path, count: usize) -> Vec<Process> {
    let mut processes: Vec<Process> = (0..count).map(|_| Process::start(test, path)).collect();
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
    fn start(test: &str, path: &Path) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .env(PATH_IN_CHILD, path)
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

const PATH_IN_CHILD: &str = "OIDC_SESSION_TEST_FOLDER";
const SAID: &str = "child: ";

fn path_in_child() -> Option<PathBuf> {
    env::var_os(PATH_IN_CHILD).map(PathBuf::from)
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

async fn open(path: &Path) -> FileStore {
    let builder = FileStore::builder(path).busy_timeout(Duration::from_secs(60));
    builder.open().await.unwrap()
}

async fn open_with(path: &Path, clock: ManualClock) -> FileStore {
    FileStore::builder(path).clock(Arc::new(clock)).open().await.unwrap()
}

async fn loaded(store: &FileStore) -> (Expected, u64) {
    match store.load(&KEY).await.unwrap() {
        Some(stored) => (Expected::At(stored.version), count_of(&stored.record)),
        None => (Expected::Absent, 0),
    }
}

/// The new version, if `expected` held.
async fn commit(store: &FileStore, expected: Expected, count: u64) -> Option<Version> {
    let next = Stored::after(expected, record(count), SystemClock.now());
    let commit = store.commit(&KEY, expected, &next, None).await.unwrap();
    (commit == Commit::Done).then_some(next.version)
}

/// A record that is as long as its number says, and long enough that a write takes its time.
fn record(count: u64) -> Record {
    let content = count.to_be_bytes().repeat(1000 + usize::try_from(count % 100).unwrap());
    Record::from_bytes(content)
}

fn count_of(stored: &Record) -> u64 {
    let count = u64::from_be_bytes(*stored.as_bytes().first_chunk().unwrap());
    assert!(*stored == record(count), "half a record");
    count
}
