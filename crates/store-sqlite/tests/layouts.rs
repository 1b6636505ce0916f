//! Databases of earlier layouts are brought to the newest one.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use oidc_session_core::{
    Clock as _, Commit, Expected, HolderId, Lease, Record, SessionStore as _, StoreErrorKind, StoreKey, Stored,
    Sweep as _, SystemClock, Version,
};
use oidc_session_store_sqlite::SqliteStore;
use rusqlite::Connection;
use tempfile::TempDir;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const SWEPT: StoreKey = StoreKey::from_bytes([8; 32]);

/// As it was released, with two sessions. One is being refreshed, after an attempt that nobody finished.
const LAYOUT_1: &str = "
    CREATE TABLE sessions (
        key                BLOB    NOT NULL PRIMARY KEY CHECK (length(key) = 32),
        version            INTEGER NOT NULL,
        keep_until_unix_ms INTEGER,
        record             BLOB    NOT NULL
    ) STRICT;
    CREATE INDEX sessions_by_keep_until ON sessions (keep_until_unix_ms) WHERE keep_until_unix_ms IS NOT NULL;
    CREATE TABLE leases (
        key             BLOB    NOT NULL PRIMARY KEY REFERENCES sessions (key) ON DELETE CASCADE,
        holder          BLOB    CHECK (length(holder) = 16),
        ends_at_unix_ms INTEGER,
        length_ms       INTEGER,
        unsettled       INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE counter (
        id           INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        last_version INTEGER NOT NULL
    ) STRICT;
    INSERT INTO counter (id, last_version) VALUES (1, 42);
    INSERT INTO sessions VALUES
        (unhex('0707070707070707070707070707070707070707070707070707070707070707'), 42, NULL, CAST('sealed' AS BLOB)),
        (unhex('0808080808080808080808080808080808080808080808080808080808080808'), 41, 1, CAST('old' AS BLOB));
    INSERT INTO leases VALUES
        (unhex('0707070707070707070707070707070707070707070707070707070707070707'),
         unhex('00000000000000000000000000000001'), 9000000000000, 9000000000000, 1);
    PRAGMA application_id = 0x4F494453;
    PRAGMA user_version = 1;
";

#[tokio::test]
async fn a_store_of_layout_1_becomes_one_of_layout_2_with_all_that_is_in_it() {
    let (_directory, path) = store_of_layout_1();
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(layout(&path), (2, vec!["leases".to_owned(), "sessions".to_owned()]));

    let record = Record::from_bytes(b"sealed".to_vec());
    let found = Stored { version: Version::from_u64(42), record };
    assert_eq!(store.load(&KEY).await.unwrap(), Some(found.clone()));
    let lease = |holder| store.try_lease(&KEY, HolderId::from_u128(holder), Duration::from_secs(30));
    assert!(matches!(lease(2).await.unwrap(), Lease::Held { .. }));
    assert_eq!(lease(1).await.unwrap(), Lease::Granted { stored: found.clone(), unsettled: 1 });
    assert_eq!(store.sweep(10).await.unwrap(), 1);
    assert_eq!(store.load(&SWEPT).await.unwrap(), None);

    let next = Stored::after(Expected::At(found.version), found.record, SystemClock.now());
    assert!(next.version > found.version);
    let commit = store.commit(&KEY, Expected::At(found.version), &next, None).await.unwrap();
    assert_eq!(commit, Commit::Done);
}

#[tokio::test]
async fn a_new_store_has_the_same_layout_as_one_that_was_upgraded() {
    let (_directory, old) = store_of_layout_1();
    let new = old.with_file_name("new.db");
    drop(SqliteStore::open(&old).await.unwrap());
    drop(SqliteStore::open(&new).await.unwrap());
    let schema = |path: &Path| -> Vec<(String, String)> {
        let connection = Connection::open(path).unwrap();
        let sql = "SELECT name, ifnull(sql, '') FROM sqlite_schema ORDER BY name";
        let mut rows = connection.prepare(sql).unwrap();
        rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(schema(&old), schema(&new));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_open_an_old_store_at_once() {
    for _ in 0..5 {
        let (_directory, path) = store_of_layout_1();
        let mut opening = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let builder = SqliteStore::builder(&path).busy_timeout(Duration::from_secs(60));
            opening.spawn(async move { builder.open().await.unwrap().load(&KEY).await.unwrap().unwrap().version });
        }
        assert_eq!(opening.join_all().await, [Version::from_u64(42); 16]);
        assert_eq!(layout(&path).0, 2);
    }
}

#[tokio::test]
async fn an_upgrade_that_fails_leaves_the_old_layout_whole() {
    let (_directory, path) = store_of_layout_1();
    Connection::open(&path).unwrap().execute_batch("DROP TABLE counter").unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert_eq!(layout(&path), (1, vec!["leases".to_owned(), "sessions".to_owned()]));
}

fn store_of_layout_1() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions.db");
    Connection::open(&path).unwrap().execute_batch(LAYOUT_1).unwrap();
    (directory, path)
}

fn layout(path: &Path) -> (i32, Vec<String>) {
    let connection = Connection::open(path).unwrap();
    let mut rows = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    let tables = rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    (connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap(), tables)
}
