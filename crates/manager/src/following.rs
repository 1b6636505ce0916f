//! [`Following`]: for how long what is known of a session is served without asking the store.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use oidc_session_core::Clock;

use crate::clock_watch::{ClockWatch, Tick};
use crate::entry::Ticket;

/// Whether changes are told of, and so for how long what was read is confirmed. Instants are monotonic time.
pub(crate) struct Following {
    watch: ClockWatch,
    /// For how long that is where nobody tells of changes.
    confirm_after: Duration,
    /// The number of the subscription that tells of changes, or `NOT_FOLLOWED`.
    subscription: AtomicU64,
    /// How many there have been.
    subscriptions: AtomicU64,
    /// Until then whatever was read under the subscription is confirmed, if nobody says otherwise.
    followed_until: AtomicU64,
}

/// Until when something is confirmed, unless the changes are followed anew before.
///
/// One number, so that it is read without a lock: how often they had been followed in the upper 16 bits, then whether it holds
/// as long as they are, then milliseconds of monotonic time.
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
            watch: ClockWatch::new(clock),
            confirm_after,
            subscription: AtomicU64::new(NOT_FOLLOWED),
            subscriptions: AtomicU64::new(NOT_FOLLOWED),
            followed_until: AtomicU64::new(0),
        }
    }

    pub(crate) fn monotonic(&self) -> Duration {
        self.watch.monotonic()
    }

    /// The one look at a clock that the hot path takes. `None` once in a great while; then both clocks decide.
    #[inline]
    pub(crate) fn tick(&self) -> Option<Tick> {
        // A follower that does not run any more is nobody who tells of changes.
        self.watch.tick(|now| self.subscription() != NOT_FOLLOWED && now >= self.runs_until())
    }

    /// The era that it is. To be asked before the clocks are read by which something is then believed.
    pub(crate) fn era(&self) -> u64 {
        self.watch.era()
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
        !self.holds_for(until, now).is_zero()
    }

    /// For how long that still holds, unless the era ends before.
    pub(crate) fn holds_for(&self, until: ConfirmedUntil, now: Duration) -> Duration {
        if !until.is_of(self.subscriptions.load(Ordering::SeqCst)) {
            return Duration::ZERO;
        }
        if !until.while_followed() {
            return until.instant().saturating_sub(now);
        }
        let left = self.runs_until().saturating_sub(now);
        // Whoever loses the subscription begins an era, and so does a follower that does not run.
        if left.is_zero() || self.subscription() == NOT_FOLLOWED { left } else { Duration::MAX }
    }

    /// For how long a read or write that began with `ticket` is confirmed.
    pub(crate) fn confirmed_until(&self, ticket: &Ticket) -> ConfirmedUntil {
        // In this order: a subscription that begins between the two is not yet the one that is noted.
        let subscriptions = self.subscriptions.load(Ordering::SeqCst);
        let subscription = self.subscription();
        if subscription != NOT_FOLLOWED && ticket.subscription != subscription {
            // What changed between the read and the subscription is told by nobody.
            return ConfirmedUntil::NEVER;
        }
        if self.is_followed() {
            return ConfirmedUntil::followed(subscriptions);
        }
        ConfirmedUntil::at(subscriptions, ticket.began.saturating_add(self.confirm_after))
    }

    /// Until an instant, without a look at the store.
    pub(crate) fn put_off(&self, until: Duration) -> ConfirmedUntil {
        ConfirmedUntil::at(self.subscriptions.load(Ordering::SeqCst), until)
    }

    /// From now on changes are told of. Nothing that was confirmed before is any longer: what came between is told by nobody.
    pub(crate) fn subscribed(&self) {
        let number = self.subscriptions.load(Ordering::SeqCst) + 1;
        self.followed_until.store(0, Ordering::Release);
        self.subscription.store(number, Ordering::SeqCst);
        self.subscriptions.store(number, Ordering::SeqCst);
        self.watch.begin_era();
    }

    /// The follower runs.
    pub(crate) fn runs(&self) {
        let believed_for = self.confirm_after.max(Self::BELIEVED_FOR);
        self.followed_until.store(nanos(self.monotonic().saturating_add(believed_for)), Ordering::Release);
    }

    /// From now on nobody tells of changes.
    pub(crate) fn lost(&self) {
        self.subscription.store(NOT_FOLLOWED, Ordering::SeqCst);
        let until = nanos(self.monotonic().saturating_add(self.confirm_after));
        self.followed_until.fetch_min(until, Ordering::AcqRel);
        self.watch.begin_era();
    }

    /// Nobody tells of changes, and nobody tries to hear of them: the next call must notice.
    pub(crate) fn ended(&self) {
        self.subscription.store(NOT_FOLLOWED, Ordering::SeqCst);
        self.followed_until.store(0, Ordering::Release);
        self.watch.begin_era();
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
    const WHILE_FOLLOWED: u64 = 1 << 47;
    /// After four thousand years; stands for ever.
    const LATEST: u64 = Self::WHILE_FOLLOWED - 1;
    const SUBSCRIPTIONS_SHIFT: u32 = 48;

    fn at(subscriptions: u64, instant: Duration) -> Self {
        let millis = u64::try_from(instant.as_millis()).unwrap_or(u64::MAX).min(Self::LATEST);
        Self((subscriptions << Self::SUBSCRIPTIONS_SHIFT) | millis)
    }

    /// As long as changes are told of.
    fn followed(subscriptions: u64) -> Self {
        Self((subscriptions << Self::SUBSCRIPTIONS_SHIFT) | Self::WHILE_FOLLOWED)
    }

    fn is_of(self, subscriptions: u64) -> bool {
        (self.0 ^ (subscriptions << Self::SUBSCRIPTIONS_SHIFT)) >> Self::SUBSCRIPTIONS_SHIFT == 0
    }

    fn while_followed(self) -> bool {
        self.0 & Self::WHILE_FOLLOWED != 0
    }

    fn instant(self) -> Duration {
        match self.0 & Self::LATEST {
            Self::LATEST => Duration::MAX,
            millis => Duration::from_millis(millis),
        }
    }

    pub(crate) fn load(place: &AtomicU64) -> Self {
        Self(place.load(Ordering::Acquire))
    }

    pub(crate) fn store(self, place: &AtomicU64) {
        place.store(self.0, Ordering::Release);
    }
}

fn nanos(instant: Duration) -> u64 {
    u64::try_from(instant.as_nanos()).unwrap_or(u64::MAX)
}
