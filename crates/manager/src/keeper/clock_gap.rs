//! [`ClockGap`]: tells when the wall clock was set, or the machine slept.

use std::time::Duration;

use oidc_session_policy::protocol::Now;

/// How far the two clocks are apart. Schedules are wall time and timers are monotonic, so when that changes every timer is
/// wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct ClockGap {
    millis: i128,
}

impl ClockGap {
    /// By less than this, a timer may be wrong.
    const TOLERANCE: Duration = Duration::from_secs(1);

    pub(super) fn at(now: Now) -> Self {
        let monotonic = i128::try_from(now.monotonic.as_millis()).unwrap_or(i128::MAX);
        Self { millis: i128::from(now.wall.as_unix_millis()).saturating_sub(monotonic) }
    }

    /// Whether it is another one by `now`, which is remembered then. A slow drift adds up.
    pub(super) fn has_changed(&mut self, now: Now) -> bool {
        let seen = Self::at(now);
        let changed = self.millis.abs_diff(seen.millis) > Self::TOLERANCE.as_millis();
        if changed {
            *self = seen;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use oidc_session_core::Timestamp;

    use super::*;

    fn now(wall: i64, monotonic: u64) -> Now {
        Now { wall: Timestamp::from_unix_millis(wall), monotonic: Duration::from_millis(monotonic) }
    }

    #[test]
    fn a_step_a_sleep_and_a_drift_are_told_once() {
        let mut gap = ClockGap::at(now(1_000_000, 0));
        for (wall, monotonic, changed) in [
            (1_060_000, 60_000, false),
            (1_061_500, 60_500, false), // off by a second exactly
            (1_061_501, 60_500, true),
            (1_061_501, 60_500, false),
            (1_000_000, 60_500, true),
            (1_000_700, 60_600, false), // 0.6 s more
            (1_001_500, 60_700, true),  // and 0.7 s more
        ] {
            assert_eq!(gap.has_changed(now(wall, monotonic)), changed, "{wall} {monotonic}");
        }
    }
}
