//! What can happen next.

use oidc_session_policy::protocol::Action;

use crate::hands::{Clock, Process};
use crate::server::Token;
use crate::store::Record;
use crate::world::World;

/// Something that can happen next.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Choice {
    Begin(usize),
    /// The pending action goes well; a request is processed and its answer is on the way.
    Do(usize),
    /// The answer arrives.
    Arrive(usize),
    /// Waiting has lasted past every patience.
    DoLate(usize),
    /// The pending action has no effect, and fails.
    FailBefore(usize),
    /// The pending action has its effect, and fails.
    FailAfter(usize),
    /// The request is given up and reaches the server later.
    GiveUp(usize),
    LateRequestArrives,
    /// The server asks to come back later, and has not looked at the request.
    TurnedAway(usize),
    ClockJumps(usize, Clock),
    Crash(usize),
    LeaseExpires,
    PauseEnds,
    /// This access token expires, and all that are older.
    AccessTokenExpires(Token),
    AdministratorRevokes,
    Logout,
    LogoutRevokes,
    SignIn,
}

impl World {
    pub(crate) fn choices(&self, choices: &mut Vec<Choice>) {
        for (index, process) in self.processes.iter().enumerate() {
            self.choices_of(index, process, choices);
        }
        if self.late_request.is_some() {
            choices.push(Choice::LateRequestArrives);
        }
        if self.to_revoke {
            choices.push(Choice::LogoutRevokes);
        }
        if self.store.is_paused() {
            choices.push(Choice::PauseEnds);
        }
        if let Some(holder) = self.store.holder() {
            // Once its holder is gone a lease ends by itself; before that it takes a fault.
            let abandoned = !self.processes.iter().any(|process| process.flight.is_some() && process.holder == holder);
            if abandoned || self.may_fail() {
                choices.push(Choice::LeaseExpires);
            }
        }
        if self.may_happen() {
            choices.extend([Choice::AdministratorRevokes, Choice::SignIn]);
            if let Some((_, Record::Active { tokens, .. })) = self.store.record {
                choices.push(Choice::Logout);
                let further = tokens.further.filter(|further| *further != tokens.own);
                let lasting = [Some(tokens.own), further].into_iter().filter(|token| *token > self.expired);
                choices.extend(lasting.flatten().map(Choice::AccessTokenExpires));
            }
        }
    }

    fn choices_of(&self, index: usize, process: &Process, choices: &mut Vec<Choice>) {
        let Some(action) = process.action else {
            if process.flights_left > 0 {
                choices.push(Choice::Begin(index));
            }
            return;
        };
        if process.reply.is_some() {
            choices.push(Choice::Arrive(index));
        } else {
            match action {
                // Waiting for a holder in vain changes nothing: only the end of the wait is of interest.
                Action::Wait(_) if self.waits_for_holder(process) => choices.push(Choice::DoLate(index)),
                Action::Wait(_) if self.waits_for_a_commit(process) => {}
                _ => choices.push(Choice::Do(index)),
            }
        }
        if self.may_fail() {
            choices.push(Choice::Crash(index));
            if self.setting.clocks && process.clock == Clock::Right {
                choices.extend([Clock::Ahead, Clock::Back].map(|clock| Choice::ClockJumps(index, clock)));
            }
            match action {
                Action::Refresh { .. } if process.reply.is_some() => choices.push(Choice::FailAfter(index)),
                Action::Refresh { .. } if self.late_request.is_none() => {
                    choices.extend([Choice::FailBefore(index), Choice::TurnedAway(index), Choice::GiveUp(index)]);
                }
                Action::Refresh { .. } | Action::Load => choices.push(Choice::FailBefore(index)),
                Action::Lease { .. } | Action::Commit { .. } | Action::End { .. } | Action::Renew { .. } => {
                    choices.extend([Choice::FailBefore(index), Choice::FailAfter(index)]);
                }
                Action::Release(_) | Action::Revoke => choices.push(Choice::FailBefore(index)),
                Action::Prepare | Action::ServeUncommitted | Action::Wait(_) | Action::Done(_) => {}
            }
        }
    }
}
