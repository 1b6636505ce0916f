//! [`Hands`]: carries out what the protocol decides, and reports what came of it.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{
    Commit, EndReason, Expected, HolderId, Lease, Merged, ProviderError, ProviderErrorKind, Renewal, RevocationShape,
    Session, SessionState, StoreError, StoreErrorKind, StoreKey, Stored, Target, TokenAnswer, Tombstone, Version,
    Violation,
};
use oidc_session_policy::protocol::{
    Action, Answer, CommitView, Event, Failure, FailureCause, Fault, Flight, LeaseView, Now, Outcome, RecordView,
    Trigger,
};

use tokio::sync::OwnedSemaphorePermit;

use crate::entry::{Entry, Ticket, Writing};
use crate::observe::metric;
use crate::request::Request;
use crate::shared::Shared;
use crate::{observe, touch};

/// One flight's hands. They hold the sessions and tokens that the protocol never sees.
pub(crate) struct Hands {
    shared: Arc<Shared>,
    entry: Arc<Entry>,
    /// Which access token the flight is about.
    target: Arc<Target>,
    holder: HolderId,
    /// What was read or written last, and where the entry stood before that.
    read: Option<(Version, SessionState)>,
    ticket: Ticket,
    wrote: bool,
    /// The right to send a request, while there is one to send.
    permit: Option<OwnedSemaphorePermit>,
    /// Whether the last answer about the lease was that another process holds it, and how long that was waited for.
    is_held_elsewhere: bool,
    waited_for_lease: Option<Duration>,
    /// Whether operators were told of what an earlier holder left unsettled.
    has_taken_over: bool,
    /// The session that was ended at its limit, and the versions its tombstone was given, tried or stored.
    buried: Option<(Session, Vec<Version>)>,
    /// Every commit that was sent: each may have taken effect.
    writing: Vec<Writing>,
    /// What the token endpoint granted, and the session it made of the one that was presented.
    answer: Option<TokenAnswer>,
    granted: Option<Session>,
    /// Why the access token of what was committed last is not among it.
    violation: Option<Violation>,
    provider_error: Option<ProviderError>,
    store_error: Option<StoreError>,
}

/// How long a flight waits for its turn. When the authorization server hangs, those behind must hear of it, too.
const TURN_PATIENCE: Duration = Duration::from_secs(60);

/// How a flight landed, with the causes that the protocol does not carry.
pub(crate) struct Landing {
    pub(crate) outcome: Outcome,
    pub(crate) provider_error: Option<ProviderError>,
    pub(crate) store_error: Option<StoreError>,
}

impl Hands {
    pub(crate) fn new(shared: Arc<Shared>, entry: Arc<Entry>, target: Arc<Target>) -> Self {
        let ticket = entry.ticket();
        Self {
            shared,
            entry,
            target,
            holder: HolderId::random(),
            read: None,
            ticket,
            wrote: false,
            permit: None,
            is_held_elsewhere: false,
            waited_for_lease: None,
            has_taken_over: false,
            buried: None,
            writing: Vec::new(),
            answer: None,
            granted: None,
            violation: None,
            provider_error: None,
            store_error: None,
        }
    }

