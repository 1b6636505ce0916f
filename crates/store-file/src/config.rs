//! [`FileStoreBuilder`]: the settings.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{Clock, StoreError, SystemClock};

use crate::FileStore;
use crate::disk::RealDisk;

/// The settings of a [`FileStore`].
///
/// ```
/// use std::time::Duration;
/// use oidc_session_store_file::FileStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let folder = directory.path().join("sessions");
/// let store = FileStore::builder(folder)
///     .busy_timeout(Duration::from_secs(2))
///     .open()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FileStoreBuilder {
    folder: PathBuf,
    busy_timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl FileStoreBuilder {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, busy_timeout: Duration::from_secs(5), clock: Arc::new(SystemClock) }
    }

    /// How long a call waits for its turn, behind this process's calls and behind other processes, before it fails as
    /// unavailable. Five seconds by default.
    #[must_use]
    pub fn busy_timeout(mut self, busy_timeout: Duration) -> Self {
        self.busy_timeout = busy_timeout;
        self
    }

    /// The clock of the leases, for tests. All processes that share the folder must agree on the time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Opens the folder. A missing one is made, with those on the way, for its owner alone.
    ///
    /// A folder that others may read is made private, and what writers who died have left in it is cleaned up.
    ///
    /// Needs a Tokio runtime with its timer. Fails as *denied* if the folder cannot be written to or belongs to
    /// somebody else, as *misconfigured* if others can write to it, if it is no folder, or if a newer version wrote it.
    /// It is left alone in each case. The error's source says what to do.
    pub async fn open(self) -> Result<FileStore, StoreError> {
        FileStore::open_with(self.folder, self.busy_timeout, self.clock, Arc::new(RealDisk)).await
    }
}
