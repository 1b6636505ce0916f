//! [`Timestamp`]: an instant as whole milliseconds.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// An instant of wall time: whole milliseconds since the Unix epoch.
///
/// An integer rather than a [`SystemTime`] because it is compared on every request, stored in records, and added to
/// numbers that come from servers: all arithmetic saturates, so no answer can make it panic.
///
/// ```
/// use std::time::Duration;
/// use oidc_session_core::Timestamp;
///
/// let requested_at = Timestamp::from_unix_seconds(1_700_000_000);
/// let expires_at = requested_at + Duration::from_secs(300);
/// assert_eq!(expires_at.saturating_since(requested_at), Duration::from_secs(300));
/// assert_eq!(requested_at + Duration::MAX, Timestamp::MAX);
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch.
    pub const UNIX_EPOCH: Self = Self(0);
    /// The latest instant that can be expressed; additions stop here.
    pub const MAX: Self = Self(i64::MAX);

    /// The instant `milliseconds` after the Unix epoch.
    pub const fn from_unix_millis(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// The instant `seconds` after the Unix epoch.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_unix_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn as_unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The time from `earlier` to `self`, or zero if `earlier` is not earlier.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(duration)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(whole_millis(duration)))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Self(whole_millis(since)),
            Err(before) => Self(whole_millis(before.duration()).saturating_neg()),
        }
    }
}

impl From<Timestamp> for SystemTime {
    fn from(timestamp: Timestamp) -> Self {
        let distance = Duration::from_millis(timestamp.0.unsigned_abs());
        if timestamp.0 >= 0 {
            UNIX_EPOCH.checked_add(distance).unwrap_or(UNIX_EPOCH)
        } else {
            UNIX_EPOCH.checked_sub(distance).unwrap_or(UNIX_EPOCH)
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

fn whole_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    fn any_instant() -> impl Strategy<Value = Timestamp> {
        let millis = prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), -5_i64..5];
        millis.prop_map(Timestamp::from_unix_millis)
    }

    proptest! {
        #[test]
        fn no_instant_and_no_duration_makes_arithmetic_panic(
            instant in any_instant(),
            duration in prop_oneof![any::<Duration>(), Just(Duration::MAX), Just(Duration::ZERO)],
        ) {
            prop_assert!(instant + duration >= instant);
            prop_assert!(instant - duration <= instant);
            // Whatever did not saturate comes back.
            let later = instant + duration;
            if later < Timestamp::MAX && duration.as_millis() <= i64::MAX as u128 {
                prop_assert_eq!(later - duration, instant);
                prop_assert_eq!(later.saturating_since(instant).as_millis(), duration.as_millis());
            }
        }

        #[test]
        fn a_difference_is_never_negative(a in any_instant(), b in any_instant()) {
            prop_assert!(a.saturating_since(b).is_zero() || b.saturating_since(a).is_zero());
            prop_assert_eq!(a.saturating_since(b).is_zero(), a <= b);
        }

        #[test]
        fn no_conversion_panics(instant in any_instant(), seconds in any::<i64>()) {
            let seconds_of = Timestamp::from_unix_seconds(seconds);
            let in_range = seconds.checked_mul(1000).is_some();
            prop_assert_eq!(seconds_of.as_unix_seconds() == seconds, in_range);

            // Rounded down, before the epoch too.
            let second = i128::from(instant.as_unix_seconds()) * 1000;
            prop_assert!((0..1000).contains(&(i128::from(instant.as_unix_millis()) - second)));

            let back = Timestamp::from(SystemTime::from(instant));
            prop_assert!(back == instant || instant == Timestamp::from_unix_millis(i64::MIN));
        }
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(
            Timestamp::from_unix_millis(i64::MIN) - Duration::from_secs(1),
            Timestamp::from_unix_millis(i64::MIN)
        );
        assert_eq!(Timestamp::from_unix_seconds(i64::MAX), Timestamp::MAX);
    }

    #[test]
    fn converts_to_and_from_system_time() {
        for millis in [-1_500, 0, 1_700_000_000_123] {
            let timestamp = Timestamp::from_unix_millis(millis);
            assert_eq!(Timestamp::from(SystemTime::from(timestamp)), timestamp);
        }
    }
}
