//! What it looks like to a process when its action fails, before or after its effect.

use oidc_session_core::{ProviderErrorKind, StoreErrorKind};
use oidc_session_policy::protocol::{Action, Answer, Event};

use crate::hands::fault;
use crate::server::Reply;
use crate::world::World;

impl World {
    pub(crate) fn fail_before(&mut self, index: usize) {
        let unavailable = StoreErrorKind::Unavailable;
        let event = match self.processes[index].action {
            Some(Action::Load) => Event::Loaded(Err(unavailable)),
            Some(Action::Lease { .. }) => Event::Leased(Err(unavailable)),
            // The request is lost, and we cannot tell that from a lost answer.
            Some(Action::Refresh { .. }) => return self.answer_unknown(index),
            Some(Action::Commit { .. } | Action::End { .. }) => {
                self.processes[index].commit_failed = true;
                Event::Committed(Err(unavailable))
            }
            Some(Action::Renew { .. }) => Event::Renewed(Err(unavailable)),
            Some(Action::Release(_)) => Event::Released,
            Some(Action::Revoke) => {
                self.revocation_excused = true;
                Event::Revoked
            }
            Some(Action::Prepare | Action::ServeUncommitted | Action::Wait(_) | Action::Done(_)) | None => return,
        };
        self.step(index, event);
    }

    pub(crate) fn fail_after(&mut self, index: usize) {
        let unavailable = StoreErrorKind::Unavailable;
        let event = match self.processes[index].action {
            Some(Action::Lease { .. }) => {
                let holder = self.processes[index].holder;
                let _ = self.store.try_lease(holder);
                Event::Leased(Err(unavailable))
            }
            Some(Action::Refresh { .. }) => {
                self.excused |= matches!(self.processes[index].reply, Some(Reply::Granted(_)));
                self.revocation_excused = true;
                return self.answer_unknown(index);
            }
            Some(Action::Commit { expected }) => {
                let _ = self.commit(index, expected);
                self.processes[index].commit_failed = true;
                Event::Committed(Err(unavailable))
            }
            Some(Action::End { expected, reason }) => {
                let _ = self.end(expected, reason);
                Event::Committed(Err(unavailable))
            }
            Some(Action::Renew { .. }) => {
                let holder = self.processes[index].holder;
                self.store.renew(holder);
                Event::Renewed(Err(unavailable))
            }
            _ => return,
        };
        self.step(index, event);
    }

    pub(crate) fn answer_unknown(&mut self, index: usize) {
        let process = &mut self.processes[index];
        process.reply = None;
        process.journaled = true;
        self.step(index, Event::Answered(Answer::Failed(fault(ProviderErrorKind::OutcomeUnknown))));
    }
}
