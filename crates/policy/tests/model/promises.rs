//! What the properties ask of a state.

use oidc_session_policy::Phase;
use oidc_session_policy::protocol::Outcome;

use crate::choice::Choice;
use crate::hands::{Clock, NOW};
use crate::store::{Record, TokenSets};
use crate::world::World;

/// A promise that was broken.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Breach {
    PresentedTwice,
    LivingSessionEnded,
    SessionLost,
    TombstoneOverwritten,
    SignInOverwritten,
    ServedUncommitted,
    RefreshedInVain,
    NewerTokenLost,
    WrongToken,
}

impl World {
    pub(crate) fn breaches(&self, breach: Breach) -> bool {
        self.breach == Some(breach)
    }

    fn is_quiet(&self) -> bool {
        self.processes.iter().all(|process| process.flight.is_none()) && self.late_request.is_none() && !self.to_revoke
    }

    /// Nothing of a session that was logged out is still good at the server, whoever got it and when.
    pub(crate) fn logout_is_final(&self) -> bool {
        let lives_on = self.logged_out.is_some_and(|token| self.server.any_live_beside(token));
        !(self.is_quiet() && lives_on) || self.revocation_excused
    }

    /// From any state in which nothing is under way, one more refresh without faults makes the session fresh, or finds
    /// that it has honestly ended.
    pub(crate) fn recovers(&self) -> bool {
        if !self.is_quiet() {
            return true;
        }
        let mut world = self.clone();
        (world.faults, world.occasions) = (0, 0);
        world.store.expire_lease();
        world.store.end_pause();
        world.processes.iter_mut().for_each(|process| process.clock = Clock::Right);
        world.refreshes_for(0) && (!self.setting.further || world.refreshes_for(1))
    }

    fn refreshes_for(&mut self, index: usize) -> bool {
        self.processes[index].flights_left = 1;
        self.take(Choice::Begin(index));
        for _ in 0..40 {
            let process = &self.processes[index];
            match process.outcome {
                Some(outcome) => return self.is_honest(outcome) && self.breach.is_none(),
                None if process.reply.is_some() => self.take(Choice::Arrive(index)),
                None => self.take(Choice::Do(index)),
            }
        }
        false
    }

    fn is_honest(&self, outcome: Outcome) -> bool {
        match (outcome, self.store.record) {
            (Outcome::Fresh | Outcome::Refreshed | Outcome::Adopted, Some((_, Record::Active { tokens, .. }))) => {
                // Only an access token that is still fresh may hide that its session is gone.
                self.server.is_live(tokens.refresh) || outcome == Outcome::Fresh
            }
            (Outcome::Ended(reason), Some((_, Record::Ended(stored)))) => reason == stored,
            _ => false,
        }
    }

    /// Whether what the process read or wrote last holds, for its target, what the server granted it.
    pub(crate) fn has_what_it_got(&self, index: usize) -> bool {
        let process = &self.processes[index];
        let stored = process.tokens().and_then(|tokens| tokens.access(process.target));
        process.granted.is_some_and(|grant| stored == Some(grant.access))
    }

    /// Whether what the process read or wrote last holds an access token for its target, and one that is in force; if
    /// it wants another than it saw first, another.
    pub(crate) fn has_what_it_wants(&self, index: usize) -> bool {
        let process = &self.processes[index];
        let token = |tokens: TokenSets| tokens.access(process.target);
        process.tokens().and_then(token).is_some_and(|access| {
            let replaced = process.first.and_then(token) != Some(access);
            let fresh = self.schedule(access).phase(NOW) == Phase::Fresh;
            fresh && self.server.granted_for(access) == process.target && (replaced || !self.is_forced(index))
        })
    }

    pub(crate) fn refreshed(&self) -> bool {
        self.refreshed
    }

    pub(crate) fn adopted(&self) -> bool {
        self.adopted
    }
}
