//! [`Pass`]: until when an access token is served after one look at the coarse clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use oidc_session_core::Timestamp;

use crate::clock_watch::{ClockWatch, Tick};

/// Until when an access token is served after one look at the coarse clock, and in which era that was decided.
///
/// One number, so that the look is one load and never sees half of it: the era above, Unix milliseconds below.
#[derive(Debug, Default)]
pub(crate) struct Pass(AtomicU64);

impl Pass {
    /// Milliseconds until the year 2109.
    const TIME_BITS: u32 = 42;
    const TIME_MASK: u64 = (1 << Self::TIME_BITS) - 1;
    /// Issued anew at least this often, so that eras, counted in 22 bits, cannot come round.
    const LONGEST: Duration = Duration::from_secs(3_600);

    /// Whether it still holds.
    #[inline]
    pub(crate) fn admits(&self, tick: Tick) -> bool {
        let pass = self.0.load(Ordering::Acquire);
        let (era, until) = (pass >> Self::TIME_BITS, pass & Self::TIME_MASK);
        // A time before 1970 is a great number, and holds for nothing.
        era == tick.era & ERA_MASK && tick.at.as_unix_millis().cast_unsigned() < until
    }

    /// Issues it `at` an instant in `era`, for `holds`. Less the margin by which the coarse clock may be behind.
    pub(crate) fn issue(&self, era: u64, at: Timestamp, holds: Duration) {
        let until = at + holds.saturating_sub(ClockWatch::MARGIN).min(Self::LONGEST);
        let until = u64::try_from(until.as_unix_millis()).unwrap_or(0).min(Self::TIME_MASK);
        self.0.store(((era & ERA_MASK) << Self::TIME_BITS) | until, Ordering::Release);
    }

    pub(crate) fn withdraw(&self) {
        self.0.store(0, Ordering::Release);
    }
}

const ERA_MASK: u64 = u64::MAX >> Pass::TIME_BITS;

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

    fn tick(after: Duration, era: u64) -> Tick {
        Tick { at: START + after, era }
    }

    #[test]
    fn a_pass_holds_in_its_era_and_ends_a_margin_before_the_deadline() {
        let pass = Pass::default();
        assert!(!pass.admits(tick(Duration::ZERO, 0)), "it was never issued");
        pass.issue(7, START, Duration::from_secs(60));
        let last = Duration::from_secs(60) - ClockWatch::MARGIN;
        assert!(pass.admits(tick(last - Duration::from_millis(1), 7)));
        assert!(!pass.admits(tick(last, 7)));
        assert!(!pass.admits(tick(Duration::ZERO, 6)));
        assert!(!pass.admits(tick(Duration::ZERO, 8)));
    }

    #[test]
    fn no_clock_and_no_deadline_breaks_a_pass() {
        let pass = Pass::default();
        pass.issue(u64::MAX, START, Duration::MAX);
        assert!(pass.admits(tick(Duration::from_secs(3_599), u64::MAX)));
        assert!(!pass.admits(tick(Duration::from_secs(3_600), u64::MAX)));
        pass.issue(1, Timestamp::MAX, Duration::MAX);
        assert!(!pass.admits(Tick { at: Timestamp::MAX, era: 1 }));
        pass.issue(1, Timestamp::from_unix_seconds(-10_000), Duration::from_secs(60));
        assert!(!pass.admits(Tick { at: Timestamp::from_unix_seconds(-10_000), era: 1 }));
        pass.issue(1, START, Duration::ZERO);
        assert!(!pass.admits(tick(Duration::ZERO, 1)));
    }
}
