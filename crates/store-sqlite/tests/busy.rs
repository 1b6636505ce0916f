//! What happens while another process holds the database.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use oidc_session_core::{
    Commit, Expected, Record, SessionStore as _, StoreError, StoreErrorKind, StoreKey, Stored, Version,
};
use oidc_session_store_sqlite::SqliteStore;
use rusqlite::Connection;
use tempfile::TempDir;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);

#[tokio::test]
async fn a_write_that_waits_too_long_is_unavailable() {
    let (_directory, path) = place();
    let store = SqliteStore::builder(&path).busy_timeout(Duration::from_millis(20)).open().await.unwrap();
    let other_process = writing(&path);
    let error = create(&store).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert_eq!(error.to_string(), "could not commit a record: the store did not answer");
    assert_eq!(store.load(&KEY).await.unwrap(), None);

    drop(other_process);
    assert_eq!(create(&store).await.unwrap(), Commit::Done);
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
fn writes_that_wait_hold_one_thread_between_them() {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(2).build().unwrap();
    runtime.block_on(async {
        let (_directory, path) = place();
        let store = patient(&path).await;
        let other_process = writing(&path);
        let mut commits = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let store = store.clone();
            commits.spawn(async move { create(&store).await.unwrap() });
        }
        tokio::task::yield_now().await;
        tokio::task::spawn_blocking(|| ()).await.unwrap();

        drop(other_process);
        let commits = commits.join_all().await;
        let created = commits.iter().filter(|commit| **commit == Commit::Done);
        assert_eq!(created.count(), 1);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_waits_for_a_program_that_uses_the_file_without_the_log() {
    let (_directory, path) = place();
    drop(patient(&path).await);
    let other_program = Connection::open(&path).unwrap();
    other_program.execute_batch("PRAGMA journal_mode = DELETE; BEGIN; SELECT * FROM sessions").unwrap();
    let waiting = tokio::spawn({
        let path = path.clone();
        async move { patient(&path).await }
    });
    for _ in 0..3 {
        let open = SqliteStore::builder(&path).busy_timeout(Duration::from_millis(20)).open();
        assert_eq!(open.await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
    drop(other_program);
    assert_eq!(create(&waiting.await.unwrap()).await.unwrap(), Commit::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_open_a_new_database_at_once() {
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
    let path = directory.path().join("sessions.db");
    (directory, path)
}

async fn patient(path: &Path) -> SqliteStore {
    let builder = SqliteStore::builder(path).busy_timeout(Duration::from_secs(60));
    builder.open().await.unwrap()
}

/// Another process in the middle of a write.
fn writing(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

async fn create(store: &SqliteStore) -> Result<Commit, StoreError> {
    let first = Stored { version: Version::from_u64(1), record: Record::from_bytes(b"sealed".to_vec()) };
    store.commit(&KEY, Expected::Absent, &first, None).await
}
