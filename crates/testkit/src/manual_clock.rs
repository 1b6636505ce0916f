//! [`ManualClock`]: time that passes when a test says so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use oidc_session_core::{Clock, Timestamp};

/// A clock that stands still until it is moved. Clones are the same clock.
///
/// ```
/// use std::time::Duration;
/// use oidc_session_core::Clock as _;
/// use oidc_session_testkit::ManualClock;
///
/// let clock = ManualClock::new();
/// let (started_at, zero) = (clock.now(), clock.monotonic());
///
/// clock.advance(Duration::from_secs(60)); // a minute passes
/// assert_eq!(clock.now(), started_at + Duration::from_secs(60));
/// assert_eq!(clock.monotonic() - zero, Duration::from_secs(60));
///
/// clock.suspend(Duration::from_secs(3600)); // the lid is closed for an hour
/// assert_eq!(clock.now(), started_at + Duration::from_secs(3660));
/// assert_eq!(clock.monotonic() - zero, Duration::from_secs(60));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Readings>>);

#[derive(Clone, Copy, Debug)]
struct Readings {
    wall: Timestamp,
    monotonic: Duration,
}

impl ManualClock {
    /// Where every manual clock starts, so that those of two processes agree.
    pub const START: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

    /// A clock that shows [`START`](Self::START).
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Readings { wall: Self::START, monotonic: Duration::ZERO })))
    }

    /// Time passes: both readings move.
    pub fn advance(&self, time: Duration) {
        let mut readings = self.readings();
        readings.wall = readings.wall + time;
        readings.monotonic = readings.monotonic.saturating_add(time);
    }

    /// Somebody sets the wall clock back. Monotonic time does not notice.
    pub fn set_back(&self, by: Duration) {
        let mut readings = self.readings();
        readings.wall = readings.wall - by;
    }

    /// Somebody sets the wall clock forward. Monotonic time does not notice.
    pub fn set_forward(&self, by: Duration) {
        let mut readings = self.readings();
        readings.wall = readings.wall + by;
    }

    /// The machine sleeps: wall time passes, monotonic time stands still.
    pub fn suspend(&self, time: Duration) {
        self.set_forward(time);
    }

    fn readings(&self) -> MutexGuard<'_, Readings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.readings().wall
    }

    fn monotonic(&self) -> Duration {
        self.readings().monotonic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn setting_the_wall_clock_leaves_monotonic_time_alone() {
        let clock = ManualClock::new();
        clock.set_back(MINUTE);
        assert_eq!(clock.now(), ManualClock::START - MINUTE);
        clock.set_forward(MINUTE * 2);
        assert_eq!(clock.now(), ManualClock::START + MINUTE);
        assert_eq!(clock.monotonic(), Duration::ZERO);
    }

    #[test]
    fn clones_are_the_same_clock() {
        let clock = ManualClock::new();
        clock.clone().advance(MINUTE);
        assert_eq!(clock.monotonic(), MINUTE);
    }
}
