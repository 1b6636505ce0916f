//! Before the refresh token is touched: is a refresh needed, and whose is it to do?

use std::time::Duration;

use oidc_session_core::{Release, StoreErrorKind};

use super::Flight;
use super::presenting::pause_after;
use super::state::{Attempt, Ending, Need, State};
use crate::Phase;
use crate::protocol::{Action, FailureCause, Fault, Journal, LeaseView, Now, Outcome, RecordView, Trigger};

impl Flight {
    pub(super) fn load(&mut self) -> Action {
        self.state = State::Loading;
        Action::Load
    }

    pub(super) fn loaded(&mut self, loaded: Result<Option<RecordView>, StoreErrorKind>, now: Now) -> Action {
        let record = match loaded {
            Ok(record) => record,
            Err(kind) => return self.fail(FailureCause::Store(kind), None, now),
        };
        match self.need(record, now) {
            Need::Nothing(outcome) => self.land(outcome),
            Need::End(version, reason) => self.end(Ending::new(version, reason)),
            Need::Refresh(..) if self.is_quiet(now) => {
                let rest = self.quiet_until.map(|until| until.saturating_sub(now.monotonic));
                self.fail(FailureCause::Paused, rest, now)
            }
            Need::Refresh(..) if self.prepared => self.lease(now),
            Need::Refresh(..) => {
                self.state = State::Preparing;
                Action::Prepare
            }
        }
    }

    pub(super) fn prepared(&mut self, prepared: Result<(), Fault>, now: Now) -> Action {
        match prepared {
            Ok(()) => {
                self.prepared = true;
                self.unprepared = None;
                self.lease(now)
            }
            // Only the holder of the lease may end a session for this: another process may be refreshing it right now.
            Err(fault) if self.discards(now) => {
                self.unprepared = Some(fault);
                self.lease(now)
            }
            Err(fault) => self.fail(FailureCause::Provider(fault.kind), Some(pause_after(fault)), now),
        }
    }

    pub(super) fn lease(&mut self, now: Now) -> Action {
        self.leased = now;
        self.state = State::Leasing;
        Action::Lease { ttl: self.rules.lease_ttl }
    }

    pub(super) fn leased(&mut self, lease: Result<LeaseView, StoreErrorKind>, now: Now) -> Action {
        match lease {
            Ok(LeaseView::Granted { record, unsettled }) => self.granted(record, unsettled, now),
            Ok(LeaseView::Absent) => self.land(Outcome::NoSession),
            Ok(LeaseView::NotAsked) => self.fail(FailureCause::NoTurn, None, now),
            Ok(LeaseView::Held { remaining }) => self.wait_for_holder(remaining, now),
            Ok(LeaseView::Paused { remaining }) => self.fail(FailureCause::Paused, Some(remaining), now),
            // The lease may be ours without our knowing. Give it back, or it would count as an attempt.
            Err(kind) => {
                // Whoever was given time to commit may not have reached the store either.
                self.given_up = None;
                let outcome = self.failed(FailureCause::Store(kind), None, now);
                self.release(Release::default(), outcome)
            }
        }
    }

    pub(super) fn granted(&mut self, record: RecordView, unsettled: u32, now: Now) -> Action {
        // The record came with the lease. What was read before it may have been refreshed meanwhile, and a refresh
        // token read before the lease must never be presented.
        match self.need(Some(record), now) {
            Need::Nothing(outcome) => self.release(Release::default(), outcome),
            Need::End(version, reason) => self.end(Ending::new(version, reason)),
            Need::Refresh(version, session) => {
                let journal = Journal { version, unsettled: unsettled.saturating_add(session.unsettled) };
                self.journal = Some(journal);
                let taken_over = journal.unsettled > 0;
                let attempt = Attempt { version, session, taken_over, repeated: false, sent: now.monotonic };
                match self.unprepared.take() {
                    Some(fault) => self.attempt_failed(attempt, fault, now),
                    None if taken_over && !self.rules.reuse_is_harmless => self.give_way(attempt, journal),
                    None => self.present(attempt),
                }
            }
        }
    }

    /// Whoever began the attempt that is taken over may be alive and cut off from the store, with tokens that it cannot
    /// commit. As soon as the store is back that is a race with us, and if we present its token first, the server ends
    /// the session for both.
    fn give_way(&mut self, attempt: Attempt, journal: Journal) -> Action {
        if self.given_up.replace(journal) == Some(journal) {
            return self.present(attempt);
        }
        self.state = State::WaitingToTakeOver;
        Action::Wait(self.rules.grace)
    }

    /// Asks again for the lease that is ours: what was committed meanwhile comes with it.
    pub(super) fn take_over(&mut self, now: Now) -> Action {
        if self.is_last_round() {
            self.given_up = None;
            let outcome = self.failed(FailureCause::Contention, None, now);
            return self.release(Release::default(), outcome);
        }
        self.lease(now)
    }

    pub(super) fn wait_for_holder(&mut self, remaining: Duration, now: Now) -> Action {
        let still_serves = self.latest.is_some_and(|session| session.phase(now.wall) != Phase::Expired);
        if self.trigger == Trigger::IfDue && still_serves {
            return self.land(Outcome::ServedWhileRefreshing);
        }
        if now.monotonic.saturating_sub(self.started) >= self.rules.patience {
            return self.fail(FailureCause::LeaseHeld, Some(remaining), now);
        }
        let pause = self.back_off().min(remaining).max(Duration::from_millis(1));
        self.state = State::WaitingForHolder;
        Action::Wait(pause)
    }
}
