//! [`Clock`]: where the time comes from. The only module that may ask the operating system.

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use crate::Timestamp;

/// Tells the time.
///
/// Two readings, because each lies in its own way: wall time can be set back, monotonic time may stand still while the
/// machine is suspended. A token counts as fresh only if both say so.
///
/// Waiting is not part of the seam: it belongs to the runtime (`tokio::time`), which tests pause.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Wall time. May jump in either direction.
    fn now(&self) -> Timestamp;

    /// Wall time that costs next to nothing to read and lags behind [`now`](Self::now) by a few milliseconds at most.
    ///
    /// For the look at a fresh token, which decides nothing finer. Like `now`, it passes while the machine is suspended.
    fn coarse(&self) -> Timestamp {
        self.now()
    }

    /// Time since an arbitrary instant. Never decreases; may stand still during suspend.
    fn monotonic(&self) -> Duration;
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn coarse(&self) -> Timestamp {
        (**self).coarse()
    }

    fn monotonic(&self) -> Duration {
        (**self).monotonic()
    }
}

/// The operating system's clocks.
///
/// ```
/// use oidc_session_core::{Clock, SystemClock, Timestamp};
///
/// assert!(SystemClock.now() > Timestamp::from_unix_seconds(1_700_000_000));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

static ORIGIN: OnceLock<Instant> = OnceLock::new();

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the operating system's clocks")]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }

    /// The kernel's time of the last tick: one read of shared memory, where `now` asks the hardware.
    #[cfg(target_os = "linux")]
    fn coarse(&self) -> Timestamp {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        Timestamp::from_unix_millis(time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000))
    }

    fn monotonic(&self) -> Duration {
        ORIGIN.get_or_init(Instant::now).elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coarse_reading_is_that_of_the_same_clock() {
        let coarse = SystemClock.coarse();
        let now = SystemClock.now();
        assert!(coarse <= now, "{coarse:?} {now:?}");
        assert!(now.saturating_since(coarse) < Duration::from_secs(5), "{coarse:?} {now:?}");
    }
}
