//! What an entry makes of the changes that the store tells of.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{Target, Version};
use oidc_session_policy::protocol::Now;

use super::{Entry, Known, Ticket, Turn};
use crate::following::ConfirmedUntil;

/// A commit of this process, from before it is sent until its result is installed: its echo is no news.
///
/// However it ends, what the store told of meanwhile is not forgotten.
#[derive(Debug)]
pub(crate) struct Writing {
    entry: Arc<Entry>,
    version: Version,
}

impl Writing {
    pub(crate) fn new(entry: &Arc<Entry>, version: Version) -> Self {
        entry.turn().under_way().writing.push(version);
        Self { entry: Arc::clone(entry), version }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let mut turn = self.entry.turn();
        turn.end(|under_way| under_way.writing.retain(|version| *version != self.version));
        self.entry.outdate_before_last(&mut turn);
    }
}

impl Turn {
    pub(super) fn is_writing_last_change(&self) -> bool {
        self.last_change.is_some_and(|version| self.writing().contains(&version))
    }
}

impl Entry {
    /// The store tells that `version` is there now, or nothing.
    pub(crate) fn changed(&self, version: Option<Version>) {
        let mut turn = self.turn();
        turn.changes = turn.changes.wrapping_add(1);
        turn.last_change = version;
        match version {
            // Ours. Whoever wrote it is about to install it.
            Some(_) if turn.is_writing_last_change() => {}
            Some(_) => self.outdate_before_last(&mut turn),
            None => {
                turn.begin_generation();
                self.outdate(&mut turn);
            }
        }
    }

    /// Whether what is known was confirmed by the store, or could not have changed unheard.
    pub(crate) fn is_confirmed(&self, now: Duration) -> bool {
        self.following.holds(ConfirmedUntil::load(&self.confirmed_until), now)
    }

    /// From now on one look at the coarse clock is enough to serve `target` from `known`, for as long as both clocks and the
    /// confirmation allow at `now`, in `era`. Waits for nobody: who is in the way may have news.
    pub(crate) fn issue_pass(&self, known: &Arc<Known>, target: &Target, era: u64, now: Now) {
        let Ok(_turn) = self.turn.try_lock() else { return };
        let current = self.known();
        let Some(current) = current.as_ref().filter(|current| Arc::ptr_eq(current, known)) else { return };
        if let Some(token) = current.token(target) {
            let confirmed_for = self.following.holds_for(ConfirmedUntil::load(&self.confirmed_until), now.monotonic);
            let holds = token.fresh_for(now).min(confirmed_for);
            token.pass.issue(era, now.wall, holds);
            if target.is_default()
                && current.idleness().is_none()
                && let Some(authorization) = token.authorization_to_show()
            {
                self.show(authorization, era, now.wall, holds);
            }
        }
    }

    /// The store could not confirm what is known. It is served until then all the same.
    pub(crate) fn put_off(&self, until: Duration) {
        let _turn = self.turn();
        if !self.is_confirmed(self.following.monotonic()) {
            self.following.put_off(until).store(&self.confirmed_until);
        }
    }

    /// What is known, or what was before the store told of a change.
    pub(crate) fn last_known(&self) -> Option<Arc<Known>> {
        let turn = self.turn();
        self.known.load_full().or_else(|| turn.outdated.clone())
    }

    /// Whether the store told of something newer since `ticket` was taken. What was read under a later ticket is what
    /// is there, whatever was told before.
    pub(super) fn is_overtaken(&self, turn: &Turn, ticket: Ticket, known: Option<&Known>) -> bool {
        turn.changes != ticket.changes && known.map(|known| known.version) < turn.last_change
    }

    pub(super) fn confirm(&self, ticket: Ticket) {
        self.following.confirmed_until(&ticket).store(&self.confirmed_until);
    }

    /// Forgets what is older than the last change. Versions of one chain of commits grow, so the rest is old news.
    fn outdate_before_last(&self, turn: &mut Turn) {
        if self.known().as_ref().is_some_and(|known| Some(known.version) < turn.last_change) {
            self.outdate(turn);
        }
    }

    fn outdate(&self, turn: &mut Turn) {
        if let Some(known) = self.set_known(None) {
            turn.outdated = Some(known);
        }
    }
}