    /// Flies to the end. `served` is called if callers can be served before that.
    pub(crate) async fn fly(mut self, trigger: Trigger, is_use: bool, mut served: impl FnMut() + Send) -> Landing {
        let cached = self.entry.last_known().map(|known| known.view(&self.target, self.entry.last_use()));
        let (quiet_until, given_up) = {
            let turn = self.entry.turn();
            (turn.rest(&self.target).and_then(|rest| rest.quiet_until), turn.given_up())
        };
        let mut flight = Flight::new(self.shared.rules, trigger, cached);
        flight = flight.quiet_until(quiet_until).having_given_up(given_up);
        if !self.target.is_default() {
            flight = flight.for_further_target();
        }
        let mut event = Event::Started;
        loop {
            let action = flight.step(event, self.shared.now());
            observe::step(&self.entry.key, &action);
            // Whatever else there is to do, and to wait for, is nothing to the authorization server.
            if !matches!(action, Action::Lease { .. } | Action::Refresh { .. } | Action::Renew { .. }) {
                self.permit = None;
            }
            // Only where a refresh is wanted is it clear that the session lives. Noted before the waits there, or a
            // session could become idle in them. Whoever refreshes outright is not using it.
            let lives = matches!(action, Action::Prepare | Action::Lease { .. } | Action::Refresh { .. });
            if lives && is_use && trigger != Trigger::Force && self.may_become_idle() {
                self.entry.extras().last_use.note(self.shared.clock.now());
            }
            event = match action {
                Action::Done(outcome) => {
                    let comes_again = matches!(outcome, Outcome::Postponed(_) | Outcome::Unavailable(_));
                    self.entry.turn().give_up(flight.given_up().filter(|_| comes_again));
                    return self.land(outcome);
                }
                Action::Load => Event::Loaded(self.load().await),
                Action::Prepare => Event::Prepared(self.prepare().await),
                Action::Lease { ttl } => {
                    if self.awaits_its_turn().await {
                        flight.has_its_turn(self.shared.now());
                        Event::Leased(self.lease(ttl).await)
                    } else {
                        Event::Leased(Ok(LeaseView::NotAsked))
                    }
                }
                Action::Refresh { before } => Event::Answered(self.refresh(before).await),
                Action::Commit { expected } => Event::Committed(self.commit(expected).await),
                Action::ServeUncommitted => {
                    self.install_merged();
                    served();
                    Event::Served
                }
                Action::End { expected, reason } => Event::Committed(self.end(expected, reason).await),
                Action::Renew { ttl } => Event::Renewed(self.renew(ttl).await),
                Action::Release(release) => {
                    let call = self.shared.store.release(&self.entry.key, self.holder, release);
                    // A lease that cannot be given back ends by itself.
                    let _ = self.shared.within_budget("release a lease", call).await;
                    Event::Released
                }
                Action::Wait(pause) => {
                    self.wait(pause).await;
                    Event::Waited
                }
                Action::Revoke => {
                    self.revoke().await;
                    Event::Revoked
                }
            };
        }
    }

    async fn load(&mut self) -> Result<Option<RecordView>, StoreErrorKind> {
        self.ticket = self.entry.ticket();
        let call = self.shared.store.load(&self.entry.key);
        let loaded = self.shared.within_budget("load a session", call).await;
        match loaded {
            Ok(None) => {
                self.read = None;
                Ok(None)
            }
            Ok(Some(stored)) => self.view(stored).map(Some),
            Err(error) => Err(self.store_failed(error)),
        }
    }

    /// Before the lease is asked for: a lease covers one request, not the wait for it. `false` if that took too long.
    async fn awaits_its_turn(&mut self) -> bool {
        let (refreshes, began) = (Arc::clone(&self.shared.refreshes), self.shared.clock.monotonic());
        // Nobody closes the semaphore.
        let turn = tokio::time::timeout(TURN_PATIENCE, refreshes.acquire_owned()).await;
        metric::waited_for_turn(self.shared.clock.monotonic().saturating_sub(began));
        self.permit = turn.ok().and_then(Result::ok);
        self.permit.is_some()
    }

    async fn lease(&mut self, ttl: Duration) -> Result<LeaseView, StoreErrorKind> {
        self.ticket = self.entry.ticket();
        let call = self.shared.store.try_lease(&self.entry.key, self.holder, ttl);
        let leased = self.shared.within_budget("lease a session", call).await;
        self.is_held_elsewhere = matches!(leased, Ok(Lease::Held { .. }));
        match leased {
            Ok(Lease::Absent) => {
                self.read = None;
                Ok(LeaseView::Absent)
            }
            Ok(Lease::Granted { stored, unsettled }) => {
                if unsettled > 0 && !std::mem::replace(&mut self.has_taken_over, true) {
                    observe::took_over(&self.entry.key, unsettled);
                }
                Ok(LeaseView::Granted { record: self.view(stored)?, unsettled })
            }
            Ok(Lease::Held { remaining }) => Ok(LeaseView::Held { remaining }),
            Ok(Lease::Paused { remaining }) => Ok(LeaseView::Paused { remaining }),
            Err(error) => Err(self.store_failed(error)),
        }
    }

    /// Lets time pass.
    async fn wait(&mut self, pause: Duration) {
        let began = self.shared.clock.monotonic();
        tokio::time::sleep(pause).await;
        if self.is_held_elsewhere {
            let waited = self.waited_for_lease.get_or_insert_default();
            *waited += self.shared.clock.monotonic().saturating_sub(began);
        }
    }

