//! A flight, led through its questions and answers.

use std::time::Duration;

use oidc_session_core::{
    EndReason, Fingerprint, ProviderErrorKind, ProviderId, ProviderProfile, Release, Renewal, SignInId, StoreErrorKind,
    Timestamp, Version, Violation,
};
use oidc_session_policy::protocol::{
    Action, Answer, CommitView, Event, Failure, FailureCause, Fault, Flight, Journal, LeaseView, Now, Outcome,
    RecordView, Rules, SessionView, StateView, Trigger,
};
use oidc_session_policy::{OnRefreshFailure, Phase, Schedule};

pub(crate) const LEASE_TTL: Duration = Duration::from_secs(30);
pub(crate) const REQUEST_BUDGET: Duration = Duration::from_secs(10);
pub(crate) const STORE_BUDGET: Duration = Duration::from_secs(5);
/// How long another holder is given to commit what it may have got.
pub(crate) const GRACE: Duration = Duration::from_secs(6);
pub(crate) const LEASE: Action = Action::Lease { ttl: LEASE_TTL };
pub(crate) const RENEW: Action = Action::Renew { ttl: LEASE_TTL };
pub(crate) const RENEWED: Event = Event::Renewed(Ok(Renewal::Done));
pub(crate) const LOST: Event = Event::Renewed(Ok(Renewal::Lost));
pub(crate) const PREPARED: Event = Event::Prepared(Ok(()));
pub(crate) const CONFLICT: Event = Event::Committed(Ok(CommitView::Conflict));
pub(crate) const STORE_DOWN: StoreErrorKind = StoreErrorKind::Unavailable;

/// When a dialogue begins.
pub(crate) const WALL: Timestamp = Timestamp::from_unix_seconds(1_000_000);
const MONOTONIC: Duration = Duration::from_secs(500);

/// A flight, its last action, and the time.
#[derive(Debug)]
pub(crate) struct Dialogue {
    flight: Flight,
    said: Action,
    elapsed: Duration,
}

impl Dialogue {
    /// A flight that begins without knowing anything of the record.
    pub(crate) fn of(trigger: Trigger) -> Self {
        Self::with(Flight::new(rules(), trigger, None))
    }

    pub(crate) fn with(flight: Flight) -> Self {
        let mut dialogue = Self { flight, said: Action::Load, elapsed: Duration::ZERO };
        dialogue.said = dialogue.flight.step(Event::Started, now(Duration::ZERO));
        dialogue
    }

    /// A flight that is about to present `rt-1`, the refresh token of `record`.
    #[track_caller]
    pub(crate) fn presenting(record: RecordView) -> Self {
        Self::of(Trigger::IfDue).presents(record, 0)
    }

    /// The way to the token endpoint when nothing is in it.
    #[track_caller]
    pub(crate) fn presents(self, record: RecordView, unsettled: u32) -> Self {
        self.expects(Action::Load)
            .says(loaded(record))
            .expects(Action::Prepare)
            .says(PREPARED)
            .expects(LEASE)
            .says(granted(record, unsettled))
    }

    /// The flight asks for `action` next.
    #[track_caller]
    pub(crate) fn expects(self, action: Action) -> Self {
        assert_eq!(self.said, action);
        self
    }

    /// The flight may present the refresh token, for as long as a lease asked for `since` then allows.
    #[track_caller]
    pub(crate) fn refreshes_under_a_lease_since(self, since: Duration) -> Self {
        self.expects(Action::Refresh { before: now(since + (LEASE_TTL - REQUEST_BUDGET - STORE_BUDGET)) })
    }

    /// The flight may present the refresh token under the lease it has just been granted.
    #[track_caller]
    pub(crate) fn refreshes(self) -> Self {
        let since = self.elapsed;
        self.refreshes_under_a_lease_since(since)
    }

    /// The flight gives whoever began this attempt time to commit, and then finds the record as it was.
    #[track_caller]
    pub(crate) fn takes_over(self, record: RecordView, unsettled: u32) -> Self {
        self.waits(GRACE).expects(LEASE).says(granted(record, unsettled))
    }

    /// The flight is told what came of its action.
    pub(crate) fn says(mut self, event: Event) -> Self {
        self.said = self.flight.step(event, now(self.elapsed));
        self
    }

    /// Time passes before the answer.
    pub(crate) fn after(mut self, passed: Duration) -> Self {
        self.elapsed += passed;
        self
    }

    /// The flight had to wait for so long before it could ask for the lease.
    pub(crate) fn has_its_turn_after(self, passed: Duration) -> Self {
        let mut dialogue = self.after(passed);
        dialogue.flight.has_its_turn(now(dialogue.elapsed));
        dialogue
    }

    /// The flight waits for exactly as long as it wants to.
    #[track_caller]
    pub(crate) fn waits(self, pause: Duration) -> Self {
        self.expects(Action::Wait(pause)).after(pause).says(Event::Waited)
    }

    /// The flight is over, and nothing it is told afterwards changes that.
    #[track_caller]
    pub(crate) fn ends(self, outcome: Outcome) {
        let mut flight = self.expects(Action::Done(outcome)).flight;
        for event in [Event::Started, Event::Waited, Event::Served] {
            let said = flight.step(event, now(Duration::ZERO));
            assert!(matches!(said, Action::Done(Outcome::Postponed(failure) | Outcome::Unavailable(failure))
                if failure.cause == FailureCause::OutOfStep));
        }
    }

