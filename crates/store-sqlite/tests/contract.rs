//! The store contract, on a clock that moves when the contract says so.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oidc_session_core::StoreKey;
use oidc_session_store_sqlite::SqliteStore;
use oidc_session_testkit::ManualClock;
use oidc_session_testkit::store_contract::{Backend, Damage, Elsewhere, Harm};
use rusqlite::Connection;
use tempfile::TempDir;

oidc_session_testkit::store_contract!(Sqlite::new(), list, sweep, damage, processes);

struct Sqlite {
    directory: TempDir,
    clock: ManualClock,
    versions: Mutex<HashMap<StoreKey, i64>>,
}

impl Sqlite {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), clock: ManualClock::new(), versions: Mutex::default() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("sessions.db")
    }

    async fn open_with(path: &Path, clock: ManualClock) -> SqliteStore {
        let builder = SqliteStore::builder(path).busy_timeout(Duration::from_secs(60)).clock(Arc::new(clock));
        builder.open().await.unwrap()
    }
}

impl Backend for Sqlite {
    type Store = SqliteStore;

    async fn open(&self) -> SqliteStore {
        Self::open_with(&self.path(), self.clock.clone()).await
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

impl Damage for Sqlite {
    /// What is neither: a record whose bytes are others. It is as good as any to the store, which looks into none.
    fn kinds(&self) -> &[Harm] {
        &[Harm::Replaced]
    }

    async fn damage(&self, key: &StoreKey, _: Harm) {
        let connection = Connection::open(self.path()).unwrap();
        let version = "SELECT version FROM sessions WHERE key = ?1";
        let version = connection.query_row(version, [key.as_bytes()], |row| row.get(0)).unwrap();
        self.versions.lock().unwrap().insert(*key, version);
        let garbage = "UPDATE sessions SET version = 'garbage', record = 'garbage' || hex(record) WHERE key = ?1";
        without_strictness(&connection, garbage, key);
    }

    async fn repair(&self, key: &StoreKey) {
        let version = self.versions.lock().unwrap().remove(key).unwrap();
        let connection = Connection::open(self.path()).unwrap();
        let whole =
            format!("UPDATE sessions SET version = {version}, record = unhex(substr(record, 8)) WHERE key = ?1");
        without_strictness(&connection, &whole, key);
    }
}

impl Elsewhere for Sqlite {
    fn address(&self) -> String {
        self.path().to_str().unwrap().to_owned()
    }

    async fn open_at(address: &str) -> SqliteStore {
        Self::open_with(Path::new(address), ManualClock::new()).await
    }
}

/// Writes what the tables do not admit.
fn without_strictness(connection: &Connection, statement: &str, key: &StoreKey) {
    let strictness = |from: &str, to: &str| {
        connection.pragma_update(None, "writable_schema", true).unwrap();
        let alter = "UPDATE sqlite_schema SET sql = replace(sql, ?1, ?2) WHERE name = 'sessions'";
        assert_eq!(connection.execute(alter, (from, to)).unwrap(), 1);
        connection.execute_batch("PRAGMA writable_schema = RESET").unwrap();
    };
    connection.busy_timeout(Duration::from_secs(60)).unwrap();
    strictness(") STRICT", ") /*LAX*/");
    assert_eq!(connection.execute(statement, [key.as_bytes()]).unwrap(), 1);
    strictness(") /*LAX*/", ") STRICT");
}
