//! [`ClockWatch`]: the coarse clock of the hot path, watched by the two exact ones.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use oidc_session_core::{Clock, Timestamp};
use oidc_session_policy::protocol::Now;

/// The coarse clock of the hot path, watched by the two exact ones.
///
/// The hot path reads one clock: coarse wall time, which passes during suspend but can be set back. So a reading counts
/// only within [`WINDOW`](Self::WINDOW) of the last time that wall time was compared with monotonic time. What the hot
/// path believed before a step back belongs to an earlier *era*, and is looked at anew with both clocks.
pub(crate) struct ClockWatch {
    clock: Arc<dyn Clock>,
    /// Where the window begins, in Unix milliseconds.
    from: AtomicI64,
    era: AtomicU64,
    compared: Mutex<Compared>,
}

/// What the last comparison found.
#[derive(Debug)]
struct Compared {
    /// The farthest that wall time was ahead of monotonic time in this era, in milliseconds.
    lead: i64,
    /// What the caller's condition was.
    condition: bool,
}

/// A reading of the coarse clock that may be believed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tick {
    pub(crate) at: Timestamp,
    pub(crate) era: u64,
}

impl ClockWatch {
    /// For how long after a comparison the coarse clock is believed.
    const WINDOW: Duration = Duration::from_millis(500);
    /// A step back that is smaller than this is none: clocks are slewed.
    const TOLERANCE: Duration = Duration::from_millis(500);
    /// The most that a coarse reading lags behind an exact one, generously.
    const LAG: Duration = Duration::from_millis(20);
    /// By so much can a reading that is believed be behind the time that has really passed. What is decided by the coarse
    /// clock alone keeps this distance from each deadline.
    pub(crate) const MARGIN: Duration = Duration::from_millis(1_020);

    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            from: AtomicI64::new(i64::MIN),
            era: AtomicU64::new(0),
            compared: Mutex::new(Compared { lead: i64::MIN, condition: false }),
        }
    }

    /// Both exact clocks.
    pub(crate) fn now(&self) -> Now {
        Now { wall: self.clock.now(), monotonic: self.clock.monotonic() }
    }

    pub(crate) fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// The era that it is. To be asked before the clocks are read by which something is then believed.
    #[inline]
    pub(crate) fn era(&self) -> u64 {
        self.era.load(Ordering::Acquire)
    }

    /// What was believed until now is to be looked at anew.
    pub(crate) fn begin_era(&self) {
        self.era.fetch_add(1, Ordering::AcqRel);
    }

    /// The coarse clock. Now and then it is compared with the exact ones; if `condition` has changed since the last time,
    /// that is the end of an era, too. `None` while another thread compares.
    #[inline]
    pub(crate) fn tick(&self, condition: impl FnOnce(Duration) -> bool) -> Option<Tick> {
        let at = self.clock.coarse();
        let believed =
            at.as_unix_millis().wrapping_sub(self.from.load(Ordering::Acquire)).cast_unsigned() < WINDOW_MILLIS;
        (believed || self.compare(condition)).then(|| Tick { at, era: self.era() })
    }

    #[cold]
    fn compare(&self, condition: impl FnOnce(Duration) -> bool) -> bool {
        let mut compared = match self.compared.try_lock() {
            Ok(compared) => compared,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        let Now { wall, monotonic } = self.now();
        let lead = wall.as_unix_millis().saturating_sub(millis(monotonic));
        let condition = condition(monotonic);
        if lead.saturating_add(millis(Self::TOLERANCE)) < compared.lead || condition != compared.condition {
            self.begin_era();
            *compared = Compared { lead, condition };
        }
        compared.lead = compared.lead.max(lead);
        self.from.store((wall - Self::LAG).as_unix_millis(), Ordering::Release);
        true
    }
}

const WINDOW_MILLIS: u64 = (ClockWatch::WINDOW.as_millis() + ClockWatch::LAG.as_millis()) as u64;

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Debug for ClockWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClockWatch").field("era", &self.era).finish_non_exhaustive()
    }
}
