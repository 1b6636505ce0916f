//! [`Blockade`]: somebody who writes to a store on disk, and takes for ever.

use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

/// The file that whoever changes a folder of sessions locks.
const LOCK: &str = "oidc-session.lock";

/// How long it waits until others have written. A worker that is stopped may have been about to.
const PATIENCE: Duration = Duration::from_secs(10);

/// While this lives nobody else can write to the store; whoever tries is told that it is busy. Reading goes on.
#[derive(Debug)]
pub(crate) struct Blockade {
    _until: mpsc::Sender<()>,
}

impl Blockade {
    /// A transaction that does not end.
    pub(crate) fn of_database(path: PathBuf) -> Self {
        Self::of(move || {
            let connection = Connection::open(path).ok()?;
            connection.busy_timeout(PATIENCE).ok()?;
            connection.execute_batch("BEGIN IMMEDIATE").ok()?;
            Some(connection)
        })
    }

    /// A lock that is not given back.
    pub(crate) fn of_folder(path: PathBuf) -> Self {
        Self::of(move || {
            let file = File::options().read(true).write(true).open(path.join(LOCK)).ok()?;
            file.lock().ok()?;
            Some(file)
        })
    }

    /// What is `taken` is held by a thread of its own, because it may have to wait for it.
    fn of<T>(taken: impl FnOnce() -> Option<T> + Send + 'static) -> Self {
        let (until, over) = mpsc::channel();
        thread::spawn(move || {
            let held = taken();
            let _ = over.recv();
            drop(held);
        });
        Self { _until: until }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use oidc_session::{FileStore, HolderId, Lease, SessionStore, SqliteStore, StoreKey};

    use super::*;

    const BUSY: Duration = Duration::from_millis(50);
    const TTL: Duration = Duration::from_secs(3);

    /// Whether the store can be written to; waits until that is as `expected`.
    async fn becomes(store: &dyn SessionStore, expected: bool) {
        for _ in 0..200 {
            let lease = store.try_lease(&StoreKey::from_bytes([7; 32]), HolderId::random(), TTL).await;
            if matches!(lease, Ok(Lease::Absent)) == expected {
                return;
            }
        }
        panic!("the store should have become {}", if expected { "free" } else { "busy" });
    }

    #[tokio::test]
    async fn nobody_writes_before_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let (database, files) = (folder.path().join("sessions.db"), folder.path().join("sessions"));
        let sqlite: Arc<dyn SessionStore> =
            Arc::new(SqliteStore::builder(&database).busy_timeout(BUSY).open().await.unwrap());
        let file: Arc<dyn SessionStore> = Arc::new(FileStore::builder(&files).busy_timeout(BUSY).open().await.unwrap());
        for (store, blockade) in [(sqlite, Blockade::of_database(database)), (file, Blockade::of_folder(files))] {
            becomes(&*store, false).await;
            drop(blockade);
            becomes(&*store, true).await;
        }
    }
}
