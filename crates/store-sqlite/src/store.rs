//! [`SqliteStore`].

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use oidc_session_core::{
    Clock, Commit, Cursor, Custody, Expected, HolderId, Lease, List, Page, Record, Release, Removal, Renewal,
    SessionStore, StoreError, StoreKey, Stored, Sweep, Timestamp, Version,
};
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::SqliteStoreBuilder;
use crate::database::Database;
use crate::lease;

/// A store in one SQLite file. Clones share its connections; other processes open the file as well.
///
/// Calls need a Tokio runtime and never block it. A call waits in line behind the calls of this process, and then for
/// other processes up to the busy timeout; how long it waits in all is for the caller to limit, by dropping it.
#[derive(Clone)]
pub struct SqliteStore {
    database: Database,
    clock: Arc<dyn Clock>,
}

impl SqliteStore {
    /// Opens or makes the database at `path` with the default settings. See [`SqliteStoreBuilder::open`].
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::builder(path).open().await
    }

    /// The settings of a store at `path`.
    pub fn builder(path: impl Into<PathBuf>) -> SqliteStoreBuilder {
        SqliteStoreBuilder::new(path.into())
    }

    pub(crate) fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.database.path()).finish_non_exhaustive()
    }
}

#[async_trait]
impl SessionStore for SqliteStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        let key = *key;
        self.database.read("load a record", move |connection| select(connection, &key)).await
    }

    async fn commit(
        &self,
        key: &StoreKey,
        expected: Expected,
        next: &Stored,
        keep_until: Option<Timestamp>,
    ) -> Result<Commit, StoreError> {
        let (key, next) = (*key, next.clone());
        self.database
            .write("commit a record", move |transaction| {
                if found(transaction, &key)? != expected {
                    return Ok(Commit::Conflict);
                }
                transaction
                    .prepare_cached(
                        "INSERT INTO sessions (key, version, keep_until_unix_ms, record) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT (key) DO UPDATE
                         SET version = ?2, keep_until_unix_ms = ?3, record = ?4",
                    )?
                    .execute((
                        key.as_bytes(),
                        next.version.as_u64().cast_signed(),
                        keep_until.map(Timestamp::as_unix_millis),
                        next.record.as_bytes(),
                    ))?;
                transaction.prepare_cached("DELETE FROM leases WHERE key = ?1")?.execute([key.as_bytes()])?;
                Ok(Commit::Done)
            })
            .await
    }

    async fn remove(&self, key: &StoreKey, expected: Version) -> Result<Removal, StoreError> {
        let key = *key;
        self.database
            .write("remove a record", move |transaction| {
                if found(transaction, &key)? != Expected::At(expected) {
                    return Ok(Removal::Conflict);
                }
                transaction.prepare_cached("DELETE FROM sessions WHERE key = ?1")?.execute([key.as_bytes()])?;
                Ok(Removal::Done)
            })
            .await
    }

    async fn try_lease(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Lease, StoreError> {
        let (key, clock) = (*key, Arc::clone(&self.clock));
        self.database
            .write("take a lease", move |transaction| {
                let now = clock.now(); // Read here: it may have taken long to become the writer.
                let Some(stored) = select(transaction, &key)? else {
                    return Ok(Lease::Absent);
                };
                lease::update(transaction, &key, |lease| lease.try_lease(&stored, holder, ttl, now))
            })
            .await
    }

    async fn renew(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Renewal, StoreError> {
        let (key, clock) = (*key, Arc::clone(&self.clock));
        self.database
            .write("renew a lease", move |transaction| {
                let now = clock.now();
                lease::update(transaction, &key, |lease| lease.renew(holder, ttl, now))
            })
            .await
    }

    async fn release(&self, key: &StoreKey, holder: HolderId, release: Release) -> Result<(), StoreError> {
        let (key, clock) = (*key, Arc::clone(&self.clock));
        self.database
            .write("release a lease", move |transaction| {
                let now = clock.now();
                lease::update(transaction, &key, |lease| lease.release(holder, release, now))
            })
            .await
    }

    fn custody(&self) -> Custody {
        let folder = self.database.path().parent().unwrap_or(Path::new("."));
        Custody::Folder(folder.to_owned())
    }
}

#[async_trait]
impl List for SqliteStore {
    /// Pages are exact, in the order of the keys.
    async fn list(&self, from: Option<&Cursor>, limit: usize) -> Result<Page, StoreError> {
        // No bytes come before every key.
        let after = from.map_or(Vec::new(), |cursor| cursor.as_bytes().to_vec());
        let listed = self.database.read("list the records", move |connection| {
            let mut select = connection
                .prepare_cached("SELECT version, record, key FROM sessions WHERE key > ?1 ORDER BY key LIMIT ?2")?;
            let mut rows = select.query((after, rows(limit)))?;
            let mut page = Page::default();
            while let Some(row) = rows.next()? {
                let key = key_in(row, 2)?;
                page.next = Some(Cursor::from_bytes(key.as_bytes().to_vec()));
                // The row was read: if this fails, it is of another form.
                match stored(row) {
                    Ok(stored) => page.entries.push((key, stored)),
                    Err(_) => page.unreadable.push(key),
                }
            }
            Ok(page)
        });
        listed.await
    }
}

#[async_trait]
impl Sweep for SqliteStore {
    /// A record that is being refreshed is left for its commit.
    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        const SWEEP: &str = "sweep the records";
        let clock = Arc::clone(&self.clock);
        let dropped = self
            .database
            .write(SWEEP, move |transaction| {
                let now = clock.now().as_unix_millis();
                transaction
                    .prepare_cached(
                        "DELETE FROM sessions WHERE key IN (
                             SELECT sessions.key FROM sessions LEFT JOIN leases USING (key)
                             WHERE keep_until_unix_ms < ?1 AND (holder IS NULL OR ends_at_unix_ms <= ?1)
                             LIMIT ?2
                         )",
                    )?
                    .execute((now, rows(limit)))
            })
            .await?;
        if dropped > 0 {
            self.database.cut_off_log(SWEEP).await?;
        }
        Ok(dropped)
    }
}

fn select(connection: &Connection, key: &StoreKey) -> rusqlite::Result<Option<Stored>> {
    connection
        .prepare_cached("SELECT version, record FROM sessions WHERE key = ?1")?
        .query_row([key.as_bytes()], stored)
        .optional()
}

fn found(connection: &Connection, key: &StoreKey) -> rusqlite::Result<Expected> {
    let version = connection
        .prepare_cached("SELECT version FROM sessions WHERE key = ?1")?
        .query_row([key.as_bytes()], |row| version_in(row, 0))
        .optional()?;
    Ok(version.map_or(Expected::Absent, Expected::At))
}

/// The first two columns of a row.
fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored { version: version_in(row, 0)?, record: Record::from_bytes(row.get(1)?) })
}

fn version_in(row: &Row<'_>, column: usize) -> rusqlite::Result<Version> {
    row.get(column).map(|version: i64| Version::from_u64(version.cast_unsigned()))
}

fn key_in(row: &Row<'_>, column: usize) -> rusqlite::Result<StoreKey> {
    row.get(column).map(StoreKey::from_bytes)
}

fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
