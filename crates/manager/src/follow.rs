//! [`Follower`]: hears of changes from the store, and has what they touch looked at anew.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use oidc_session_core::{Changes, HolderId, SessionStore, StoreError, StoreErrorKind};
use tokio::task::AbortHandle;

use crate::following::Following;
use crate::observe;
use crate::observe::metric;
use crate::shared::Shared;

/// The task that follows the store's change feed. It ends with the manager.
#[derive(Debug, Default)]
pub(crate) struct FollowerTask(Mutex<Option<AbortHandle>>);

/// What the task needs. It keeps no manager alive.
struct Follower {
    shared: Weak<Shared>,
    store: Arc<dyn SessionStore>,
    following: Arc<Following>,
    store_budget: Duration,
}

impl FollowerTask {
    /// Begins the task, unless it runs.
    pub(crate) fn begin(&self, shared: &Arc<Shared>) {
        if shared.store.change_feed().is_none() {
            return;
        }
        let mut task = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // It ends with its runtime, which may be another one than ours.
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let follower = Follower {
            shared: Arc::downgrade(shared),
            store: Arc::clone(&shared.store),
            following: Arc::clone(&shared.following),
            store_budget: shared.store_budget,
        };
        *task = Some(tokio::spawn(follower.follow()).abort_handle());
    }
}

impl Drop for FollowerTask {
    fn drop(&mut self) {
        let task = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task {
            task.abort();
        }
    }
}

impl Follower {
    const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
    const LONGEST_PAUSE: Duration = Duration::from_secs(5);
    /// A subscription that lasted this long was none of those that fail at once.
    const STEADY: Duration = Duration::from_secs(10);

    async fn follow(self) {
        let _ends = Ends(Arc::clone(&self.following));
        let mut failures = 0;
        loop {
            let error = match self.subscribe().await {
                Ok(changes) => {
                    let since = self.following.monotonic();
                    let Some(error) = self.listen(changes).await else { return };
                    self.following.lost();
                    metric::feed(false);
                    if self.following.monotonic().saturating_sub(since) >= Self::STEADY {
                        failures = 0;
                    }
                    error
                }
                Err(error) => error,
            };
            failures += 1;
            let pause = pause(failures);
            if failures == 1 {
                observe::feed_lost(&error);
            } else {
                observe::feed_still_lost(&error, pause);
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn subscribe(&self) -> Result<Box<dyn Changes>, StoreError> {
        let doing = "follow the changes";
        let Some(feed) = self.store.change_feed() else {
            return Err(StoreError::new(StoreErrorKind::Misconfigured, doing));
        };
        match tokio::time::timeout(self.store_budget, feed.subscribe()).await {
            Ok(subscribed) => subscribed,
            Err(_) => Err(StoreError::new(StoreErrorKind::Unavailable, doing)),
        }
    }

    /// Hears of changes until the subscription fails, or until the manager is gone: then there is no error.
    async fn listen(&self, mut changes: Box<dyn Changes>) -> Option<StoreError> {
        self.shared.upgrade()?.subscribed();
        metric::feed(true);
        observe::feed_followed();
        loop {
            match tokio::time::timeout(Following::SAYS_SO_EVERY, changes.next()).await {
                Ok(Ok(change)) => self.shared.upgrade()?.changed(change),
                Ok(Err(error)) => return Some(error),
                // Nothing happened. A dropped wait loses no change.
                Err(_) => {}
            }
            self.following.runs();
            // Again and again: a recorder may have been installed meanwhile.
            metric::feed(true);
        }
    }
}

/// 100 ms, doubling to 5 s, and up to half of that more: a fleet that lost the same server does not come back as one.
fn pause(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(6);
    let pause = (Follower::SHORTEST_PAUSE * 2_u32.pow(doublings)).min(Follower::LONGEST_PAUSE);
    let [random, ..] = HolderId::random().as_u128().to_le_bytes();
    pause + pause * u32::from(random) / 512
}

/// However the task ends, nobody goes on believing that changes are heard of.
struct Ends(Arc<Following>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.ended();
        metric::feed(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_within_bounds_and_are_spread() {
        for (failures, shortest) in [(1, 100), (2, 200), (3, 400), (6, 3_200), (7, 5_000), (u32::MAX, 5_000)] {
            let shortest = Duration::from_millis(shortest);
            let pauses: Vec<_> = (0..64).map(|_| pause(failures)).collect();
            assert!(pauses.iter().all(|pause| (shortest..=shortest + shortest / 2).contains(pause)), "{pauses:?}");
            assert!(pauses.iter().any(|pause| *pause != pauses[0]));
        }
    }
}
