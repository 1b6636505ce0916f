//! [`Database`]: two connections, and the threads on which their work runs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{Clock as _, StoreError, StoreErrorKind, SystemClock};
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::error::{from_io, from_sqlite};
use crate::file::{self, Identity};
use crate::log;
use crate::schema::{self, Content};

const OPEN: &str = "open the session database";

/// An open database. Clones share its connections.
///
/// One connection writes and one reads, so that a `load` never waits behind a write that waits for another process.
/// Callers queue for a connection without holding a thread: at most two threads are ever blocked.
#[derive(Clone)]
pub(crate) struct Database {
    path: Arc<Path>,
    identity: Identity,
    busy_timeout: Duration,
    writer: Arc<Mutex<Connection>>,
    reader: Arc<Mutex<Connection>>,
}

impl Database {
    pub(crate) async fn open(path: PathBuf, busy_timeout: Duration) -> Result<Self, StoreError> {
        off_the_runtime(OPEN, move || {
            // SQLite counts milliseconds in 31 bits.
            let busy_timeout = busy_timeout.min(Duration::from_millis(i32::MAX as u64));
            // Absolute, so that no name has a meaning of its own to SQLite (`:memory:`, `file:…`).
            let path = std::path::absolute(path).map_err(|error| from_io(OPEN, error))?;
            file::create(&path).map_err(|error| from_io(OPEN, error))?;
            let mut writer = connect(&path, busy_timeout)?;
            adopt(&mut writer, &path, busy_timeout)?;
            let reader = connect(&path, busy_timeout)?;
            let identity = Identity::of(&path).map_err(|error| from_io(OPEN, error))?;
            configure(&writer)
                .and_then(|()| configure(&reader))
                .and_then(|()| reader.pragma_update(None, "query_only", true))
                .map_err(|error| from_sqlite(OPEN, error))?;
            let (writer, reader) = (Arc::new(Mutex::new(writer)), Arc::new(Mutex::new(reader)));
            Ok(Self { path: path.into(), identity, busy_timeout, writer, reader })
        })
        .await
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs one query. It sees the last commit of every process.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = Arc::clone(&self.reader).lock_owned().await;
        let (path, identity) = (Arc::clone(&self.path), self.identity);
        off_the_runtime(doing, move || {
            is_in_place(doing, &path, identity)?;
            work(&connection).map_err(|error| from_sqlite(doing, error))
        })
        .await
    }

    /// Runs `work` as the only writer of all processes. If it fails, or the caller goes away, it happened whole or not
    /// at all.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut connection = Arc::clone(&self.writer).lock_owned().await;
        let (path, identity, busy_timeout) = (Arc::clone(&self.path), self.identity, self.busy_timeout);
        off_the_runtime(doing, move || {
            // Immediate, because a transaction that turns into a writer half-way can fail without waiting its turn.
            let failed = |error| from_sqlite(doing, error);
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
            is_in_place(doing, &path, identity)?; // Looked at here: it may have taken long to become the writer.
            let result = work(&transaction).map_err(failed)?;
            transaction.commit().map_err(failed)?;
            if log::is_long(&path) {
                log::cut_off(&connection, busy_timeout);
            }
            Ok(result)
        })
        .await
    }

    /// Leaves nothing in the log that is no longer in the database.
    pub(crate) async fn cut_off_log(&self, doing: &'static str) -> Result<(), StoreError> {
        let connection = Arc::clone(&self.writer).lock_owned().await;
        let busy_timeout = self.busy_timeout;
        off_the_runtime(doing, move || {
            log::cut_off(&connection, busy_timeout);
            Ok(())
        })
        .await
    }
}

/// Refuses to go on with a file that others no longer find: what is written there is lost, and a lease excludes nobody.
fn is_in_place(doing: &'static str, path: &Path, opened: Identity) -> Result<(), StoreError> {
    match Identity::of(path) {
        Ok(found) if found == opened => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(from_io(doing, error)),
        _ => Err(StoreError::new(StoreErrorKind::Unavailable, doing)
            .because("the file was moved, replaced or deleted; if that was meant, open the store anew")),
    }
}

