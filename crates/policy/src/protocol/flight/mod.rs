//! [`Flight`]: one run of the protocol, from the first look at the record to its outcome.

mod committing;
mod ending;
mod leasing;
mod presenting;
mod state;

use std::time::Duration;

use oidc_session_core::{EndReason, Release, Renewal, StoreErrorKind, Timestamp, Version};

use self::state::{Attempt, Ending, Need, State};
use super::{
    Action, CommitView, Event, Failure, FailureCause, Fault, Journal, Now, Outcome, RecordView, Rules, SessionView,
    StateView, Trigger,
};
use crate::{OnRefreshFailure, Phase};

/// One run of the protocol.
///
/// Feed it [`Event::Started`], carry out the action it returns, feed it the event that answers the action, and so on
/// until [`Action::Done`]. Dropping it at any point is what a crash is: the record and the lease stay as they are, and
/// the next flight, here or on another machine, takes over from them.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Flight {
    rules: Rules,
    trigger: Trigger,
    /// Whether the access token wanted is not the session's own but one for a further target.
    for_further_target: bool,
    /// When the flight began, on the monotonic clock.
    started: Duration,
    /// The version this process knew before the flight.
    known: Option<Version>,
    /// The session the flight saw first: what `Force` wants replaced.
    first: Option<(Version, SessionView)>,
    /// The session as it was read last.
    latest: Option<SessionView>,
    /// Why the provider could not get ready, kept until the lease decides whether that ends the session.
    unprepared: Option<Fault>,
    prepared: bool,
    /// What was unsettled when the lease was granted last.
    journal: Option<Journal>,
    /// Attempts of which nobody has anything to commit any more: we made them, or their holders were given time.
    given_up: Option<Journal>,
    /// When the lease was asked for: it lasts at least a full time from here.
    leased: Now,
    /// Until then, on the monotonic clock, this process leaves the provider alone.
    quiet_until: Option<Duration>,
    waits: u8,
    rounds: u8,
    state: State,
}

impl Flight {
    /// A flight that has not begun. `cached` is what this process knew of the record before.
    pub fn new(rules: Rules, trigger: Trigger, cached: Option<RecordView>) -> Self {
        let latest = cached.and_then(|record| match record.state {
            StateView::Active(session) => Some(session),
            StateView::Ended(_) => None,
        });
        Self {
            rules,
            trigger,
            for_further_target: false,
            started: Duration::ZERO,
            known: cached.map(|record| record.version),
            first: None,
            latest,
            unprepared: None,
            prepared: false,
            journal: None,
            given_up: None,
            leased: Now { wall: Timestamp::UNIX_EPOCH, monotonic: Duration::ZERO },
            quiet_until: None,
            waits: 0,
            rounds: 0,
            state: State::Idle,
        }
    }

    /// The same flight, but it starts no refresh of its own before `until` on the monotonic clock,
    /// unless it was asked for one outright.
    ///
    /// For a process whose last refresh failed: it may still adopt what others refreshed.
    #[must_use]
    pub fn quiet_until(mut self, until: Option<Duration>) -> Self {
        self.quiet_until = until;
        self
    }

    /// The same flight, but for the access token of a further target.
    ///
    /// What it lacks says nothing about the session: only a verdict on the refresh token and the session's own limit end
    /// it.
    #[must_use]
    pub fn for_further_target(mut self) -> Self {
        self.for_further_target = true;
        self
    }

    /// The same flight of a process whose last one left these attempts unsettled.
    ///
    /// It knows that nobody has anything to commit of them, and need not wait for that.
    #[must_use]
    pub fn having_given_up(mut self, attempts: Option<Journal>) -> Self {
        self.given_up = attempts;
        self
    }

    /// The attempts of which nobody has anything to commit any more, for the next flight of this process.
    pub fn given_up(&self) -> Option<Journal> {
        self.given_up
    }

    /// The lease that the flight wants is asked for only `now`: it had to wait for its turn.
    ///
    /// That is counted neither as time of the lease nor as waiting for another holder.
    pub fn has_its_turn(&mut self, now: Now) {
        if self.state == State::Leasing {
            self.started = self.started.saturating_add(now.monotonic.saturating_sub(self.leased.monotonic));
            self.leased = now;
        }
    }

