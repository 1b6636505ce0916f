//! What the properties ask of a state.

use oidc_session_policy::protocol::Outcome;

use crate::choice::Choice;
use crate::store::Record;
use crate::world::{Breach, World};

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
        world.processes[0].flights_left = 1;
        world.take(Choice::Begin(0));
        for _ in 0..40 {
            let process = &world.processes[0];
            match process.outcome {
                Some(outcome) => return world.is_honest(outcome),
                None if process.reply.is_some() => world.take(Choice::Arrive(0)),
                None => world.take(Choice::Do(0)),
            }
        }
        false
    }

    fn is_honest(&self, outcome: Outcome) -> bool {
        match (outcome, self.store.record) {
            (Outcome::Fresh | Outcome::Refreshed | Outcome::Adopted, Some((_, Record::Active { tokens, .. }))) => {
                // Only an access token that is still fresh may hide that its session is gone.
                self.server.is_live(tokens) || outcome == Outcome::Fresh
            }
            (Outcome::Ended(reason), Some((_, Record::Ended(stored)))) => reason == stored,
            _ => false,
        }
    }

    pub(crate) fn refreshed(&self) -> bool {
        self.refreshed
    }

    pub(crate) fn adopted(&self) -> bool {
        self.adopted
    }
}
