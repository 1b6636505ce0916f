//! [`FileStore`].

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use oidc_session_core::{
    Clock, Commit, Cursor, Custody, Expected, HolderId, Lease, List, Page, Release, Removal, Renewal, SessionStore,
    StoreError, StoreErrorKind, StoreKey, Stored, Sweep, Timestamp, Version,
};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::FileStoreBuilder;
use crate::disk::Disk;
use crate::error::Trouble;
use crate::folder::Folder;
use crate::layout;
use crate::lock::Lock;
use crate::sessions::Sessions;

/// How many calls of one process read at once. More would only hold threads: they wait for the same disk.
const READERS: usize = 4;

const OPEN: &str = "open the session folder";

/// A store in a folder, with a file for each session. Clones share its lock; other processes open the folder as well.
///
/// Calls need a Tokio runtime and never block it. A `load` waits for nobody. A call that changes something waits for its
/// turn up to the busy timeout, and dropping it meanwhile means that it never happens.
#[derive(Clone)]
pub struct FileStore {
    folder: Folder,
    lock: Lock,
    readers: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
}

impl FileStore {
    /// Opens or makes the folder at `path` with the default settings. See [`FileStoreBuilder::open`].
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::builder(path).open().await
    }

    /// The settings of a store in the folder at `path`.
    pub fn builder(path: impl Into<PathBuf>) -> FileStoreBuilder {
        FileStoreBuilder::new(path.into())
    }

    pub(crate) async fn open_with(
        path: PathBuf,
        busy_timeout: Duration,
        clock: Arc<dyn Clock>,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, StoreError> {
        let made = off_the_runtime(OPEN, move || {
            let folder = Folder::make(&path, disk)?;
            let is_new = !layout::is_known(&folder)?;
            let lock = Lock::of(folder.clone(), busy_timeout);
            if is_new {
                lock.make()?;
            }
            Ok((folder, lock, is_new))
        });
        let (folder, lock, is_new) = made.await?;
        let store = Self { folder, lock, readers: Arc::new(Semaphore::new(READERS)), clock };
        if is_new {
            let folder = store.folder.clone();
            store.write(OPEN, move |_| layout::write(&folder)).await?;
        }
        store.tidy_up().await?;
        Ok(store)
    }

    /// Cleans up behind the dead. If somebody is at work just now, that is left for another time.
    async fn tidy_up(&self) -> Result<(), StoreError> {
        let leftovers = self.read(OPEN, |sessions| sessions.leftovers()).await?;
        if leftovers.is_empty() {
            return Ok(());
        }
        let held = self.lock.try_acquire().await.map_err(|trouble| trouble.when(OPEN))?;
        let Some(held) = held else {
            return Ok(());
        };
        let sessions = self.sessions();
        off_the_runtime(OPEN, move || {
            let _until_it_is_done = held;
            sessions.tidy_up(&leftovers)
        })
        .await
    }

    /// Runs `work` beside everybody else's.
    async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Sessions) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        let unavailable = |error| StoreError::new(StoreErrorKind::Unavailable, doing).because(error);
        let permit = Arc::clone(&self.readers).acquire_owned().await.map_err(unavailable)?;
        let sessions = self.sessions();
        off_the_runtime(doing, move || {
            let _until_it_is_done = permit;
            work(&sessions)
        })
        .await
    }

    /// Runs `work` as the only writer of all processes. Once it has begun it goes on, even if the caller goes away.
    async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Sessions) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        let held = self.lock.acquire().await.map_err(|trouble| trouble.when(doing))?;
        let sessions = self.sessions();
        off_the_runtime(doing, move || {
            let _until_it_is_done = held;
            work(&sessions)
        })
        .await
    }

    fn sessions(&self) -> Sessions {
        Sessions::of(self.folder.clone())
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").field("folder", &self.folder.path()).finish_non_exhaustive()
    }
}