    /// Takes the event that answers the last action, and decides the next.
    pub fn step(&mut self, event: Event, now: Now) -> Action {
        let state = std::mem::replace(&mut self.state, State::Landed);
        match (state, event) {
            (State::Idle, Event::Started) => {
                self.started = now.monotonic;
                self.load()
            }
            (State::Loading, Event::Loaded(loaded)) => self.loaded(loaded, now),
            (State::Preparing, Event::Prepared(prepared)) => self.prepared(prepared, now),
            (State::Leasing, Event::Leased(lease)) => self.leased(lease, now),
            (State::WaitingForHolder, Event::Waited) => self.load(),

            (State::WaitingToTakeOver, Event::Waited) => self.take_over(now),
            (State::Refreshing(attempt), Event::Answered(answer)) => self.answered(attempt, answer, now),
            (State::RenewingForRepeat(attempt, fault), Event::Renewed(renewed)) => match renewed {
                Ok(Renewal::Done) => self.present(Attempt { repeated: true, ..attempt }),
                // Somebody took over: what they make of it decides.
                Ok(Renewal::Lost) => self.start_over(now),
                Err(_) => self.give_up(Attempt { repeated: true, ..attempt }, fault, now),
            },

            (State::RenewingToPresent(attempt), Event::Renewed(renewed)) => match renewed {
                Ok(Renewal::Done) => self.present(attempt),
                Ok(Renewal::Lost) => self.start_over(now),
                // Nothing was sent by this attempt: give the lease back, or it would count as one that was.
                Err(kind) => {
                    let outcome = self.failed(FailureCause::Store(kind), None, now);
                    self.release(Release { unsettled: attempt.repeated, ..Release::default() }, outcome)
                }
            },

            (State::WaitingBeforeVerdict(attempt), Event::Waited) => self.load_before_verdict(attempt),
            (State::LoadingBeforeVerdict(attempt), Event::Loaded(loaded)) => self.verdict(attempt, loaded, now),
            (State::Ending(ending), Event::Committed(committed)) => match (committed, ending.judged) {
                (Ok(CommitView::Done(_)), _) => self.land(Outcome::Ended(ending.reason)),
                (Ok(CommitView::Conflict), Some(_)) if self.is_last_round() => {
                    self.fail(FailureCause::Contention, None, now)
                }
                (Ok(CommitView::Conflict), Some(attempt)) => self.load_before_verdict(attempt),
                (Ok(CommitView::Conflict), None) => self.start_over(now),
                (Err(kind), _) => self.end_failed(ending, kind, now),
            },
            (State::WaitingToEnd(ending), Event::Waited) => self.end(Ending { tries: ending.tries + 1, ..ending }),

            (State::Committing(unsaved), Event::Committed(committed)) => match committed {
                Ok(CommitView::Done(_)) => self.saved(unsaved, now),
                Ok(CommitView::Conflict) => {
                    self.state = State::LoadingAfterConflict(unsaved);
                    Action::Load
                }
                Err(kind) => self.commit_failed(unsaved, kind, now),
            },
            (State::Serving(unsaved), Event::Served) => self.wait_to_commit(unsaved),
            (State::WaitingToCommit(unsaved), Event::Waited) => {
                self.state = State::RenewingForCommit(unsaved);
                self.renew(now)
            }
            // Lost or not: the compare-and-set decides.
            (State::RenewingForCommit(unsaved), Event::Renewed(_)) => self.commit(unsaved),
            (State::LoadingAfterConflict(unsaved), Event::Loaded(loaded)) => self.reconcile(unsaved, loaded, now),

            (State::Releasing(outcome), Event::Released) => self.land(outcome),
            (State::Revoking(Some(outcome)), Event::Revoked) => self.land(outcome),
            (State::Revoking(None), Event::Revoked) => self.start_over(now),

            // An event that answers no action of ours. Every event is listed, so that a new one must be placed.
            (
                _,
                Event::Started
                | Event::Loaded(_)
                | Event::Prepared(_)
                | Event::Leased(_)
                | Event::Answered(_)
                | Event::Committed(_)
                | Event::Served
                | Event::Renewed(_)
                | Event::Released
                | Event::Waited
                | Event::Revoked,
            ) => self.fail(FailureCause::OutOfStep, None, now),
        }
    }

