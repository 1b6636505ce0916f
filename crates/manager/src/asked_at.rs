//! [`AskedAt`]: when somebody asked for a session last.

use std::sync::atomic::{AtomicU32, Ordering};

use oidc_session_core::Timestamp;

/// When somebody asked for a session last, to choose what to forget by. Nothing else hangs on it.
#[derive(Debug, Default)]
pub(crate) struct AskedAt(AtomicU32);

impl AskedAt {
    /// About a quarter of a minute: written seldom, so that a look seldom writes.
    const GRAIN_MILLIS: i64 = 1 << 14;

    #[inline]
    pub(crate) fn note(&self, now: Timestamp) {
        let grain = (now.as_unix_millis() / Self::GRAIN_MILLIS) as u32;
        if self.0.load(Ordering::Relaxed) != grain {
            self.0.store(grain, Ordering::Relaxed);
        }
    }

    /// Rounded up to a grain.
    pub(crate) fn get(&self) -> Timestamp {
        let grains = i64::from(self.0.load(Ordering::Relaxed)) + 1;
        Timestamp::from_unix_millis(grains * Self::GRAIN_MILLIS)
    }
}