    async fn renew(&mut self, ttl: Duration) -> Result<Renewal, StoreErrorKind> {
        let call = self.shared.store.renew(&self.entry.key, self.holder, ttl);
        match self.shared.within_budget("renew a lease", call).await {
            Ok(renewal) => Ok(renewal),
            Err(error) => Err(self.store_failed(error)),
        }
    }

    async fn prepare(&mut self) -> Result<(), Fault> {
        let Some(session) = self.session() else { return Ok(()) };
        let prepared = Request::Prepare.ask(&self.shared, self.shared.provider.prepare(session)).await;
        prepared.map_err(|error| self.provider_failed(error))
    }

    async fn refresh(&mut self, before: Now) -> Answer {
        let Some(session) = self.session() else {
            let error = ProviderError::new(ProviderErrorKind::NotSent, "there is no session to refresh");
            return Answer::Failed(self.provider_failed(error));
        };
        if !self.shared.now().is_before(before) {
            return Answer::TooLate;
        }
        let call = self.shared.provider.refresh(session, &self.target);
        match Request::Refresh.ask(&self.shared, call).await {
            Ok(answer) => {
                let Merged { session, violation } = session.merge_refresh(answer.clone(), &self.target);
                let access = session.tokens_for(&self.target).and_then(|tokens| tokens.access_token.as_ref());
                let granted = Answer::Granted {
                    access: access.map(|token| token.fingerprint()),
                    refresh: session.tokens.refresh_token.as_ref().map(|token| token.fingerprint()),
                    violation,
                };
                self.answer = Some(answer);
                self.granted = Some(session);
                granted
            }
            Err(error) => Answer::Failed(self.provider_failed(error)),
        }
    }

    async fn commit(&mut self, expected: Version) -> Result<CommitView, StoreErrorKind> {
        match self.merged() {
            Some(Merged { session, violation }) => {
                self.violation = violation;
                self.write(expected, session.into()).await
            }
            None => Ok(CommitView::Conflict),
        }
    }

    async fn end(&mut self, expected: Version, reason: EndReason) -> Result<CommitView, StoreErrorKind> {
        let Some(session) = self.session().cloned() else {
            return Ok(CommitView::Conflict);
        };
        let at_its_limit = matches!(reason, EndReason::LimitReached | EndReason::Idle);
        let has_a_cause = !at_its_limit && reason != EndReason::NoRefreshToken;
        let cause = self.provider_error.as_ref().filter(|_| has_a_cause);
        let code = cause.and_then(|error| error.error_code().map(str::to_owned));
        let tombstone = Tombstone::of(&session, reason, code, self.shared.clock.now());
        if at_its_limit {
            let versions = self.buried.take().map(|(_, versions)| versions).unwrap_or_default();
            self.buried = Some((session, versions));
        }
        let written = self.write(expected, tombstone.into()).await;
        if let Ok(CommitView::Done(_)) = written {
            let because = self.provider_error.as_ref().filter(|_| has_a_cause);
            observe::ended(&self.entry.key, reason, because);
        }
        written
    }

    async fn write(&mut self, expected: Version, state: SessionState) -> Result<CommitView, StoreErrorKind> {
        let keep_until = state.keep_until();
        let closed = self.shared.close(&self.entry, Expected::At(expected), &state);
        let next = closed.map_err(|error| self.store_failed(error.into()))?;
        if let (SessionState::Ended(_), Some((_, versions))) = (&state, &mut self.buried) {
            versions.push(next.version);
        }
        self.writing.push(Writing::new(&self.entry, next.version));
        let call = self.shared.store.commit(&self.entry.key, Expected::At(expected), &next, keep_until);
        match self.shared.within_budget("commit a session", call).await {
            Ok(Commit::Done) => {
                self.read = Some((next.version, state));
                self.wrote = true;
                Ok(CommitView::Done(next.version))
            }
            Ok(Commit::Conflict) => Ok(CommitView::Conflict),
            Err(error) => Err(self.store_failed(error)),
        }
    }

    /// Revokes what the answer granted. Best effort: the session has ended whatever the server says.
    async fn revoke(&mut self) {
        let Some(granted) = self.granted.take() else { return };
        let signed_in_anew = self.session().is_some();
        if signed_in_anew && self.shared.provider.profile().revocation == RevocationShape::EveryGrant {
            return observe::revocation_spared(&self.entry.key);
        }
        revoke(&self.shared, &self.entry.key, &granted).await;
    }

