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

    /// Time since an arbitrary instant. Never decreases; may stand still during suspend.
    fn monotonic(&self) -> Duration;
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
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

    fn monotonic(&self) -> Duration {
        ORIGIN.get_or_init(Instant::now).elapsed()
    }
}
