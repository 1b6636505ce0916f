//! [`Front`]: what a look by id needs, in one place.

use std::fmt;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU32, Ordering};

use http::HeaderValue;
use oidc_session_core::{SessionId, Timestamp};

use crate::asked_at::AskedAt;
use crate::clock_watch::Tick;
use crate::pass::Pass;
use crate::ready_header::this_thread;

/// What a look by id needs, in one place: of a million sessions, each further place is a wait for memory.
///
/// Has a clone of what is known only while it may be served. Many threads that share one session would count and lock in
/// one place, so for them it steps aside: what is known has a copy for each.
pub(crate) struct Front {
    pub(crate) id: SessionId,
    pass: Pass,
    shown: RwLock<Option<HeaderValue>>,
    pub(crate) asked_at: AskedAt,
    /// The number of the thread that asked first.
    first: AtomicU32,
    /// How often others have asked.
    others: AtomicU32,
}

impl Front {
    /// After this many uses by other threads it steps aside.
    const MANY: u32 = 256;

    pub(crate) fn new(id: SessionId) -> Self {
        Self {
            id,
            pass: Pass::default(),
            shown: RwLock::default(),
            asked_at: AskedAt::default(),
            first: AtomicU32::new(this_thread()),
            others: AtomicU32::new(0),
        }
    }

    /// What is shown, if it may be served at `tick`. Waits for nobody.
    #[inline]
    pub(crate) fn authorization(&self, tick: Tick) -> Option<HeaderValue> {
        if self.first.load(Ordering::Relaxed) != this_thread() && self.steps_aside() {
            return None;
        }
        let shown = self.shown.try_read().ok()?;
        // Under the lock: what is shown belongs to the pass.
        if self.pass.admits(tick) { shown.clone() } else { None }
    }

    /// From now on this is served, for as long as `holds` says at an instant in `era`.
    pub(crate) fn show(&self, authorization: HeaderValue, era: u64, at: Timestamp, holds: std::time::Duration) {
        if self.others.load(Ordering::Relaxed) <= Self::MANY
            && let Ok(mut shown) = self.shown.try_write()
        {
            *shown = Some(authorization);
            self.pass.issue(era, at, holds);
        }
    }

    /// Nothing is served from now on.
    pub(crate) fn hide(&self) {
        self.pass.withdraw();
        if let Ok(mut shown) = self.shown.try_write() {
            *shown = None;
        }
    }

    #[cold]
    fn steps_aside(&self) -> bool {
        let others = self.others.load(Ordering::Relaxed);
        if others <= Self::MANY {
            self.others.fetch_add(1, Ordering::Relaxed);
        }
        others > Self::MANY
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);
    const NOW: Tick = Tick { at: START, era: 3 };

    fn showing(value: &'static str) -> Front {
        let front = Front::new(SessionId::random());
        front.show(HeaderValue::from_static(value), 3, START, Duration::from_secs(60));
        front
    }

    #[test]
    fn what_is_shown_is_served_until_it_is_hidden_or_its_pass_ends() {
        let front = showing("one");
        assert_eq!(front.authorization(NOW).unwrap(), "one");
        assert!(front.authorization(Tick { at: START + Duration::from_secs(60), era: 3 }).is_none());
        assert!(front.authorization(Tick { at: START, era: 4 }).is_none());
        front.hide();
        assert!(front.authorization(NOW).is_none());
        assert!(front.shown.read().unwrap().is_none(), "an old token is not kept");
    }

    #[test]
    fn what_is_hidden_while_somebody_reads_is_not_served_after() {
        let front = showing("one");
        let reading = front.shown.read().unwrap();
        front.hide();
        drop(reading);
        assert!(front.authorization(NOW).is_none());
    }

    #[test]
    fn it_steps_aside_when_many_threads_ask_and_stays_aside() {
        let front = showing("one");
        let others = || (0..=Front::MANY).filter(|_| front.authorization(NOW).is_some()).count();
        let served = std::thread::scope(|scope| scope.spawn(others).join().unwrap());
        assert_eq!(served, Front::MANY as usize + 1);
        let served = std::thread::scope(|scope| scope.spawn(others).join().unwrap());
        assert_eq!(served, 0);
        assert!(front.authorization(NOW).is_some(), "the first one is in nobody's way");
        front.hide();
        front.show(HeaderValue::from_static("two"), 3, START, Duration::from_secs(60));
        assert!(front.authorization(NOW).is_none());
    }
}
