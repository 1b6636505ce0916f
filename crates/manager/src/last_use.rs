//! [`LastUse`]: when a session was used last, as this process knows, and [`Idleness`]: how that stands to its limit.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use oidc_session_core::{Limits, Session, Timestamp};

use crate::extras::Extras;

/// When a session was used last, as this process knows: by its own callers, and from the records it has read.
///
/// Every caller looks at it and nothing else hangs on it, so its order with other memory does not matter.
#[derive(Debug)]
pub(crate) struct LastUse {
    /// In Unix milliseconds.
    at: AtomicI64,
    /// When somebody set out to write it down, in Unix milliseconds.
    touched: AtomicI64,
}

/// The idle limit of a session, and how this process stands to it.
#[derive(Debug)]
pub(crate) struct Idleness {
    limit: Duration,
    /// The last use that the record knows of.
    stored: Timestamp,
    /// While now falls in here, the record knows of a use that is recent enough.
    written_down: Range<Timestamp>,
    extras: Arc<Extras>,
}

impl LastUse {
    const NEVER: i64 = i64::MIN;
    /// A touch that came to nothing is tried again after this part of the idle limit.
    const TOUCHES_DIVISOR: u32 = 16;
    /// The shortest time between two touches, whatever the limit.
    const SHORTEST_REST: Duration = Duration::from_secs(1);

    /// When the session was used last. `None` if this process knows of no use.
    pub(crate) fn at(&self) -> Option<Timestamp> {
        Some(self.at.load(Ordering::Relaxed)).filter(|at| *at != Self::NEVER).map(Timestamp::from_unix_millis)
    }

    /// Somebody uses the session.
    pub(crate) fn note(&self, now: Timestamp) {
        let known = self.at.load(Ordering::Relaxed);
        let corrected = (now + Limits::CLOCK_TOLERANCE).as_unix_millis() < known;
        // Written at most once in a millisecond, so that many callers do not fight over it.
        if known < now.as_unix_millis() || corrected {
            self.at.store(now.as_unix_millis(), Ordering::Relaxed);
        }
    }

    /// A record tells of a use.
    fn learn(&self, stored: Timestamp) {
        self.at.fetch_max(stored.as_unix_millis(), Ordering::Relaxed);
    }

    /// Whether the caller is the one to write it down now.
    fn claim_touch(&self, limit: Duration, now: Timestamp) -> bool {
        let rest = (limit / Self::TOUCHES_DIVISOR).max(Self::SHORTEST_REST);
        let known = self.touched.load(Ordering::Relaxed);
        let touched = Timestamp::from_unix_millis(known);
        // A touch that is yet to come was claimed by a clock that has been corrected since.
        let rests = touched <= now && now < touched + rest;
        let claim = || self.touched.compare_exchange(known, now.as_unix_millis(), Ordering::Relaxed, Ordering::Relaxed);
        !rests && claim().is_ok()
    }
}

impl Default for LastUse {
    fn default() -> Self {
        Self { at: AtomicI64::new(Self::NEVER), touched: AtomicI64::new(Self::NEVER) }
    }
}

impl Idleness {
    /// How `session` stands. `None` if it may go unused for ever.
    pub(crate) fn of<'entry>(
        session: &Session,
        limits: Limits,
        extras: impl FnOnce() -> &'entry Arc<Extras>,
    ) -> Option<Self> {
        let limit = limits.idle_limit_of(session)?;
        let stored = session.last_used();
        let extras = Arc::clone(extras());
        extras.last_use.learn(stored);
        Some(Self { limit, stored, written_down: Limits::written_down(limit, stored), extras })
    }

    /// When the session ends, if nobody uses it after `used` or what its record knows, whichever is later.
    pub(crate) fn end(&self, used: Option<Timestamp>) -> Timestamp {
        used.map_or(self.stored, |used| used.max(self.stored)) + self.limit
    }

    /// Whether the session has gone unused for too long.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.over_at().is_some_and(|end| now >= end)
    }

    /// From when on it has, unless somebody uses it before.
    pub(crate) fn over_at(&self) -> Option<Timestamp> {
        self.extras.last_use.at().map(|at| at + self.limit)
    }

    /// Notes a use, unless it comes too late. Whether it ought to be written down.
    pub(crate) fn note(&self, now: Timestamp) -> bool {
        !self.is_over(now) && self.note_living(now)
    }

    /// The same for a session that is not over.
    pub(crate) fn note_living(&self, now: Timestamp) -> bool {
        self.extras.last_use.note(now);
        !self.written_down.contains(&now)
    }

    /// Whether the caller is the one to write the last use down now.
    pub(crate) fn claim_touch(&self, now: Timestamp) -> bool {
        self.extras.last_use.claim_touch(self.limit, now)
    }
}
