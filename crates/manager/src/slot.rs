//! [`Slot`]: a session in the table by id.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use oidc_session_core::{SessionId, Timestamp};

use crate::asked_at::AskedAt;
use crate::clock_watch::Tick;
use crate::entry::Entry;
use crate::pass::Pass;

/// A session in the table by id, with all that a look by id needs: of a million sessions, each further place is a wait for
/// memory.
///
/// It has a clone of what the entry knows, only while that may be served. Many threads that share one session count in one
/// place here; with a handle each has a place of its own.
pub(crate) struct Slot {
    pub(crate) id: SessionId,
    pass: Pass,
    pub(crate) entry: Arc<Entry>,
    shown: Option<HeaderValue>,
    pub(crate) asked_at: AskedAt,
}

impl Slot {
    pub(crate) fn new(id: SessionId, entry: Arc<Entry>) -> Self {
        Self { id, pass: Pass::default(), entry, shown: None, asked_at: AskedAt::default() }
    }

    /// What is shown, if it may be served at `tick`.
    #[inline]
    pub(crate) fn authorization(&self, tick: Tick) -> Option<HeaderValue> {
        if self.pass.admits(tick) { self.shown.clone() } else { None }
    }

    /// From now on this is served, for as long as `holds` says at an instant in `era`.
    pub(crate) fn show(&mut self, authorization: HeaderValue, era: u64, at: Timestamp, holds: Duration) {
        self.shown = Some(authorization);
        self.pass.issue(era, at, holds);
    }

    /// Nothing is served from now on, and an old token is not kept.
    pub(crate) fn hide(&mut self) {
        self.pass.withdraw();
        self.shown = None;
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use oidc_session_core::SystemClock;
    use oidc_session_sealing::Seal;

    use super::*;
    use crate::cache::Cache;
    use crate::following::Following;

    const START: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);
    const NOW: Tick = Tick { at: START, era: 3 };
    const MINUTE: Duration = Duration::from_secs(60);

    fn cached(cache: &Cache, id: &SessionId) -> Arc<Entry> {
        let following = Arc::new(Following::new(Arc::new(SystemClock), Duration::MAX));
        cache.get(id, START, |place| Entry::new(&Seal::none().address(id), place, following))
    }

    fn value(value: &'static str) -> HeaderValue {
        HeaderValue::from_static(value)
    }

    #[test]
    fn what_is_shown_is_served_until_it_is_hidden_or_its_pass_ends() {
        let (cache, id) = (Cache::new(10, MINUTE), SessionId::random());
        let mut slot = Slot::new(id.clone(), cached(&cache, &id));
        assert_eq!(slot.authorization(NOW), None);
        slot.show(value("one"), 3, START, MINUTE);
        assert_eq!(slot.authorization(NOW), Some(value("one")));
        assert_eq!(slot.authorization(Tick { at: START + MINUTE, era: 3 }), None);
        assert_eq!(slot.authorization(Tick { at: START, era: 4 }), None);
        slot.hide();
        assert_eq!(slot.authorization(NOW), None);
        assert!(slot.shown.is_none(), "an old token is not kept");
    }

    #[test]
    fn an_entry_changes_its_own_slot_and_no_other() {
        let (cache, ids) = (Cache::new(10, MINUTE), [SessionId::random(), SessionId::random()]);
        let [one, other] = [cached(&cache, &ids[0]), cached(&cache, &ids[1])];
        one.show(value("one"), 3, START, MINUTE);
        let shown = |id| cache.look(id, |slot| slot.authorization(NOW)).flatten();
        assert_eq!((shown(&ids[0]), shown(&ids[1])), (Some(value("one")), None));
        other.forget();
        assert_eq!(shown(&ids[0]), Some(value("one")));
        one.forget();
        assert_eq!(shown(&ids[0]), None, "what is forgotten is shown no longer");
        drop(cache);
        one.show(value("one"), 3, START, MINUTE);
    }
}
