//! [`Keeper`]: refreshes what is kept fresh, behind everybody's back.

mod clock_gap;
mod guard;
mod next;
mod register;
mod task;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use oidc_session_core::{StoreKey, Target};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

pub use self::guard::KeepFresh;
use self::register::{Kept, Register};
use self::task::KeeperTask;
use crate::entry::Entry;
use crate::shared::Shared;

/// Keeps the sessions fresh that somebody holds a [`KeepFresh`] of: one task for all of them, that ends with the manager.
#[derive(Debug)]
pub(crate) struct Keeper {
    register: Arc<Register>,
    /// How many refreshes it has under way at a time.
    most_refreshes: usize,
    /// What all kept sessions have as their own target, once.
    own_target: Arc<Target>,
    task: Mutex<Option<AbortHandle>>,
}

/// While this lives, the keeper begins nothing.
pub(crate) struct Paused(Arc<Register>);

impl Keeper {
    pub(crate) fn new(most_refreshes: usize) -> Self {
        Self { register: Arc::default(), most_refreshes, own_target: Arc::default(), task: Mutex::default() }
    }

    /// Keeps `target` of `entry` fresh until the returned guard is dropped.
    pub(crate) fn keep(&self, shared: &Arc<Shared>, entry: &Arc<Entry>, target: &Arc<Target>) -> KeepFresh {
        let target = if target.is_default() { &self.own_target } else { target };
        let place = self.register.add(Kept { entry: Arc::clone(entry), target: Arc::clone(target) });
        self.begin(shared);
        KeepFresh::new(Arc::clone(shared), Arc::clone(&self.register), place)
    }

    /// Begins the task, unless it runs, nothing is kept, or there is no runtime to run it.
    pub(crate) fn begin(&self, shared: &Arc<Shared>) {
        if self.register.is_empty() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        // It ends with its runtime, which may be another one than ours.
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let keeping = KeeperTask::new(shared, &self.register, self.most_refreshes).keep();
        *task = Some(runtime.spawn(keeping).abort_handle());
    }

    /// Something may have changed about the session of `key`: when it is due, or whether there is one.
    pub(crate) fn wake(&self, key: &StoreKey) {
        self.register.wake(key);
    }

    /// The authorization server wants to be left alone by this client from `now` on, on the monotonic clock. It said so
    /// about `entry`, of all sessions, and that spreads those who were told the same.
    pub(crate) fn hold_back(&self, entry: &Entry, now: Duration, wait: Duration) {
        let wait = wait.min(LONGEST_HOLD);
        let wait = next::spread(entry, wait, wait / 8).min(LONGEST_HOLD);
        self.register.hold_until(now.saturating_add(wait));
    }

    /// Has nothing begun until the returned guard is dropped.
    pub(crate) fn pause(&self) -> Paused {
        self.register.pause();
        Paused(Arc::clone(&self.register))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task {
            task.abort();
        }
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        self.0.resume();
    }
}

/// As with pauses of leases: a server that asks for a day, by a slip, must not silence a fleet.
const LONGEST_HOLD: Duration = Duration::from_secs(300);
