//! [`Lock`]: one writer at a time, over all processes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use oidc_session_core::StoreErrorKind;
use tokio::sync::{OwnedMutexGuard, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::error::Trouble;
use crate::folder::Folder;
use crate::name::LOCK;
use crate::privacy;

/// The lock of a folder. Clones are the same lock.
///
/// The operating system frees it when its holder ends, however it ends. Callers of this process queue without a thread.
/// Only the first of them waits for other processes: on one thread, which the system wakes up. That thread is not the
/// runtime's, because a runtime cannot shut down while one of its own is blocked.
#[derive(Clone, Debug)]
pub(crate) struct Lock {
    folder: Folder,
    busy_timeout: Duration,
    turn: Arc<tokio::sync::Mutex<()>>,
    desk: Arc<Mutex<Desk>>,
}

/// Where the thread that waits finds the caller that waits.
#[derive(Debug, Default)]
struct Desk {
    caller: Option<oneshot::Sender<Result<Locked, Trouble>>>,
    thread_waits: bool,
}

/// The right to change the folder, until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    _locked: Locked,
    _turn: OwnedMutexGuard<()>,
}

impl Lock {
    pub(crate) fn of(folder: Folder, busy_timeout: Duration) -> Self {
        Self { folder, busy_timeout, turn: Arc::default(), desk: Arc::default() }
    }

    /// Waits for the lock, for at most the busy timeout. Dropping the future gives up the wait.
    pub(crate) async fn acquire(&self) -> Result<Held, Trouble> {
        timeout(self.busy_timeout, self.wait()).await.unwrap_or_else(|_| {
            Err(Trouble::refused(StoreErrorKind::Unavailable, "others have kept the folder locked for too long"))
        })
    }

    /// The lock, if it is free.
    pub(crate) async fn try_acquire(&self) -> Result<Option<Held>, Trouble> {
        let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() else {
            return Ok(None);
        };
        let locked = self.try_lock().await?;
        Ok(locked.map(|locked| Held { _locked: locked, _turn: turn }))
    }

    /// Makes the lock file of a new store.
    pub(crate) fn make(&self) -> Result<(), Trouble> {
        Locked::open(&self.folder, true).map(|_| ())
    }

    async fn wait(&self) -> Result<Held, Trouble> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let locked = match self.try_lock().await? {
            Some(locked) => locked,
            None => self.wait_for_other_processes()?.await.map_err(io::Error::other)??,
        };
        Ok(Held { _locked: locked, _turn: turn })
    }

    async fn try_lock(&self) -> Result<Option<Locked>, Trouble> {
        let folder = self.folder.clone();
        spawn_blocking(move || Locked::try_now(&folder)).await.map_err(io::Error::other)?
    }

    /// Leaves word at the desk, and sees that a thread waits.
    fn wait_for_other_processes(&self) -> Result<oneshot::Receiver<Result<Locked, Trouble>>, Trouble> {
        let (sender, receiver) = oneshot::channel();
        let mut desk = self.desk();
        if !desk.thread_waits {
            let lock = self.clone();
            thread::Builder::new().name("oidc-session-lock".into()).spawn(move || lock.wait_on_this_thread())?;
            desk.thread_waits = true;
        }
        desk.caller = Some(sender);
        Ok(receiver)
    }

    fn wait_on_this_thread(&self) {
        let locked = Locked::wait(&self.folder);
        let mut desk = self.desk();
        desk.thread_waits = false;
        if let Some(caller) = desk.caller.take() {
            // If the caller has given up, this hands the lock back, and dropping it frees it.
            let _ = caller.send(locked);
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lock file, locked.
#[derive(Debug)]
struct Locked(File);

impl Locked {
    fn try_now(folder: &Folder) -> Result<Option<Self>, Trouble> {
        loop {
            let file = Self::open(folder, false)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            let locked = Self(file);
            if locked.is_in_place(folder)? {
                return Ok(Some(locked));
            }
        }
    }

    fn wait(folder: &Folder) -> Result<Self, Trouble> {
        loop {
            let file = Self::open(folder, false)?;
            match file.lock() {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            let locked = Self(file);
            if locked.is_in_place(folder)? {
                return Ok(locked);
            }
        }
    }

    fn open(folder: &Folder, is_new_store: bool) -> Result<File, Trouble> {
        let path = folder.path().join(LOCK);
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        match fs::symlink_metadata(&path) {
            Ok(metadata) => folder.admit(LOCK, &metadata)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !is_new_store {
                    folder.is_still_there()?;
                }
                options.create(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(options.open(path)?)
    }

    /// Whether others who come now would wait for this file. Somebody may have deleted it by hand.
    fn is_in_place(&self, folder: &Folder) -> Result<bool, Trouble> {
        match fs::symlink_metadata(folder.path().join(LOCK)) {
            Ok(named) => Ok(privacy::is_same_file(&self.0.metadata()?, &named)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing alone would not do while a program that was started in this instant still has the file open.
        let _ = self.0.unlock();
    }
}
