//! Processes that are killed, and a disk that is full, in the middle of a write. What else several processes may expect
//! is in the contract.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use oidc_session_core::{
    Clock as _, Commit, Expected, Record, SessionStore as _, StoreErrorKind, StoreKey, Stored, SystemClock, Version,
};
use oidc_session_store_file::FileStore;
use oidc_session_testkit::processes::{Children, Parent};

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);

/// Others go on writing while one is killed, and tidy up behind it.
#[tokio::test(flavor = "multi_thread")]
async fn killed_processes_leave_no_draft_behind() {
    const KILLS: usize = 40;
    const NAME: &str = "killed_processes_leave_no_draft_behind";
    if let Some(parent) = Parent::of_this_process() {
        parent.ready();
        let store = open(Path::new(parent.address())).await;
        loop {
            let (expected, count) = loaded(&store).await;
            if commit(&store, expected, count + 1).await.is_some() {
                parent.say(&(count + 1).to_string());
            }
        }
    }

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions");
    let start = || {
        let mut child = Children::start(NAME, path.to_str().unwrap(), 1);
        child.go("");
        child
    };
    let mut children: Vec<Children> = (0..3).map(|_| start()).collect();
    let mut least = 0;
    for kill in 0..KILLS {
        for _ in 0..kill % 7 + 1 {
            let said: u64 = children[0][0].hear().unwrap().parse().unwrap();
            least = least.max(said);
        }
        drop(children.remove(0)); // Kills it, in the middle of something.
        // `loaded` finds no half record: it knows what each one looks like.
        let (_, count) = loaded(&open(&path).await).await;
        assert!(count >= least, "{count} commits are left of at least {least}");
        children.push(start());
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
    use std::process::{Command, Stdio};

    const NAME: &str = "a_write_that_the_system_cuts_short_changes_nothing";
    const FOLDER: &str = "OIDC_SESSION_TEST_FOLDER";
    if let Some(path) = std::env::var_os(FOLDER) {
        let store = open(Path::new(&path)).await;
        let (expected, _) = loaded(&store).await;
        let long = Stored::after(expected, Record::from_bytes(vec![b'x'; 200_000]), SystemClock.now());
        let error = store.commit(&KEY, expected, &long, None).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        return println!("child: refused");
    }

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions");
    let version = commit(&open(&path).await, Expected::Absent, 1).await.unwrap();
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(FOLDER, &path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("child: refused"), "{said}");
    assert_eq!(fs::read_dir(&path).unwrap().count(), 3, "a draft was left behind");
    assert_eq!(loaded(&open(&path).await).await, (Expected::At(version), 1));
}

async fn open(path: &Path) -> FileStore {
    let builder = FileStore::builder(path).busy_timeout(Duration::from_secs(60));
    builder.open().await.unwrap()
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
