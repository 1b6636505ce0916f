//! [`Time`]: the one that passes, and [`WallClock`]: what a machine takes it for.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use oidc_session_core::{Clock, Timestamp};
use tokio::time::Instant;

const START: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

/// The time that passes in a run: the runtime's, which goes on when nobody has anything else to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(Instant);

#[expect(clippy::disallowed_methods, reason = "the runtime is paused, so this is the time of the simulation")]
impl Time {
    pub(crate) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Since the run began.
    pub(crate) fn passed(self) -> Duration {
        Instant::now() - self.0
    }

    pub(crate) fn stamp(self) -> Timestamp {
        START + self.passed()
    }
}

/// A machine's clocks: the monotonic one is right, the other one can be set.
#[derive(Clone, Debug)]
pub(crate) struct WallClock {
    time: Time,
    /// In milliseconds.
    off: Arc<AtomicI64>,
}

impl WallClock {
    pub(crate) fn right(time: Time) -> Self {
        Self { time, off: Arc::default() }
    }

    pub(crate) fn set_off(&self, millis: i64) {
        self.off.store(millis, Ordering::SeqCst);
    }
}

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.time.stamp().as_unix_millis() + self.off.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.time.passed()
    }
}
