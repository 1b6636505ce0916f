//! The write-ahead log stays short.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::fs;
use std::path::{Path, PathBuf};

use oidc_session_core::{
    Clock as _, Commit, Expected, Record, SessionStore as _, StoreKey, Stored, Sweep as _, SystemClock, Timestamp,
};
use oidc_session_store_sqlite::SqliteStore;
use rusqlite::Connection;
use tempfile::TempDir;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const MEBIBYTE: u64 = 1024 * 1024;

#[tokio::test]
async fn the_log_stays_short_however_much_is_committed() {
    let (_directory, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    let mut expected = Expected::Absent;
    for _ in 0..60 {
        expected = commit(&store, expected, 100_000).await;
        assert!(log(&path) <= 2 * MEBIBYTE, "{} bytes", log(&path));
    }
}

#[tokio::test]
async fn a_log_that_a_reader_kept_from_beginning_anew_is_cut_off_once_it_has_read() {
    let (_directory, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    let mut expected = commit(&store, Expected::Absent, 1).await;
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM sessions").unwrap();
    while log(&path) < 6 * MEBIBYTE {
        expected = commit(&store, expected, 100_000).await;
    }
    drop(reader);
    commit(&store, expected, 1).await;
    assert_eq!(log(&path), 0);
}

#[tokio::test]
async fn what_a_sweep_dropped_is_not_in_the_log() {
    let (_directory, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    let record = Record::from_bytes(b"old-refresh-token".repeat(100));
    let next = Stored::after(Expected::Absent, record, SystemClock.now());
    let past = Some(Timestamp::UNIX_EPOCH);
    assert_eq!(store.commit(&KEY, Expected::Absent, &next, past).await.unwrap(), Commit::Done);
    assert!(holds_the_token(&path.with_file_name("sessions.db-wal")));

    assert_eq!(store.sweep(10).await.unwrap(), 1);
    assert_eq!(log(&path), 0);
    assert!(!holds_the_token(&path));
}

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions.db");
    (directory, path)
}

async fn commit(store: &SqliteStore, expected: Expected, length: usize) -> Expected {
    let now = SystemClock.now();
    let mut next = Stored::after(expected, Record::from_bytes(Vec::new()), now);
    // Of another content each time: SQLite writes no page that stays as it is.
    next.record = Record::from_bytes(next.version.as_u64().to_be_bytes().repeat(length.div_ceil(8)));
    assert_eq!(store.commit(&KEY, expected, &next, None).await.unwrap(), Commit::Done);
    Expected::At(next.version)
}

fn log(path: &Path) -> u64 {
    fs::metadata(path.with_file_name("sessions.db-wal")).unwrap().len()
}

fn holds_the_token(path: &Path) -> bool {
    let bytes = fs::read(path).unwrap();
    bytes.windows(17).any(|bytes| bytes == b"old-refresh-token")
}