/// Runs `work` on a thread that may block. Dropping the future does not stop it.
async fn off_the_runtime<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(StoreError::new(StoreErrorKind::Unavailable, doing).because(error)),
    }
}

fn connect(path: &Path, busy_timeout: Duration) -> Result<Connection, StoreError> {
    // Without the right to create: only `file::create` knows how to make a private file.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
        .and_then(|connection| {
            connection.busy_timeout(busy_timeout)?;
            Ok(connection)
        })
        .map_err(|error| from_sqlite(OPEN, error))
}

/// Makes sure that the file is a store that this version may write to, and nobody else may read.
fn adopt(connection: &mut Connection, path: &Path, busy_timeout: Duration) -> Result<(), StoreError> {
    let content = connection
        .transaction()
        .and_then(|transaction| Content::of(&transaction))
        .map_err(|error| from_sqlite(OPEN, error))?;
    admit(content)?;
    // SQLite falls back to reading only, and would not tell before the first commit.
    if connection.is_readonly("main").map_err(|error| from_sqlite(OPEN, error))? {
        return Err(StoreError::new(StoreErrorKind::Denied, OPEN).because("the file cannot be written to"));
    }
    file::make_private(path).map_err(|error| from_io(OPEN, error))?;
    log_ahead(connection, busy_timeout)?;
    connection.busy_timeout(busy_timeout).map_err(|error| from_sqlite(OPEN, error))?;
    if content.is_newest() {
        return Ok(());
    }
    // A newer program may have been faster.
    schema::upgrade(connection).map_err(|error| from_sqlite(OPEN, error)).and_then(admit)
}

fn admit(content: Content) -> Result<(), StoreError> {
    match content {
        Content::Empty | Content::Store { .. } => Ok(()),
        Content::NewerStore { .. } | Content::Foreign => {
            Err(StoreError::new(StoreErrorKind::Misconfigured, OPEN).because(content.to_string()))
        }
    }
}

/// Switches to the write-ahead log, with which readers and the writer do not hinder each other.
///
/// Waits for others no longer than twice the busy timeout, however many there are. Afterwards the connection waits only
/// for what was left of it.
fn log_ahead(connection: &mut Connection, busy_timeout: Duration) -> Result<(), StoreError> {
    // The machine's own clock, whatever the leases go by: SQLite waits in real time.
    let started_at = SystemClock.monotonic();
    loop {
        let waited = SystemClock.monotonic().saturating_sub(started_at);
        let left = busy_timeout.saturating_sub(waited);
        connection.busy_timeout(left).map_err(|error| from_sqlite(OPEN, error))?;
        match connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => {
                return Err(StoreError::new(StoreErrorKind::Misconfigured, OPEN)
                    .because("the file system cannot share memory between processes"));
            }
            // Another process is switching. SQLite does not wait for that by itself, but it waits for a lock.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && !left.is_zero() => connection
                .transaction_with_behavior(TransactionBehavior::Exclusive)
                .and_then(Transaction::rollback)
                .map_err(|error| from_sqlite(OPEN, error))?,
            Err(error) => return Err(from_sqlite(OPEN, error)),
        }
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    // A commit is on the disk before it returns: a rotated refresh token exists nowhere else.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?; // macOS: also through the drive's own cache.
    // Old tokens do not linger in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    log::configure(connection)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_connection_is_durable_and_wipes_what_it_deletes() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(directory.path().join("sessions.db"), Duration::from_secs(5)).await.unwrap();
        for connection in [database.writer, database.reader] {
            let connection = connection.lock().await;
            let setting = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
            assert_eq!(setting("synchronous"), 2);
            assert_eq!(setting("secure_delete"), 1);
            assert_eq!(setting("foreign_keys"), 1);
        }
    }
}