    /// Judges a record that somebody else wrote under us.
    fn adopt(&mut self, loaded: Result<Option<RecordView>, StoreErrorKind>, now: Now) -> Action {
        if self.is_last_round() { self.fail(FailureCause::Contention, None, now) } else { self.loaded(loaded, now) }
    }

    fn start_over(&mut self, now: Now) -> Action {
        if self.is_last_round() { self.fail(FailureCause::Contention, None, now) } else { self.load() }
    }

    fn is_last_round(&mut self) -> bool {
        self.rounds = self.rounds.saturating_add(1);
        self.rounds >= Rules::MOST_ROUNDS
    }

    fn release(&mut self, release: Release, outcome: Outcome) -> Action {
        if let Some(Journal { version, unsettled }) = self.journal.filter(|_| release.unsettled) {
            self.given_up = Some(Journal { version, unsettled: unsettled.saturating_add(1) });
        }
        self.state = State::Releasing(outcome);
        Action::Release(release)
    }

    fn fail(&mut self, cause: FailureCause, retry_in: Option<Duration>, now: Now) -> Action {
        let outcome = self.failed(cause, retry_in, now);
        self.land(outcome)
    }

    fn land(&mut self, outcome: Outcome) -> Action {
        self.state = State::Landed;
        Action::Done(outcome)
    }

    /// How a failure reads to the caller: a token that still serves is not taken away by it.
    fn failed(&self, cause: FailureCause, retry_in: Option<Duration>, now: Now) -> Outcome {
        let failure = Failure { cause, retry_in };
        let still_serves = self.latest.is_some_and(|session| {
            let refused = matches!(self.trigger, Trigger::IfCurrentIs(rejected) if session.access == Some(rejected));
            session.phase(now.wall) != Phase::Expired && !refused
        });
        if still_serves { Outcome::Postponed(failure) } else { Outcome::Unavailable(failure) }
    }

    fn is_quiet(&self, now: Now) -> bool {
        self.trigger == Trigger::IfDue && self.quiet_until.is_some_and(|until| now.monotonic < until)
    }

    /// Whether a failed refresh ends the session: only one that was needed, and only if the program says so.
    fn discards(&self, now: Now) -> bool {
        let expired = self.latest.is_some_and(|session| session.phase(now.wall) == Phase::Expired);
        self.rules.on_failure == OnRefreshFailure::DiscardAlways && expired && !self.for_further_target
    }

    fn need(&mut self, record: Option<RecordView>, now: Now) -> Need {
        let Some(RecordView { version, state }) = record else {
            self.latest = None;
            return Need::Nothing(Outcome::NoSession);
        };
        let session = match state {
            StateView::Active(session) => session,
            StateView::Ended(reason) => {
                self.latest = None;
                return Need::Nothing(Outcome::Ended(reason));
            }
        };
        self.latest = Some(session);
        let (first_version, first) = *self.first.get_or_insert((version, session));
        let phase = session.phase(now.wall);

        if let Some(end) = session.end.filter(|end| now.wall >= end.at) {
            return Need::End(version, end.reason);
        }
        let wanted = match self.trigger {
            Trigger::IfDue => phase != Phase::Fresh,
            // What somebody else refreshed may have expired again by now.
            Trigger::Force => session.has_access_token_of(&first) || phase == Phase::Expired,
            Trigger::IfCurrentIs(rejected) => session.access == Some(rejected) || phase == Phase::Expired,
        };
        if !wanted {
            let news = version != first_version || self.known.is_some_and(|known| known != version);
            return Need::Nothing(if news { Outcome::Adopted } else { Outcome::Fresh });
        }
        if session.refresh.is_none() {
            return if phase == Phase::Expired && !self.for_further_target {
                Need::End(version, EndReason::NoRefreshToken)
            } else {
                Need::Nothing(self.failed(FailureCause::NoRefreshToken, None, now))
            };
        }
        match session.schedule.rest(now.wall) {
            Some(rest) if self.trigger == Trigger::IfDue => {
                Need::Nothing(self.failed(FailureCause::TooSoon, Some(rest), now))
            }
            Some(_) | None => Need::Refresh(version, session),
        }
    }

    /// 20 ms, doubling to at most 320 ms.
    fn back_off(&mut self) -> Duration {
        let pause = Duration::from_millis(20 << self.waits);
        self.waits = (self.waits + 1).min(4);
        pause
    }
}
