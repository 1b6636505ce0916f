//! [`Following`]: for how long what is known of a session is served without asking the store.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use oidc_session_core::Clock;

use crate::entry::Ticket;

/// Whether changes are told of, and so for how long what was read is confirmed. Instants are monotonic time.
pub(crate) struct Following {
    clock: Arc<dyn Clock>,
    /// For how long that is where nobody tells of changes.
    confirm_after: Duration,
    /// The number of the subscription that tells of changes, or `NOT_FOLLOWED`.
    subscription: AtomicU64,
    /// How many there have been.
    subscriptions: AtomicU64,
    /// Until then whatever was read under the subscription is confirmed, if nobody says otherwise.
    followed_until: AtomicU64,
}

/// Until when something is confirmed.
///
/// One number, so that the look at it costs next to nothing: nanoseconds, or `WHILE_FOLLOWED`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ConfirmedUntil(u64);

/// The number of no subscription.
const NOT_FOLLOWED: u64 = 0;

impl Following {
    /// For how long a follower that does not run is believed to: long enough to be held up, and to hear nothing.
    const BELIEVED_FOR: Duration = Duration::from_secs(30);
    /// How often it says that it runs.
    pub(crate) const SAYS_SO_EVERY: Duration = Duration::from_secs(10);

    pub(crate) fn new(clock: Arc<dyn Clock>, confirm_after: Duration) -> Self {
        Self {
            clock,
            confirm_after,
            subscription: AtomicU64::new(NOT_FOLLOWED),
            subscriptions: AtomicU64::new(NOT_FOLLOWED),
            followed_until: AtomicU64::new(0),
        }
    }

    pub(crate) fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// The subscription that tells of changes now. What is read from now on can be confirmed by it.
    pub(crate) fn subscription(&self) -> u64 {
        self.subscription.load(Ordering::SeqCst)
    }

    pub(crate) fn is_followed(&self) -> bool {
        self.subscription() != NOT_FOLLOWED && self.monotonic() < self.runs_until()
    }

    /// Whether that long ago is not too long ago.
    pub(crate) fn holds(&self, until: ConfirmedUntil, now: Duration) -> bool {
        let now = ConfirmedUntil::at(now);
        now.0 < until.0
            && (until != ConfirmedUntil::WHILE_FOLLOWED || now.0 < self.followed_until.load(Ordering::Acquire))
    }

    /// For how long a read or write that began with `ticket` is confirmed.
    pub(crate) fn confirmed_until(&self, ticket: &Ticket) -> ConfirmedUntil {
        let subscription = self.subscription();
        if subscription != NOT_FOLLOWED && ticket.subscription != subscription {
            // What changed between the read and the subscription is told by nobody.
            return ConfirmedUntil::NEVER;
        }
        if self.is_followed() {
            return ConfirmedUntil::WHILE_FOLLOWED;
        }
        ConfirmedUntil::at(ticket.began.saturating_add(self.confirm_after))
    }

    /// From now on changes are told of. What was confirmed before is the caller's to make unconfirmed: after this, so that
    /// no read that began earlier slips through, and before [`runs`](Self::runs).
    pub(crate) fn subscribed(&self) {
        let number = self.subscriptions.fetch_add(1, Ordering::SeqCst) + 1;
        self.followed_until.store(0, Ordering::Release);
        self.subscription.store(number, Ordering::SeqCst);
    }

    /// The follower runs.
    pub(crate) fn runs(&self) {
        let believed_for = self.confirm_after.max(Self::BELIEVED_FOR);
        let until = ConfirmedUntil::at(self.monotonic().saturating_add(believed_for));
        self.followed_until.store(until.0, Ordering::Release);
    }

    /// From now on nobody tells of changes.
    pub(crate) fn lost(&self) {
        self.subscription.store(NOT_FOLLOWED, Ordering::SeqCst);
        let until = ConfirmedUntil::at(self.monotonic().saturating_add(self.confirm_after));
        self.followed_until.fetch_min(until.0, Ordering::AcqRel);
    }

    /// Nobody tells of changes, and nobody tries to hear of them: the next call must notice.
    pub(crate) fn ended(&self) {
        self.subscription.store(NOT_FOLLOWED, Ordering::SeqCst);
        self.followed_until.store(0, Ordering::Release);
    }

    fn runs_until(&self) -> Duration {
        Duration::from_nanos(self.followed_until.load(Ordering::Acquire))
    }
}

impl fmt::Debug for Following {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Following").field("subscription", &self.subscription).finish_non_exhaustive()
    }
}

impl ConfirmedUntil {
    pub(crate) const NEVER: Self = Self(0);
    const WHILE_FOLLOWED: Self = Self(u64::MAX);
    /// After five centuries.
    const LATEST: u64 = u64::MAX - 1;

    /// Until an instant, which is no special one however late it is.
    pub(crate) fn at(instant: Duration) -> Self {
        Self(u64::try_from(instant.as_nanos()).unwrap_or(u64::MAX).min(Self::LATEST))
    }

    pub(crate) fn load(place: &AtomicU64) -> Self {
        Self(place.load(Ordering::Acquire))
    }

    pub(crate) fn store(self, place: &AtomicU64) {
        place.store(self.0, Ordering::Release);
    }
}
