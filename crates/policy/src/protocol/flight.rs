//! [`Flight`]: one run of the protocol, from the first look at the record to its outcome.

use std::time::Duration;

use oidc_session_core::{
    EndReason, Fingerprint, ProviderErrorKind, Release, Renewal, StoreErrorKind, Version, Violation,
};

use super::message::{
    Action, Answer, CommitView, Event, Failure, FailureCause, Fault, LeaseView, Now, Outcome, Trigger,
};
use super::rules::Rules;
use super::view::{RecordView, SessionView, StateView};
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
    /// When the flight began, on the monotonic clock.
    started: Duration,
    /// The version this process knew before the flight.
    known: Option<Version>,
    /// The version the flight saw first: what `Force` wants replaced.
    first: Option<Version>,
    /// The session as it was read last.
    latest: Option<SessionView>,
    /// Why the provider could not get ready, kept until the lease decides whether that ends the session.
    unprepared: Option<Fault>,
    prepared: bool,
    /// When the lease was asked for, on the monotonic clock: it lasts at least a full time from here.
    leased: Duration,
    /// Until then, on the monotonic clock, this process leaves the provider alone.
    quiet_until: Option<Duration>,
    waits: u8,
    rounds: u8,
    state: State,
}

/// Which event the flight is waiting for, and what it must remember until then.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum State {
    Idle,
    Loading,
    Preparing,
    Leasing,
    /// Another holder refreshes.
    WaitingForHolder,
    Refreshing(Attempt),
    /// The outcome is unknown; the lease must outlive the repeat.
    RenewingForRepeat(Attempt, Fault),
    /// The process was held up between the lease and the request.
    RenewingToPresent(Attempt),
    /// A verdict came after an unknown outcome; the answer that was lost to us may not be lost to its holder.
    WaitingBeforeVerdict(Attempt),
    /// A verdict came; it counts only if the record still holds the rejected token.
    LoadingBeforeVerdict(Attempt),
    Ending(Ending),
    WaitingToEnd(Ending),
    Committing(Unsaved),
    Serving(Unsaved),
    WaitingToCommit(Unsaved),
    RenewingForCommit(Unsaved),
    /// The commit conflicted; what is stored decides what becomes of our tokens.
    LoadingAfterConflict(Unsaved),
    Releasing(Outcome),
    Revoking(Option<Outcome>),
    Landed,
}

/// A refresh token being presented.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Attempt {
    version: Version,
    session: SessionView,
    /// Somebody presented this token before and never learned the outcome.
    taken_over: bool,
    /// We presented it ourselves and did not learn the outcome.
    repeated: bool,
    sent: Duration,
}

/// Tokens that were granted and are not yet stored anywhere.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Unsaved {
    attempt: Attempt,
    expected: Version,
    access: Option<Fingerprint>,
    refresh: Option<Fingerprint>,
    violation: Option<Violation>,
    granted: Duration,
    /// Whether callers are served meanwhile.
    served: bool,
}

/// A tombstone being written.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Ending {
    expected: Version,
    reason: EndReason,
    /// The attempt that a verdict was about.
    judged: Option<Attempt>,
    tries: u8,
}

impl Ending {
    fn new(expected: Version, reason: EndReason) -> Self {
        Self { expected, reason, judged: None, tries: 0 }
    }
}

