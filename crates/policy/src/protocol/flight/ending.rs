//! After a verdict: it counts only if the record still holds the rejected token.

use oidc_session_core::{EndReason, StoreErrorKind};

use super::Flight;
use super::state::{Attempt, Ending, State};
use crate::protocol::{Action, FailureCause, Now, RecordView, Rules, StateView};

impl Flight {
    pub(super) fn load_before_verdict(&mut self, attempt: Attempt) -> Action {
        self.state = State::LoadingBeforeVerdict(attempt);
        Action::Load
    }

    pub(super) fn verdict(
        &mut self,
        attempt: Attempt,
        loaded: Result<Option<RecordView>, StoreErrorKind>,
        now: Now,
    ) -> Action {
        match loaded {
            Ok(Some(RecordView { version, state: StateView::Active(session) }))
                if session.refresh == attempt.session.refresh =>
            {
                let lost_an_answer = attempt.taken_over || attempt.repeated;
                let reason = if lost_an_answer && !self.rules.reuse_is_harmless {
                    EndReason::RejectedAfterUnknownOutcome
                } else {
                    EndReason::Rejected
                };
                self.end(Ending { judged: Some(attempt), ..Ending::new(version, reason) })
            }
            // Somebody else refreshed: the verdict was on a token that is no longer in force.
            Ok(Some(_) | None) => self.adopt(loaded, now),
            // The lease is kept: until it ends by itself nobody presents the rejected token again.
            Err(kind) => self.fail(FailureCause::Store(kind), None, now),
        }
    }

    pub(super) fn end(&mut self, ending: Ending) -> Action {
        self.state = State::Ending(ending);
        Action::End { expected: ending.expected, reason: ending.reason }
    }

    pub(super) fn end_failed(&mut self, ending: Ending, kind: StoreErrorKind, now: Now) -> Action {
        if ending.tries >= Rules::MOST_END_TRIES {
            return self.fail(FailureCause::Store(kind), None, now);
        }
        self.state = State::WaitingToEnd(ending);
        Action::Wait(self.back_off())
    }
}