    /// Revokes the tokens of a session that this flight ended at its limit, now that its tombstone is stored. Nobody
    /// waits for it.
    fn revoke_buried(&mut self) {
        let Some((session, versions)) = self.buried.take() else { return };
        let ours = matches!(&self.read, Some((found, SessionState::Ended(_))) if versions.contains(found));
        // There, it would end the user's other sessions, too, and those are in use.
        if ours && self.shared.provider.profile().revocation != RevocationShape::EveryGrant {
            let (shared, key) = (Arc::clone(&self.shared), self.entry.key);
            self.shared.detach(async move { revoke(&shared, &key, &session).await });
        }
    }

    fn land(mut self, outcome: Outcome) -> Landing {
        // The record had changed, and what the protocol saw fit for the first one was too much for the second.
        let outcome = match (outcome, self.violation) {
            (Outcome::Refreshed, Some(violation)) => {
                Outcome::Unavailable(Failure { cause: FailureCause::Violation(violation), retry_in: None })
            }
            (outcome, _) => outcome,
        };
        if let Some(waited) = self.waited_for_lease {
            metric::waited_for_lease(waited);
        }
        self.revoke_buried();
        let known = self.read.take().map(|(version, state)| self.shared.know(&self.entry, version, &state));
        if self.wrote {
            self.entry.install_written(self.ticket, known);
        } else if (known.is_some() || outcome == Outcome::NoSession)
            && self.entry.install_read(self.ticket, known).is_err()
        {
            // What the callers are about to hear may be newer than what was installed meanwhile.
            self.entry.forget();
        }
        Landing { outcome, provider_error: self.provider_error, store_error: self.store_error }
    }

    /// Serves what is not stored yet: the commit failed and is being retried.
    fn install_merged(&self) {
        if let (Some((version, _)), Some(merged)) = (&self.read, self.merged()) {
            let known = self.shared.know(&self.entry, *version, &merged.session.into());
            self.entry.install_uncommitted(self.ticket, known);
        }
    }

    fn view(&mut self, stored: Stored) -> Result<RecordView, StoreErrorKind> {
        let opened = self.shared.open(&self.entry, &stored);
        let state = opened.map_err(|error| self.store_failed(error.into()))?;
        let view = self.look(stored.version, &state);
        self.read = Some((stored.version, state));
        Ok(view)
    }

    /// What the protocol sees of a record.
    fn look(&self, version: Version, state: &SessionState) -> RecordView {
        let Shared { policy, limits, .. } = &*self.shared;
        RecordView::of(version, state, &self.target, &**policy, self.entry.jitter(), *limits, self.entry.last_use())
    }

    /// Whether the session has an idle limit, as far as is known by now.
    fn may_become_idle(&self) -> bool {
        match self.session() {
            Some(session) => self.shared.limits.idle_limit_of(session).is_some(),
            None => self.entry.last_known().is_some_and(|known| known.idleness().is_some()),
        }
    }

    fn session(&self) -> Option<&Session> {
        match &self.read {
            Some((_, SessionState::Active(session))) => Some(session),
            Some((_, SessionState::Ended(_))) | None => None,
        }
    }

    fn merged(&self) -> Option<Merged> {
        let mut session = self.session()?.clone();
        touch::carry_use(&self.shared, &self.entry, &mut session);
        Some(session.merge_refresh(self.answer.clone()?, &self.target))
    }

    fn store_failed(&mut self, error: StoreError) -> StoreErrorKind {
        let kind = error.kind();
        self.store_error = Some(error);
        kind
    }

    fn provider_failed(&mut self, error: ProviderError) -> Fault {
        let fault =
            Fault { kind: error.kind(), retry_after: error.retry_after(), presented: error.may_have_presented() };
        self.provider_error = Some(error);
        fault
    }
}

/// Revokes the tokens of a session that has ended. Best effort: it has ended whatever the server says.
async fn revoke(shared: &Shared, key: &StoreKey, session: &Session) {
    if let Err(error) = Request::Revoke.ask(shared, shared.provider.revoke(session)).await {
        observe::revocation_failed(key, &error);
    }
}