    /// What the next flight of this process need not wait for.
    pub(crate) fn given_up(&self) -> Option<Journal> {
        self.flight.given_up()
    }

    pub(crate) fn said(&self) -> Action {
        self.said
    }
}

pub(crate) fn now(elapsed: Duration) -> Now {
    Now { wall: WALL + elapsed, monotonic: MONOTONIC + elapsed }
}

/// This long after the beginning, on the monotonic clock.
pub(crate) fn monotonic(elapsed: Duration) -> Duration {
    MONOTONIC + elapsed
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn rules() -> Rules {
    rules_with(None, OnRefreshFailure::DiscardOnVerdict)
}

pub(crate) fn rules_with(reuse_window: Option<Duration>, on_failure: OnRefreshFailure) -> Rules {
    let mut profile = profile();
    profile.reuse_window = reuse_window;
    Rules::new(&profile, STORE_BUDGET, LEASE_TTL, on_failure).expect("the lease outlives the request and the commit")
}

/// A server of which nothing is known.
pub(crate) fn profile() -> ProviderProfile {
    let mut profile = ProviderProfile::new(ProviderId::new("oidc"));
    profile.request_budget = REQUEST_BUDGET;
    profile
}

pub(crate) fn token(name: &str) -> Fingerprint {
    Fingerprint::of(name.as_bytes())
}

/// A session in `phase` that holds `at-{grant}` and `rt-{grant}`.
pub(crate) fn session(phase: Phase, grant: u8) -> SessionView {
    let (refresh_at, expires_at) = match phase {
        Phase::Fresh => (WALL + seconds(3_000), WALL + seconds(3_600)),
        Phase::Due => (WALL - seconds(10), WALL + seconds(3_000)),
        Phase::Expired => (WALL - seconds(20), WALL - seconds(10)),
    };
    let requested_at = WALL - seconds(600);
    SessionView {
        schedule: Schedule::Known { requested_at, refresh_at, expires_at, not_before: requested_at + seconds(1) },
        access: Some(token(&format!("at-{grant}"))),
        refresh: Some(token(&format!("rt-{grant}"))),
        end: None,
        sign_in: SignInId::from_u64(1),
        unsettled: 0,
    }
}

pub(crate) fn at(version: u64, session: SessionView) -> RecordView {
    RecordView { version: Version::from_u64(version), state: StateView::Active(session) }
}

pub(crate) fn tombstone(version: u64, reason: EndReason) -> RecordView {
    RecordView { version: Version::from_u64(version), state: StateView::Ended(reason) }
}

/// Version 1 with the first grant, fresh.
pub(crate) fn fresh() -> RecordView {
    at(1, session(Phase::Fresh, 1))
}

/// Version 1 with the first grant, due.
pub(crate) fn due() -> RecordView {
    at(1, session(Phase::Due, 1))
}

/// Version 1 with the first grant, expired.
pub(crate) fn expired() -> RecordView {
    at(1, session(Phase::Expired, 1))
}

/// Version 2 with the second grant: what another process has made of version 1.
pub(crate) fn refreshed_by_another() -> RecordView {
    at(2, session(Phase::Fresh, 2))
}

pub(crate) fn loaded(record: RecordView) -> Event {
    Event::Loaded(Ok(Some(record)))
}

pub(crate) fn granted(record: RecordView, unsettled: u32) -> Event {
    Event::Leased(Ok(LeaseView::Granted { record, unsettled }))
}

pub(crate) fn held(remaining: Duration) -> Event {
    Event::Leased(Ok(LeaseView::Held { remaining }))
}

pub(crate) fn fault(kind: ProviderErrorKind) -> Fault {
    Fault { kind, retry_after: None, presented: kind != ProviderErrorKind::NotSent }
}

pub(crate) fn failed(kind: ProviderErrorKind) -> Event {
    Event::Answered(Answer::Failed(fault(kind)))
}

/// The server granted `at-9` and `rt-9`.
pub(crate) fn tokens() -> Event {
    let (access, refresh) = (Some(token("at-9")), Some(token("rt-9")));
    Event::Answered(Answer::Granted { access, refresh, violation: None })
}

/// The server granted tokens of which only `rt-9` may be kept.
pub(crate) fn tokens_in_violation(violation: Violation) -> Event {
    let (access, refresh) = (Some(token("at-1")), Some(token("rt-9")));
    Event::Answered(Answer::Granted { access, refresh, violation: Some(violation) })
}

pub(crate) fn commit(version: u64) -> Action {
    Action::Commit { expected: Version::from_u64(version) }
}

pub(crate) fn committed(version: u64) -> Event {
    Event::Committed(Ok(CommitView::Done(Version::from_u64(version))))
}

pub(crate) fn end(version: u64, reason: EndReason) -> Action {
    Action::End { expected: Version::from_u64(version), reason }
}

pub(crate) fn release(pause: Duration, unsettled: bool) -> Action {
    Action::Release(Release { pause, unsettled })
}

pub(crate) fn unavailable(cause: FailureCause, retry_in: Option<Duration>) -> Outcome {
    Outcome::Unavailable(Failure { cause, retry_in })
}

pub(crate) fn postponed(cause: FailureCause, retry_in: Option<Duration>) -> Outcome {
    Outcome::Postponed(Failure { cause, retry_in })
}
