//! With tokens in hand that are not yet stored.

use oidc_session_core::StoreErrorKind;

use super::Flight;
use super::state::{State, Unsaved};
use crate::protocol::{Action, FailureCause, Now, Outcome, RecordView, StateView};

impl Flight {
    pub(super) fn commit(&mut self, unsaved: Unsaved) -> Action {
        self.state = State::Committing(unsaved);
        Action::Commit { expected: unsaved.expected }
    }

    pub(super) fn saved(&mut self, unsaved: Unsaved, now: Now) -> Action {
        match unsaved.violation {
            None => self.land(Outcome::Refreshed),
            Some(violation) => self.fail(FailureCause::Violation(violation), None, now),
        }
    }

    pub(super) fn commit_failed(&mut self, unsaved: Unsaved, kind: StoreErrorKind, now: Now) -> Action {
        if unsaved.is_given_up(now) {
            self.fail(FailureCause::Store(kind), None, now)
        } else if unsaved.may_serve {
            self.state = State::Serving(Unsaved { may_serve: false, ..unsaved });
            Action::ServeUncommitted
        } else {
            self.wait_to_commit(unsaved)
        }
    }

    pub(super) fn wait_to_commit(&mut self, unsaved: Unsaved) -> Action {
        self.state = State::WaitingToCommit(unsaved);
        Action::Wait(self.back_off())
    }

    pub(super) fn reconcile(
        &mut self,
        unsaved: Unsaved,
        loaded: Result<Option<RecordView>, StoreErrorKind>,
        now: Now,
    ) -> Action {
        // What conflicted may be a logout: from here on nothing is served on a guess.
        let unsaved = Unsaved { may_serve: false, ..unsaved };
        let record = match loaded {
            Ok(record) => record,
            Err(kind) => return self.commit_failed(unsaved, kind, now),
        };
        match record.map(|record| (record.version, record.state)) {
            None => self.revoke(Some(Outcome::NoSession)),
            Some((_, StateView::Ended(reason))) => self.revoke(Some(Outcome::Ended(reason))),
            Some((version, StateView::Active(stored))) => {
                let before = unsaved.attempt.session;
                let same_sign_in = stored.sign_in == before.sign_in;
                if unsaved.is_given_up(now) {
                    self.fail(FailureCause::Contention, None, now)
                } else if stored.refresh == before.refresh && (stored.access == before.access || !same_sign_in) {
                    // Only something beside the tokens changed, or the same tokens were imported anew: the token we
                    // presented is still in force there, so our answer goes on top.
                    self.commit(Unsaved { expected: version, ..unsaved })
                } else if (stored.access, stored.refresh) == (unsaved.access, unsaved.refresh) && same_sign_in {
                    // Our own commit, whose answer was lost.
                    self.latest = Some(stored);
                    self.saved(unsaved, now)
                } else if !same_sign_in && stored.refresh != unsaved.refresh {
                    // A new sign-in: what we hold belongs to a session that nobody has any more.
                    self.revoke(None)
                } else {
                    // Somebody else refreshed the same grant, or imported what we had stored of it. Revoking ours could
                    // take theirs with it.
                    self.adopt(Ok(record), now)
                }
            }
        }
    }

    pub(super) fn revoke(&mut self, outcome: Option<Outcome>) -> Action {
        self.state = State::Revoking(outcome);
        Action::Revoke
    }
}
