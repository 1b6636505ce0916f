//! What happens while another process holds the lock.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use oidc_session_core::{
    Commit, Expected, Record, SessionStore as _, StoreError, StoreErrorKind, StoreKey, Stored, Version,
};
use oidc_session_store_file::FileStore;
use tempfile::TempDir;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);

#[tokio::test]
async fn a_write_that_waits_too_long_is_unavailable_and_never_happens() {
    let (_directory, path) = place();
    let store = FileStore::builder(&path).busy_timeout(Duration::from_millis(20)).open().await.unwrap();
    let other_process = writing(&path);
    for _ in 0..3 {
        let error = create(&store).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert_eq!(error.to_string(), "could not commit a record: the store did not answer");
    }
    assert_eq!(store.load(&KEY).await.unwrap(), None);

    drop(other_process);
    // Whoever waits on the thread that was left behind comes after it: had it committed, this would conflict.
    assert_eq!(create(&patient(&path).await).await.unwrap(), Commit::Done);
}

#[tokio::test]
async fn a_thread_that_waits_for_nobody_gives_the_lock_back() {
    let (_directory, path) = place();
    let store = FileStore::builder(&path).busy_timeout(Duration::from_millis(20)).open().await.unwrap();
    let other_process = writing(&path);
    create(&store).await.unwrap_err();
    drop(other_process);
    // Another handle waits in turn with the thread, which has nobody left to hand the lock to.
    let others = File::open(path.join("oidc-session.lock")).unwrap();
    others.lock().unwrap();
    others.unlock().unwrap();
    assert_eq!(create(&patient(&path).await).await.unwrap(), Commit::Done);
}

#[tokio::test(flavor = "current_thread")]
async fn a_write_that_waits_holds_up_neither_the_runtime_nor_a_load() {
    let (_directory, path) = place();
    let store = patient(&path).await;
    let other_process = writing(&path);
    let (commit, ()) = tokio::join!(create(&store), async {
        assert_eq!(store.load(&KEY).await.unwrap(), None);
        drop(other_process);
    });
    assert_eq!(commit.unwrap(), Commit::Done);
}

#[test]
fn a_runtime_shuts_down_while_a_write_waits() {
    let (_directory, path) = place();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let other_process = runtime.block_on(async {
        let store = FileStore::builder(&path).busy_timeout(Duration::from_millis(20)).open().await.unwrap();
        let other_process = writing(&path);
        create(&store).await.unwrap_err();
        other_process
    });
    drop(runtime); // Would wait for its own threads for ever.
    drop(other_process);
}

#[tokio::test]
async fn a_dropped_write_that_waits_never_happens() {
    let (_directory, path) = place();
    let store = patient(&path).await;
    let other_process = writing(&path);
    for _ in 0..3 {
        let wait = tokio::time::timeout(Duration::from_millis(20), create(&store));
        assert!(wait.await.is_err());
    }
    drop(other_process);
    assert_eq!(create(&store).await.unwrap(), Commit::Done);
}

#[tokio::test]
async fn a_lock_file_that_was_deleted_by_hand_excludes_all_the_same() {
    let (_directory, path) = place();
    let store = patient(&path).await;
    let lock = path.join("oidc-session.lock");
    let of_the_deleted_file = writing(&path);
    let (commit, ()) = tokio::join!(create(&store), async {
        store.load(&KEY).await.unwrap();
        fs::remove_file(&lock).unwrap();
        drop(of_the_deleted_file);
    });
    assert_eq!(commit.unwrap(), Commit::Done);
    assert!(lock.exists(), "whoever was granted the deleted file's lock asks for the lock of the one in place");
}

#[tokio::test]
async fn opening_needs_no_lock_unless_the_store_is_new() {
    let (_directory, path) = place();
    let hasty = || FileStore::builder(&path).busy_timeout(Duration::from_millis(20)).open();
    drop(hasty().await.unwrap());
    let _other_process = writing(&path);
    fs::write(path.join(format!("{}.session.0123456789abcdef.draft", "07".repeat(32))), "half").unwrap();
    assert_eq!(hasty().await.unwrap().load(&KEY).await.unwrap(), None);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 3, "a draft may be somebody's who is at work");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_open_a_new_folder_at_once() {
    for _ in 0..20 {
        let (_directory, path) = place();
        let mut opening = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let path = path.clone();
            opening.spawn(async move { create(&patient(&path).await).await.unwrap() });
        }
        let commits = opening.join_all().await;
        let created = commits.iter().filter(|commit| **commit == Commit::Done);
        assert_eq!(created.count(), 1);
    }
}

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions");
    (directory, path)
}

async fn patient(path: &Path) -> FileStore {
    let builder = FileStore::builder(path).busy_timeout(Duration::from_secs(60));
    builder.open().await.unwrap()
}

/// Another process in the middle of a write: to the system, a file that was opened on its own is one.
fn writing(path: &Path) -> File {
    let lock = File::open(path.join("oidc-session.lock")).unwrap();
    lock.lock().unwrap();
    lock
}

async fn create(store: &FileStore) -> Result<Commit, StoreError> {
    let first = Stored { version: Version::from_u64(1), record: Record::from_bytes(b"sealed".to_vec()) };
    store.commit(&KEY, Expected::Absent, &first, None).await
}