#[async_trait]
impl SessionStore for FileStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        let key = *key;
        self.read("load a record", move |sessions| sessions.load(&key)).await
    }

    async fn commit(
        &self,
        key: &StoreKey,
        expected: Expected,
        next: &Stored,
        keep_until: Option<Timestamp>,
    ) -> Result<Commit, StoreError> {
        let (key, next) = (*key, next.clone());
        self.write("commit a record", move |sessions| sessions.commit(&key, expected, &next, keep_until)).await
    }

    async fn remove(&self, key: &StoreKey, expected: Version) -> Result<Removal, StoreError> {
        let key = *key;
        self.write("remove a record", move |sessions| sessions.remove(&key, expected)).await
    }

    async fn try_lease(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Lease, StoreError> {
        let (key, clock) = (*key, Arc::clone(&self.clock));
        // The clock is read in there: it may have taken long to become the writer.
        self.write("take a lease", move |sessions| sessions.try_lease(&key, holder, ttl, clock.now())).await
    }

    async fn renew(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Renewal, StoreError> {
        let (key, clock) = (*key, Arc::clone(&self.clock));
        self.write("renew a lease", move |sessions| sessions.renew(&key, holder, ttl, clock.now())).await
    }

    async fn release(&self, key: &StoreKey, holder: HolderId, release: Release) -> Result<(), StoreError> {
        let (key, clock) = (*key, Arc::clone(&self.clock));
        self.write("release a lease", move |sessions| sessions.release(&key, holder, release, clock.now())).await
    }

    fn custody(&self) -> Custody {
        Custody::Folder(self.folder.path().to_owned())
    }
}

#[async_trait]
impl List for FileStore {
    /// Pages come in the order of the keys. Each waits for its turn like a change.
    async fn list(&self, from: Option<&Cursor>, limit: usize) -> Result<Page, StoreError> {
        const LIST: &str = "list the records";
        let after = from.map(key_of).transpose().map_err(|trouble| trouble.when(LIST))?;
        let keys = self.write(LIST, move |sessions| sessions.keys_after(after, limit)).await?;
        let next = keys.last().map(|key| Cursor::from_bytes(key.as_bytes().to_vec()));
        self.read(LIST, move |sessions| {
            let mut page = Page { next, ..Page::default() };
            for key in keys {
                match sessions.load(&key) {
                    Ok(stored) => page.entries.extend(stored.map(|stored| (key, stored))),
                    Err(trouble) if trouble.kind() == StoreErrorKind::Unavailable => return Err(trouble),
                    Err(_) => page.unreadable.push(key),
                }
            }
            Ok(page)
        })
        .await
    }
}

#[async_trait]
impl Sweep for FileStore {
    /// A record that is being refreshed is left for its commit, and one that is damaged for whoever restores it.
    ///
    /// Looks for records while others write, and locks the folder only to drop them. Also cleans up behind the dead.
    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        const SWEEP: &str = "sweep the records";
        let clock = Arc::clone(&self.clock);
        let found =
            self.read(SWEEP, move |sessions| Ok((sessions.disposable(limit, clock.now())?, sessions.leftovers()?)));
        let (keys, leftovers) = found.await?;
        if keys.is_empty() && leftovers.is_empty() {
            return Ok(0);
        }
        let clock = Arc::clone(&self.clock);
        self.write(SWEEP, move |sessions| {
            sessions.tidy_up(&leftovers)?;
            sessions.drop_disposable(&keys, clock.now())
        })
        .await
    }
}

/// Runs `work` on a thread that may block. Dropping the future does not stop it.
async fn off_the_runtime<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, StoreError> {
    match spawn_blocking(work).await {
        Ok(result) => result.map_err(|trouble| trouble.when(doing)),
        Err(error) => Err(StoreError::new(StoreErrorKind::Unavailable, doing).because(error)),
    }
}

fn key_of(cursor: &Cursor) -> Result<StoreKey, Trouble> {
    let bytes = cursor.as_bytes().try_into();
    bytes
        .map(StoreKey::from_bytes)
        .map_err(|_| Trouble::refused(StoreErrorKind::Misconfigured, "the cursor is not one of this store's"))
}
