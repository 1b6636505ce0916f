//! [`Calls`]: the threads on which calls to the secret store wait, and how long their callers do.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use oidc_session_core::{StoreError, StoreErrorKind};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tokio::time::timeout;

use crate::error::from_io;
use crate::lock_file::LockFile;
use crate::records::Records;

/// Runs calls away from the runtime, one that reads and one that writes at a time.
///
/// Each runs on a thread of its own, not on the runtime's: a call may be stuck behind a prompt for as long as the user
/// likes, and a runtime cannot end before its blocking threads do. At most two such threads are there at any time, for
/// callers queue without one.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    records: Arc<Records>,
    lock: Arc<LockFile>,
    patience: Patience,
    reader: Line,
    writer: Line,
}

/// How long callers wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For other processes.
    pub(crate) busy: Duration,
    /// For the secret store and its user.
    pub(crate) answer: Duration,
}

impl Calls {
    pub(crate) fn new(records: Records, lock: LockFile, patience: Patience) -> Self {
        let (records, lock) = (Arc::new(records), Arc::new(lock));
        Self { records, lock, patience, reader: Line::default(), writer: Line::default() }
    }

    pub(crate) fn service(&self) -> &str {
        self.records.service()
    }

    pub(crate) fn lock_path(&self) -> &std::path::Path {
        self.lock.path()
    }

    /// Runs work that only reads: at first beside all writers.
    ///
    /// It may then meet a record that is just being replaced, which looks like damage, or an entry that is just being
    /// deleted. So what went wrong is tried again under the lock, and what goes wrong there counts.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl Fn(&Records) -> Result<T, StoreError> + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        let turn = self.reader.turn(doing, self.patience.answer).await?;
        let (work, records) = (Arc::new(work), Arc::clone(&self.records));
        let (answer, answered) = oneshot::channel();
        turn.start(doing, {
            let work = Arc::clone(&work);
            move || {
                let _ = answer.send(work(&records));
            }
        })?;
        match wait(doing, self.patience.answer, answered).await {
            Ok(Err(error)) if matches!(error.kind(), StoreErrorKind::Corrupt | StoreErrorKind::Unavailable) => {
                self.write(doing, move |records| work(records)).await
            }
            Ok(answer) => answer,
            Err(gave_up) => Err(gave_up),
        }
    }

    /// Runs work as the only writer of all processes. If its caller goes away before its turn, it does not run.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Records) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = self.writer.turn(doing, self.patience.answer).await?;
        let (records, lock) = (Arc::clone(&self.records), Arc::clone(&self.lock));
        let (locked, is_locked) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        turn.start(doing, move || {
            let held = lock.acquire();
            if locked.send(()).is_err() {
                return;
            }
            let result = held.map_err(|error| from_io(doing, error)).and_then(|held: File| {
                let result = work(&records);
                drop(held);
                result
            });
            let _ = answer.send(result);
        })?;
        timeout(self.patience.busy, is_locked)
            .await
            .map_err(|_| unavailable(doing, "another process holds the lock"))?
            .map_err(|_| unavailable(doing, BROKE_OFF))?;
        wait(doing, self.patience.answer, answered).await?
    }
}

/// Callers that wait for one thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line(Arc<Mutex<()>>);

/// The right to have a thread.
pub(crate) struct Turn(OwnedMutexGuard<()>);

impl Line {
    pub(crate) async fn turn(&self, doing: &'static str, patience: Duration) -> Result<Turn, StoreError> {
        match timeout(patience, Arc::clone(&self.0).lock_owned()).await {
            Ok(turn) => Ok(Turn(turn)),
            Err(_) => Err(unavailable(doing, NO_ANSWER)),
        }
    }
}

impl Turn {
    /// Runs `work`. The turn lasts until it is done, even if nobody waits for it any more.
    pub(crate) fn start(self, doing: &'static str, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
        let run = move || {
            work();
            drop(self.0);
        };
        let started: io::Result<_> = thread::Builder::new().name("oidc-session-keyring".to_owned()).spawn(run);
        started.map(drop).map_err(|error| StoreError::new(StoreErrorKind::Unavailable, doing).because(error))
    }
}

/// Waits for the answer of a thread.
pub(crate) async fn wait<T>(
    doing: &'static str,
    patience: Duration,
    answered: oneshot::Receiver<T>,
) -> Result<T, StoreError> {
    match timeout(patience, answered).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(unavailable(doing, BROKE_OFF)),
        Err(_) => Err(unavailable(doing, NO_ANSWER)),
    }
}

const NO_ANSWER: &str = "the secret store has not answered; it may be asking the user to unlock it";
const BROKE_OFF: &str = "the call to the secret store broke off";

fn unavailable(doing: &'static str, cause: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, doing).because(cause)
}
