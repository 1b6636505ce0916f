//! [`Keys`]: the signing keys of an authorization server, as last seen.

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use oidc_session_core::{Clock, ProviderError, ProviderErrorKind};
use tokio::sync::Mutex;

use crate::key_set::KeySet;

/// How long an unknown key must wait after the last one: anybody can make up a name of a key.
const REST: Duration = Duration::from_secs(30);

/// How old keys get before they are fetched again, so that a key that was withdrawn does not count for ever.
const LONGEST_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// A cache of the server's key set. Reading it never waits; a server that rotates its keys makes it outdated.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    seen: RwLock<Seen>,
    fetching: Mutex<()>,
}

/// All instants are monotonic.
#[derive(Debug, Default)]
struct Seen {
    current: Option<Arc<KeySet>>,
    fetched_at: Duration,
    is_outdated: bool,
    rests_until: Option<Duration>,
}

/// Why keys are fetched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Need {
    Missing,
    /// A key was unknown.
    Outdated,
    Aged,
}

impl Keys {
    /// The keys as last seen; none before the first fetch.
    pub(crate) fn current(&self) -> Arc<KeySet> {
        self.read().current.clone().unwrap_or_default()
    }

    /// Notes that the server seems to sign with a key that is not among these.
    pub(crate) fn mark_outdated(&self) {
        self.write().is_outdated = true;
    }

    /// Fetches the keys if they are missing, outdated or old. Failing to replace older ones is not a failure.
    pub(crate) async fn ensure<F>(
        &self,
        clock: &dyn Clock,
        fetch: impl FnOnce() -> F + Send,
    ) -> Result<(), ProviderError>
    where
        F: Future<Output = Result<Vec<u8>, ProviderError>> + Send,
    {
        if self.read().need(clock.monotonic()).is_none() {
            return Ok(());
        }
        let _one_at_a_time = self.fetching.lock().await;
        let Some(need) = self.read().need(clock.monotonic()) else {
            return Ok(());
        };
        // Cleared before the request: a key that turns up unknown while it runs asks for another one.
        self.write().is_outdated = false;
        let keys = fetch().await.and_then(|document| {
            KeySet::read(&document)
                .ok_or_else(|| ProviderError::new(ProviderErrorKind::Misconfigured, "the key set is not one"))
        });
        self.write().learn(need, keys, clock.monotonic())
    }

    fn read(&self) -> RwLockReadGuard<'_, Seen> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Seen> {
        self.seen.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn need(&self, now: Duration) -> Option<Need> {
        if self.current.is_none() {
            return Some(Need::Missing);
        }
        if self.rests_until.is_some_and(|until| now < until) {
            return None;
        }
        let is_aged = now.saturating_sub(self.fetched_at) >= LONGEST_AGE;
        if self.is_outdated { Some(Need::Outdated) } else { is_aged.then_some(Need::Aged) }
    }