/// What a record calls for.
enum Need {
    Nothing(Outcome),
    Refresh(Version, SessionView),
    /// It can never be fresh again.
    End(Version, EndReason),
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
            started: Duration::ZERO,
            known: cached.map(|record| record.version),
            first: None,
            latest,
            unprepared: None,
            prepared: false,
            leased: Duration::ZERO,
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
                Err(kind) => self.fail(FailureCause::Store(kind), None, now),
            },

            (State::WaitingBeforeVerdict(attempt), Event::Waited) => self.load_before_verdict(attempt),
            (State::LoadingBeforeVerdict(attempt), Event::Loaded(loaded)) => self.verdict(attempt, loaded, now),
            (State::Ending(ending), Event::Committed(committed)) => match (committed, ending.judged) {
                (Ok(CommitView::Done(_)), _) => self.land(Outcome::Ended(ending.reason)),
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

    // Before the refresh token is touched.

    fn load(&mut self) -> Action {
        self.state = State::Loading;
        Action::Load
    }

    fn loaded(&mut self, loaded: Result<Option<RecordView>, StoreErrorKind>, now: Now) -> Action {
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

    fn prepared(&mut self, prepared: Result<(), Fault>, now: Now) -> Action {
        match prepared {
            Ok(()) => {
                self.prepared = true;
                self.lease(now)
            }
            // Only the holder of the lease may end a session for this: another process may be refreshing it right now.
            Err(fault) if self.discards(now) => {
                self.unprepared = Some(fault);
                self.lease(now)
            }
            Err(fault) => self.fail(FailureCause::Provider(fault.kind), fault.retry_after, now),
        }
    }

    fn lease(&mut self, now: Now) -> Action {
        self.leased = now.monotonic;
        self.state = State::Leasing;
        Action::Lease { ttl: self.rules.lease_ttl }
    }

    fn leased(&mut self, lease: Result<LeaseView, StoreErrorKind>, now: Now) -> Action {
        match lease {
            Ok(LeaseView::Granted { record, unsettled }) => self.granted(record, unsettled, now),
            Ok(LeaseView::Absent) => self.land(Outcome::NoSession),
            Ok(LeaseView::Held { remaining }) => self.wait_for_holder(remaining, now),
            Ok(LeaseView::Paused { remaining }) => self.fail(FailureCause::Paused, Some(remaining), now),
            // The lease may be ours without our knowing. Give it back, or it would count as an attempt.
            Err(kind) => {
                let outcome = self.failed(FailureCause::Store(kind), None, now);
                self.release(Release::default(), outcome)
            }
        }
    }

    fn granted(&mut self, record: RecordView, unsettled: u32, now: Now) -> Action {
        // The record came with the lease. What was read before it may have been refreshed meanwhile, and a refresh
        // token read before the lease must never be presented.
        match self.need(Some(record), now) {
            Need::Nothing(outcome) => self.release(Release::default(), outcome),
            Need::End(version, reason) => self.end(Ending::new(version, reason)),
            Need::Refresh(version, session) => {
                let attempt = Attempt {
                    version,
                    session,
                    taken_over: unsettled > 0 || session.unsettled > 0,
                    repeated: false,
                    sent: now.monotonic,
                };
                match self.unprepared.take() {
                    Some(fault) => self.attempt_failed(attempt, fault, now),
                    None => self.present(attempt),
                }
            }
        }
    }

    fn wait_for_holder(&mut self, remaining: Duration, now: Now) -> Action {
        let still_serves = self.latest.is_some_and(|session| session.schedule.phase(now.wall) != Phase::Expired);
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

    // With the refresh token under way.

    fn present(&mut self, attempt: Attempt) -> Action {
        self.state = State::Refreshing(attempt);
        Action::Refresh { before: self.leased + (self.rules.lease_ttl - self.rules.request_budget) }
    }

    fn renew(&mut self, now: Now) -> Action {
        self.leased = now.monotonic;
        Action::Renew { ttl: self.rules.lease_ttl }
    }

    fn answered(&mut self, attempt: Attempt, answer: Answer, now: Now) -> Action {
        match answer {
            Answer::Granted { access, refresh, violation } => self.commit(Unsaved {
                attempt,
                expected: attempt.version,
                access,
                refresh,
                violation,
                granted: now.monotonic,
                served: false,
            }),
            Answer::TooLate => {
                self.state = State::RenewingToPresent(attempt);
                self.renew(now)
            }
            Answer::Failed(fault) => match fault.kind {
                ProviderErrorKind::Rejected if attempt.taken_over || attempt.repeated => {
                    self.state = State::WaitingBeforeVerdict(attempt);
                    Action::Wait(Rules::VERDICT_GRACE)
                }
                ProviderErrorKind::Rejected => self.load_before_verdict(attempt),
                ProviderErrorKind::OutcomeUnknown | ProviderErrorKind::InvalidAnswer => {
                    self.outcome_unknown(attempt, fault, now)
                }
                _ => self.attempt_failed(attempt, fault, now),
            },
        }
    }

    fn outcome_unknown(&mut self, attempt: Attempt, fault: Fault, now: Now) -> Action {
        let spent = now.monotonic.saturating_sub(attempt.sent);
        let in_window = self.rules.reuse_window.is_none_or(|window| spent < window);
        // One repeat. If somebody before us lost an answer, ours was the repeat.
        if in_window && !attempt.taken_over && !attempt.repeated {
            self.state = State::RenewingForRepeat(attempt, fault);
            return self.renew(now);
        }
        self.give_up(Attempt { repeated: true, ..attempt }, fault, now)
    }

    fn give_up(&mut self, attempt: Attempt, fault: Fault, now: Now) -> Action {
        self.attempt_failed(attempt, Fault { kind: ProviderErrorKind::OutcomeUnknown, ..fault }, now)
    }

    /// The attempt brought no verdict: keep the session, or end it if the program wants that.
    fn attempt_failed(&mut self, attempt: Attempt, fault: Fault, now: Now) -> Action {
        if self.discards(now) {
            return self.end(Ending::new(attempt.version, EndReason::RefreshFailed));
        }
        let pause = fault.retry_after.unwrap_or(shortest_pause(fault.kind)).min(LONGEST_PAUSE);
        let outcome = self.failed(FailureCause::Provider(fault.kind), Some(pause), now);
        // Told to the store, the pause holds for every process.
        self.release(Release { pause, unsettled: attempt.repeated }, outcome)
    }

    // After a verdict.

    fn load_before_verdict(&mut self, attempt: Attempt) -> Action {
        self.state = State::LoadingBeforeVerdict(attempt);
        Action::Load
    }

    fn verdict(&mut self, attempt: Attempt, loaded: Result<Option<RecordView>, StoreErrorKind>, now: Now) -> Action {
        match loaded {
            Ok(Some(RecordView { version, state: StateView::Active(session) }))
                if session.refresh == attempt.session.refresh =>
            {
                let reason = if attempt.taken_over || attempt.repeated {
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

    fn end(&mut self, ending: Ending) -> Action {
        self.state = State::Ending(ending);
        Action::End { expected: ending.expected, reason: ending.reason }
    }

    fn end_failed(&mut self, ending: Ending, kind: StoreErrorKind, now: Now) -> Action {
        if ending.tries >= Rules::MOST_END_TRIES {
            return self.fail(FailureCause::Store(kind), None, now);
        }
        self.state = State::WaitingToEnd(ending);
        Action::Wait(self.back_off())
    }

    // With tokens in hand that are not yet stored.

    fn commit(&mut self, unsaved: Unsaved) -> Action {
        self.state = State::Committing(unsaved);
        Action::Commit { expected: unsaved.expected }
    }

    fn saved(&mut self, unsaved: Unsaved, now: Now) -> Action {
        match unsaved.violation {
            None => self.land(Outcome::Refreshed),
            Some(violation) => self.fail(FailureCause::Violation(violation), None, now),
        }
    }

    fn commit_failed(&mut self, unsaved: Unsaved, kind: StoreErrorKind, now: Now) -> Action {
        if now.monotonic.saturating_sub(unsaved.granted) >= Rules::COMMIT_PATIENCE {
            self.fail(FailureCause::Store(kind), None, now)
        } else if !unsaved.served && unsaved.violation.is_none() {
            self.state = State::Serving(Unsaved { served: true, ..unsaved });
            Action::ServeUncommitted
        } else {
            self.wait_to_commit(unsaved)
        }
    }

    fn wait_to_commit(&mut self, unsaved: Unsaved) -> Action {
        self.state = State::WaitingToCommit(unsaved);
        Action::Wait(self.back_off())
    }

    fn reconcile(&mut self, unsaved: Unsaved, loaded: Result<Option<RecordView>, StoreErrorKind>, now: Now) -> Action {
        let record = match loaded {
            Ok(record) => record,
            Err(kind) => return self.commit_failed(unsaved, kind, now),
        };
        match record.map(|record| (record.version, record.state)) {
            None => self.revoke(Some(Outcome::NoSession)),
            Some((_, StateView::Ended(reason))) => self.revoke(Some(Outcome::Ended(reason))),
            Some((version, StateView::Active(stored))) => {
                let before = unsaved.attempt.session;
                if (stored.access, stored.refresh) == (unsaved.access, unsaved.refresh) {
                    // Our own commit, whose answer was lost.
                    self.latest = Some(stored);
                    self.saved(unsaved, now)
                } else if stored.sign_in != before.sign_in {
                    // A new sign-in: what we hold belongs to a session that nobody has any more.
                    self.revoke(None)
                } else if (stored.access, stored.refresh) == (before.access, before.refresh) {
                    // Only something beside the tokens changed: our answer goes on top of it.
                    self.commit(Unsaved { expected: version, ..unsaved })
                } else {
                    // Somebody else refreshed the same grant. Revoking ours could take theirs with it.
                    self.adopt(Ok(record), now)
                }
            }
        }
    }

    fn revoke(&mut self, outcome: Option<Outcome>) -> Action {
        self.state = State::Revoking(outcome);
        Action::Revoke
    }

    // Ways on, and ways out.

    /// Judges a record that somebody else wrote under us.
    fn adopt(&mut self, loaded: Result<Option<RecordView>, StoreErrorKind>, now: Now) -> Action {
        self.rounds += 1;
        if self.rounds >= Rules::MOST_ROUNDS {
            return self.fail(FailureCause::Contention, None, now);
        }
        self.loaded(loaded, now)
    }

    fn start_over(&mut self, now: Now) -> Action {
        self.rounds += 1;
        if self.rounds >= Rules::MOST_ROUNDS {
            return self.fail(FailureCause::Contention, None, now);
        }
        self.load()
    }

    fn release(&mut self, release: Release, outcome: Outcome) -> Action {
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
            session.schedule.phase(now.wall) != Phase::Expired && !refused
        });
        if still_serves { Outcome::Postponed(failure) } else { Outcome::Unavailable(failure) }
    }

    fn is_quiet(&self, now: Now) -> bool {
        self.trigger == Trigger::IfDue && self.quiet_until.is_some_and(|until| now.monotonic < until)
    }

    /// Whether a failed refresh ends the session: only one that was needed, and only if the program says so.
    fn discards(&self, now: Now) -> bool {
        let expired = self.latest.is_some_and(|session| session.schedule.phase(now.wall) == Phase::Expired);
        self.rules.on_failure == OnRefreshFailure::DiscardAlways && expired
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
        let first = *self.first.get_or_insert(version);
        let phase = session.schedule.phase(now.wall);

        let wanted = match self.trigger {
            Trigger::IfDue => phase != Phase::Fresh,
            Trigger::Force => version == first,
            Trigger::IfCurrentIs(rejected) => session.access == Some(rejected),
        };
        if !wanted {
            let news = version != first || self.known.is_some_and(|known| known != version);
            return Need::Nothing(if news { Outcome::Adopted } else { Outcome::Fresh });
        }
        if session.refresh.is_none() {
            return if phase == Phase::Expired {
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

/// The longest pause that is asked of every process, whatever the server said.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How long everybody leaves the authorization server alone after a failure that named no time.
fn shortest_pause(kind: ProviderErrorKind) -> Duration {
    match kind {
        ProviderErrorKind::OutcomeUnknown => Duration::from_secs(5),
        ProviderErrorKind::InteractionRequired | ProviderErrorKind::Misconfigured => Duration::from_secs(10),
        _ => Duration::from_secs(1),
    }
}
