//! What happens to files: who may read them, and what is left alone.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use oidc_session_core::{
    Clock as _, Commit, Expected, HolderId, Lease, Record, SessionStore as _, StoreError, StoreErrorKind, StoreKey,
    Stored, SystemClock, Version,
};
use oidc_session_store_sqlite::SqliteStore;
use tempfile::TempDir;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);

#[tokio::test]
async fn records_leases_and_versions_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let removed = create(&store, "removed").await;
    let _ = store.remove(&KEY, removed).await.unwrap();
    let version = create(&store, "kept").await;
    let _ = lease(&store, HolderId::from_u128(1)).await;
    drop(store);

    let store = SqliteStore::open(&path).await.unwrap();
    let record = record("kept");
    assert_eq!(store.load(&KEY).await.unwrap(), Some(Stored { version, record }));
    assert!(matches!(lease(&store, HolderId::from_u128(2)).await, Lease::Held { .. }));
    let _ = store.remove(&KEY, version).await.unwrap();
    let next = create(&store, "next").await;
    assert!(![removed, version].contains(&next));
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_any_of_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made/on the way/sessions.db");
    let store = SqliteStore::open(&path).await.unwrap();
    create(&store, "secret").await;

    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&directory.path().join("made")), 0o700);
    for file in ["sessions.db", "sessions.db-wal", "sessions.db-shm"] {
        assert_eq!(mode(&path.with_file_name(file)), 0o600, "{file}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn loose_permissions_are_tightened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions.db");
    let running = SqliteStore::open(&path).await.unwrap();
    create(&running, "secret").await;
    let files = ["sessions.db", "sessions.db-wal", "sessions.db-shm"].map(|file| path.with_file_name(file));
    for file in &files {
        set_mode(file, 0o644);
    }
    SqliteStore::open(&path).await.unwrap();
    for file in &files {
        assert_eq!(mode(file), 0o600, "{file:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_to_nowhere_makes_no_file_there() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("elsewhere.db");
    std::os::unix::fs::symlink(&target, directory.path().join("sessions.db")).unwrap();
    assert_eq!(refused(&directory).await.kind(), StoreErrorKind::Denied);
    assert!(!target.exists());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_unwritable_place_is_denied() {
    // Not even root may make files here.
    let error = SqliteStore::open("/sys/oidc-session/sessions.db").await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Denied);
    assert_eq!(error.to_string(), "could not open the session database: the store refused access");
}

#[tokio::test]
async fn a_path_that_can_be_no_file_is_misconfigured() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [directory.path(), &file.join("sessions.db")] {
        let error = SqliteStore::open(path).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{path:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_corrupt_and_kept() {
    for content in ["short", &"neither short nor a database\n".repeat(1000)] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("sessions.db"), content).unwrap();
        assert_eq!(refused(&directory).await.kind(), StoreErrorKind::Corrupt);
        assert_untouched(&directory, content.as_bytes());
    }
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions.db");
    fs::write(&path, "").unwrap();
    create(&SqliteStore::open(&path).await.unwrap(), "first").await;
}

#[tokio::test]
async fn a_newer_store_is_misconfigured_and_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions.db");
    create(&SqliteStore::open(&path).await.unwrap(), "first").await;
    sql(&path, "PRAGMA user_version = 3");
    let before = fs::read(&path).unwrap();

    let error = refused(&directory).await;
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured);
    assert!(format!("{error:?}").contains("layout 3"), "{error:?}");
    assert_untouched(&directory, &before);
}

#[tokio::test]
async fn another_programs_database_is_misconfigured_and_untouched() {
    for theirs in [
        "CREATE TABLE notes (note TEXT)",
        "PRAGMA user_version = 1",
        "PRAGMA application_id = 5",
        "CREATE TABLE sessions (key BLOB); PRAGMA user_version = 1",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sessions.db");
        sql(&path, theirs);
        let before = fs::read(&path).unwrap();
        #[cfg(unix)]
        set_mode(&path, 0o644);

        let error = refused(&directory).await;
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{theirs}");
        assert_untouched(&directory, &before);
        #[cfg(unix)]
        assert_eq!(mode(&path), 0o644);
    }
}

#[tokio::test]
async fn a_damaged_database_is_corrupt_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions.db");
    let store = SqliteStore::open(&path).await.unwrap();
    create(&store, &"x".repeat(100_000)).await;
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096..].fill(0xA5);
    fs::write(&path, &bytes).unwrap();

    let store = SqliteStore::open(&path).await.unwrap();
    let load = store.load(&KEY).await.unwrap_err();
    let commit = store.commit(&KEY, Expected::Absent, &next(Expected::Absent, "new"), None).await.unwrap_err();
    for error in [load, commit] {
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        assert!(!format!("{error:?} {error}").contains("xxx"));
    }
    drop(store);
    assert!(fs::read(&path).unwrap() == bytes);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_was_replaced_or_deleted_is_unavailable_and_not_written_to() {
    let directory = tempfile::tempdir().unwrap();
    let (path, backup) = (directory.path().join("sessions.db"), directory.path().join("backup.db"));
    let store = SqliteStore::open(&backup).await.unwrap();
    create(&store, "of the backup").await;
    drop(store);
    for is_replaced in [true, false] {
        let store = SqliteStore::open(&path).await.unwrap();
        if is_replaced {
            create(&store, "of the old file").await;
            fs::rename(&backup, &path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        let holder = HolderId::from_u128(1);
        let errors = [
            store.load(&KEY).await.unwrap_err(),
            store.commit(&KEY, Expected::Absent, &next(Expected::Absent, "lost"), None).await.unwrap_err(),
            store.try_lease(&KEY, holder, Duration::from_secs(1)).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
        }
    }
}

#[tokio::test]
async fn what_was_replaced_or_removed_is_wiped() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions.db");
    for length in [100, 100_000] {
        let old = "old-refresh-token ".repeat(length / 18);
        let store = SqliteStore::open(&path).await.unwrap();
        let first = create(&store, &old).await;
        let second = commit(&store, Expected::At(first), "new").await;
        let third = commit(&store, Expected::At(second), &old).await;
        let _ = store.remove(&KEY, third).await.unwrap();
        drop(store);

        assert_eq!(names(&directory), ["sessions.db"], "the log is still there");
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(17).any(|bytes| bytes == b"old-refresh-token"));
    }
}

async fn create(store: &SqliteStore, content: &str) -> Version {
    commit(store, Expected::Absent, content).await
}

async fn commit(store: &SqliteStore, expected: Expected, content: &str) -> Version {
    let next = next(expected, content);
    assert_eq!(store.commit(&KEY, expected, &next, None).await.unwrap(), Commit::Done);
    next.version
}

fn next(expected: Expected, content: &str) -> Stored {
    Stored::after(expected, record(content), SystemClock.now())
}

async fn lease(store: &SqliteStore, holder: HolderId) -> Lease {
    store.try_lease(&KEY, holder, Duration::from_secs(600)).await.unwrap()
}

fn record(content: &str) -> Record {
    Record::from_bytes(content.as_bytes().to_vec())
}

async fn refused(directory: &TempDir) -> StoreError {
    SqliteStore::open(directory.path().join("sessions.db")).await.unwrap_err()
}

fn sql(path: &Path, batch: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(batch).unwrap();
}

fn assert_untouched(directory: &TempDir, content: &[u8]) {
    assert_eq!(names(directory), ["sessions.db"]);
    assert!(fs::read(directory.path().join("sessions.db")).unwrap() == content);
}

fn names(directory: &TempDir) -> Vec<String> {
    fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