    fn learn(&mut self, need: Need, keys: Result<KeySet, ProviderError>, now: Duration) -> Result<(), ProviderError> {
        // The first fetch does not count: the server may rotate right after it, and whoever meets that must not wait.
        let rests = keys.is_err() || need == Need::Outdated;
        self.rests_until = rests.then(|| now.saturating_add(REST));
        match keys {
            Ok(keys) => {
                self.current = Some(Arc::new(keys));
                self.fetched_at = now;
            }
            Err(error) if need == Need::Missing => return Err(error),
            Err(error) => {
                self.is_outdated |= need == Need::Outdated;
                tracing::debug!(%error, "the older signing keys stay in use");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use oidc_session_testkit::ManualClock;

    use super::*;

    const EMPTY: &[u8] = br#"{"keys":[]}"#;
    const SECOND: Duration = Duration::from_secs(1);

    struct Fixture {
        keys: Keys,
        clock: ManualClock,
        fetched: AtomicU32,
    }

    impl Fixture {
        fn new() -> Self {
            Self { keys: Keys::default(), clock: ManualClock::new(), fetched: AtomicU32::new(0) }
        }

        async fn ensure(&self) {
            let fetch = || async {
                self.fetched.fetch_add(1, Ordering::Relaxed);
                Ok(EMPTY.to_vec())
            };
            self.keys.ensure(&self.clock, fetch).await.unwrap();
        }

        async fn fail(&self) -> Result<(), ProviderError> {
            let fetch = || async {
                self.fetched.fetch_add(1, Ordering::Relaxed);
                Err(ProviderError::new(ProviderErrorKind::NotSent, "down"))
            };
            self.keys.ensure(&self.clock, fetch).await
        }

        fn fetched(&self) -> u32 {
            self.fetched.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn keys_are_fetched_once_until_they_are_outdated() {
        let it = Fixture::new();
        it.ensure().await;
        it.ensure().await;
        assert_eq!(it.fetched(), 1);
        it.keys.mark_outdated();
        it.ensure().await;
        it.ensure().await;
        assert_eq!(it.fetched(), 2);
        it.clock.advance(REST);
        it.ensure().await;
        assert_eq!(it.fetched(), 2, "nobody has met an unknown key since");
    }

    #[tokio::test]
    async fn a_failed_fetch_fails_only_without_older_keys() {
        let it = Fixture::new();
        assert!(it.fail().await.is_err());
        assert!(it.keys.ensure(&it.clock, || async { Ok(b"<html>".to_vec()) }).await.is_err());
        it.ensure().await;
        it.keys.mark_outdated();
        it.fail().await.unwrap();
        assert_eq!(it.fetched(), 3);
        it.clock.advance(REST);
        it.ensure().await;
        assert_eq!(it.fetched(), 4, "the next one tries again");
    }

    #[tokio::test]
    async fn without_keys_nobody_waits_for_the_next_try() {
        let it = Fixture::new();
        assert!(it.fail().await.is_err());
        assert!(it.fail().await.is_err());
        assert_eq!(it.fetched(), 2);
    }

    #[tokio::test]
    async fn names_of_keys_that_are_made_up_do_not_hammer_the_server() {
        let it = Fixture::new();
        it.ensure().await;
        for _ in 0..90 {
            it.keys.mark_outdated();
            it.ensure().await;
            it.clock.advance(SECOND);
        }
        assert_eq!(it.fetched(), 1 + 3, "one in thirty seconds");
    }

    #[tokio::test]
    async fn the_first_unknown_key_does_not_wait() {
        let it = Fixture::new();
        it.ensure().await;
        it.keys.mark_outdated(); // rotated right after the first fetch
        it.ensure().await;
        assert_eq!(it.fetched(), 2);
        it.clock.advance(REST - SECOND);
        it.keys.mark_outdated();
        it.ensure().await;
        assert_eq!(it.fetched(), 2, "the second one waits");
        it.clock.advance(SECOND);
        it.ensure().await;
        assert_eq!(it.fetched(), 3, "and is not forgotten");
    }

    #[tokio::test]
    async fn a_wall_clock_that_is_set_does_not_end_the_rest() {
        let it = Fixture::new();
        it.ensure().await;
        it.keys.mark_outdated();
        it.ensure().await;
        it.clock.set_forward(LONGEST_AGE * 2);
        it.keys.mark_outdated();
        it.ensure().await;
        assert_eq!(it.fetched(), 2);
    }

    #[tokio::test]
    async fn old_keys_are_fetched_again_and_stay_in_use_when_that_fails() {
        let it = Fixture::new();
        it.ensure().await;
        it.clock.advance(LONGEST_AGE - SECOND);
        it.ensure().await;
        assert_eq!(it.fetched(), 1);
        it.clock.advance(SECOND);
        it.fail().await.unwrap();
        it.fail().await.unwrap();
        assert_eq!(it.fetched(), 2, "a failure rests");
        it.clock.advance(REST);
        it.ensure().await;
        it.ensure().await;
        assert_eq!(it.fetched(), 3);
        it.clock.advance(LONGEST_AGE - SECOND);
        it.ensure().await;
        assert_eq!(it.fetched(), 3, "the age counts from the last success");
        it.keys.mark_outdated();
        it.ensure().await;
        assert_eq!(it.fetched(), 4, "a fetch for age alone does not make an unknown key wait");
    }

    #[tokio::test]
    async fn a_key_that_turns_up_unknown_while_keys_are_fetched_asks_again() {
        let it = Fixture::new();
        it.ensure().await;
        it.keys.mark_outdated();
        let fetch = || async {
            it.keys.mark_outdated();
            Ok(EMPTY.to_vec())
        };
        it.keys.ensure(&it.clock, fetch).await.unwrap();
        it.clock.advance(REST);
        it.ensure().await;
        assert_eq!(it.fetched(), 2);
    }
}
