//! [`SqliteStoreBuilder`]: the settings.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{Clock, StoreError, SystemClock};

use crate::SqliteStore;
use crate::database::Database;

/// The settings of a [`SqliteStore`].
///
/// ```
/// use std::time::Duration;
/// use oidc_session_store_sqlite::SqliteStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("sessions.db");
/// let store = SqliteStore::builder(path)
///     .busy_timeout(Duration::from_secs(2))
///     .open()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SqliteStoreBuilder {
    path: PathBuf,
    busy_timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl SqliteStoreBuilder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, busy_timeout: Duration::from_secs(5), clock: Arc::new(SystemClock) }
    }

    /// How long a call waits while another process writes, before it fails as unavailable. Five seconds by default.
    #[must_use]
    pub fn busy_timeout(mut self, busy_timeout: Duration) -> Self {
        self.busy_timeout = busy_timeout;
        self
    }

    /// The clock of the leases, for tests. All processes that share the file must agree on the time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Opens the database. A missing file is made, with its directories.
    ///
    /// Needs a Tokio runtime. Fails as *denied* if the file cannot be written or made private, as *misconfigured* if it
    /// is another program's or a newer version's, as *corrupt* if it is no database. It is left alone in each case.
    pub async fn open(self) -> Result<SqliteStore, StoreError> {
        let database = Database::open(self.path, self.busy_timeout).await?;
        Ok(SqliteStore::new(database, self.clock))
    }
}
