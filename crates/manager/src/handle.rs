//! [`SessionHandle`]: one session, as the program uses it.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use oidc_session_core::{
    AccessToken, Commit, DpopBinding, EndReason, Expected, HolderId, Lease, Release, Session, SessionState, StoreKey,
    Stored, Target, Timestamp, TokenType,
};
use oidc_session_policy::Phase;
use oidc_session_policy::protocol::{Now, Trigger};
use tokio::sync::broadcast;
use tracing::Instrument as _;

use crate::authorization::Authorization;
use crate::entry::{Entry, Ticket, Writing};
use crate::flight::Wish;
use crate::known::Known;
use crate::known_token::KnownToken;
use crate::shared::Shared;
use crate::{
    KeepFresh, LogoutReport, Outcome, SessionError, SessionErrorKind, SessionEvent, SessionEventKind, Snapshot,
    confirm, flight, hot_path, logout, observe, touch,
};

type Result<T> = std::result::Result<T, SessionError>;

/// One session, as the program uses it. Cheap to make and to clone; handles of one session share everything.
///
/// Dropping a future of a handle cancels only the wait: a refresh, once begun, goes on until it is stored.
#[derive(Clone, Debug)]
pub struct SessionHandle {
    shared: Arc<Shared>,
    entry: Arc<Entry>,
    target: Arc<Target>,
}

/// An access token that is valid now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServedToken {
    /// The token.
    pub access_token: AccessToken,
    /// How to present it.
    pub token_type: TokenType,
    /// When it expires, if that is known.
    pub expires_at: Option<Timestamp>,
    /// The key to prove possession of at the resource server, if the token is bound to one (RFC 9449).
    pub dpop: Option<DpopBinding>,
    /// How it was come by.
    pub outcome: Outcome,
}

impl SessionHandle {
    pub(crate) fn new(shared: Arc<Shared>, entry: Arc<Entry>) -> Self {
        Self { shared, entry, target: Arc::default() }
    }

    /// A handle of the same session whose access token is the one for `target` (RFC 8707).
    ///
    /// One refresh token stands for all access tokens of a session: they are granted one after another, under the one
    /// lease, and equal requests share. What a target is refused says nothing about the session. `snapshot`, `sign_in`,
    /// `logout` and `expire` are about the whole session on any of its handles; so is `subscribe`, whose events name
    /// their target.
    ///
    /// ```
    /// # use oidc_session_core::{Scopes, Target};
    /// # async fn example(session: oidc_session_manager::SessionHandle) -> Result<(), oidc_session_manager::SessionError> {
    /// let reports = session.for_target(Target::resource("https://reports.example").scopes(Scopes::parse("read")));
    /// let authorization = reports.authorization().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn for_target(&self, target: Target) -> Self {
        Self { shared: Arc::clone(&self.shared), entry: Arc::clone(&self.entry), target: Arc::new(target) }
    }

    /// The name under which the store keeps the session: what tells two sessions of a manager apart. No secret.
    pub fn store_key(&self) -> StoreKey {
        self.entry.key
    }

    /// What the access tokens of this handle are for.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The documented flow in one call: refreshes the session if its access token is expired, or due under the policy.
    ///
    /// 1. If a session exists, is its access token expired?
    /// 2. If so, is there a refresh token?
    /// 3. Then refresh, and replace the stale session by the refreshed one.
    /// 4. If a needed refresh cannot be had, the session is over: [`Outcome::Ended`].
    ///
    /// What counts as "cannot be had" is the choice of [`OnRefreshFailure`](crate::OnRefreshFailure). While the access
    /// token is fresh this costs a look at the clock.
    ///
    /// # Errors
    ///
    /// The refresh was needed and there is no verdict on it. The session is kept.
    pub async fn refresh_if_expired(&self) -> Result<Outcome> {
        if self.is_fresh() {
            return Ok(Outcome::Fresh);
        }
        self.answered(self.refresh_if_due().await)
    }

    async fn refresh_if_due(&self) -> Result<Outcome> {
        if let Some(known) = self.serving() {
            confirm::confirm(&self.shared, &self.entry).await;
            if let Some(confirmed) = self.known_until(Phase::Fresh, self.shared.now()) {
                touch::used(&self.shared, &self.entry);
                let adopted = known.version != confirmed.version;
                return Ok(if adopted { Outcome::Adopted } else { Outcome::Fresh });
            }
        }
        if self.serving().is_some() && self.is_not_early() {
            touch::used(&self.shared, &self.entry);
            return Ok(Outcome::Postponed);
        }
        match self.fly_to_use(self.trigger()).await {
            // The clock was turned back, so the refresh was asked for outright; but the token still serves.
            Err(error) if error.kind() == SessionErrorKind::Unavailable && self.serving().is_some() => {
                Ok(Outcome::Postponed)
            }
            result => result,
        }
    }

    /// Refreshes even a fresh session, unless somebody else does so meanwhile.
    ///
    /// # Errors
    ///
    /// As [`refresh_if_expired`](Self::refresh_if_expired).
    pub async fn refresh(&self) -> Result<Outcome> {
        self.answered(self.fly(Trigger::Force).await)
    }

    /// Refreshes the session if `rejected` is still its access token: for a resource server's 401 (RFC 6750 §3.1).
    ///
    /// A straggler that was refused with an older token adopts the newer one and sends nothing.
    ///
    /// # Errors
    ///
    /// As [`refresh_if_expired`](Self::refresh_if_expired).
    pub async fn refresh_if_current_is(&self, rejected: &AccessToken) -> Result<Outcome> {
        self.answered(self.fly_to_use(Trigger::IfCurrentIs(rejected.fingerprint())).await)
    }

    /// A valid access token, refreshed first if it had expired.
    ///
    /// A token that is due but still valid is returned at once, and refreshed behind the caller's back.
    ///
    /// # Errors
    ///
    /// There is no session or it has ended (sign in), or a needed refresh could not be had (the session is kept).
    pub async fn access_token(&self) -> Result<AccessToken> {
        let (known, _) = self.usable().await?;
        known.token(&self.target).and_then(KnownToken::access_token).ok_or_else(SessionError::no_session)
    }

    /// The same with its facts, above all the key that it is bound to. Otherwise as [`access_token`](Self::access_token).
    ///
    /// # Errors
    ///
    /// As [`access_token`](Self::access_token).
    pub async fn served_token(&self) -> Result<ServedToken> {
        let (known, outcome) = self.usable().await?;
        self.facts(&known, outcome)
    }

    /// A ready `Authorization` header value, marked sensitive. Otherwise as [`access_token`](Self::access_token).
    ///
    /// # Errors
    ///
    /// As [`access_token`](Self::access_token); also if the token has characters that no header may carry.
    #[inline]
    pub fn authorization(&self) -> impl Future<Output = Result<HeaderValue>> + Send {
        Authorization::of(self)
    }

    pub(crate) async fn usable_authorization(&self) -> Result<HeaderValue> {
        let (known, _) = self.usable().await?;
        let authorization = known.token(&self.target).and_then(KnownToken::authorization);
        authorization.ok_or_else(SessionError::not_a_header)
    }

    /// A ready `Authorization` header value, marked sensitive, if a fresh one is at hand: no wait, no lock, no allocation.
    ///
    /// `None` says nothing about the session; [`authorization`](Self::authorization) is the way on then. It costs little
    /// more when the token is fresh.
    ///
    /// ```
    /// # async fn example(session: oidc_session_manager::SessionHandle) -> Result<(), oidc_session_manager::SessionError> {
    /// let authorization = match session.try_authorization() {
    ///     Some(authorization) => authorization,
    ///     None => session.authorization().await?,
    /// };
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn try_authorization(&self) -> Option<HeaderValue> {
        hot_path::try_authorization(&self.shared, &self.entry, &self.target)
    }

    /// Whether a fresh access token is at hand: the look that [`try_authorization`](Self::try_authorization) takes.
    ///
    /// `false` says nothing about the session.
    #[inline]
    pub fn is_fresh(&self) -> bool {
        hot_path::is_fresh(&self.shared, &self.entry, &self.target)
    }

    /// A valid access token that stays valid for `min_valid`, with its facts.
    ///
    /// Unlike [`access_token`](Self::access_token) it waits for a refresh that is due: for programs that end right
    /// after. If that early refresh fails, the token that is still valid is served.
    ///
    /// # Errors
    ///
    /// As [`access_token`](Self::access_token); also if the server's access tokens never live that long. Whatever was
    /// refreshed is stored by then.
    pub async fn token_for(&self, min_valid: Duration) -> Result<ServedToken> {
        let outcome = self.refresh_if_expired().await?;
        let mut served = self.served(outcome).await?;
        for _ in 0..MOST_CONFLICTS {
            if self.remaining(&served) >= min_valid {
                return Ok(served);
            }
            self.check_lifetime(min_valid)?;
            // What another process refreshed a while ago may be too old as well: then it is ours to refresh.
            let outcome = self.refresh_if_current_is(&served.access_token).await?;
            let before = std::mem::replace(&mut served, self.served(outcome).await?);
            if outcome == Outcome::Refreshed || served.access_token == before.access_token {
                break;
            }
        }
        if self.remaining(&served) >= min_valid {
            return Ok(served);
        }
        self.check_lifetime(min_valid)?;
        Err(SessionError::old_on_arrival())
    }

    /// Has this process refresh the access token whenever it is due, with or without callers, as long as the returned
    /// guard lives: so that no caller waits, and none finds it expired.
    ///
    /// One task looks after all guards of a manager, however many. It refreshes when the policy says so
    /// ([`Preemptive`](crate::Preemptive) is what keeps callers from waiting; with
    /// [`ExpiredOnly`](crate::ExpiredOnly) it refreshes at the very end), a few at a time
    /// ([`most_background_refreshes`](crate::SessionManagerBuilder::most_background_refreshes)), the oldest first. What
    /// fails is tried again after the usual pauses; a server that wants the client to try later is left alone by all of
    /// them for that long, though not by callers.
    ///
    /// A session that is not there, or has ended, is kept in mind as long as the guard lives. A sign-in in this process,
    /// or one that the store's feed tells of, is noticed at once; others within 45 seconds.
    ///
    /// To be kept fresh is no use of a session: one that reaches its idle limit ends all the same.
    ///
    /// Dropping the guard stops it; other guards of the same session go on. It needs a tokio runtime: outside one it begins
    /// with the next call in one, and after the end of one with the next in another.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use oidc_session_core::{Provider, SessionId, SessionStore};
    /// # use oidc_session_manager::{BuildError, Preemptive, SessionError, SessionManager};
    /// # async fn call_an_api(authorization: http::HeaderValue) {}
    /// # async fn example(provider: impl Provider, store: impl SessionStore, id: SessionId) -> Result<(), Box<dyn std::error::Error>> {
    /// let sessions = SessionManager::builder(provider, store).policy(Preemptive::skew(Duration::from_secs(60))).build()?;
    /// let session = sessions.session(&id);
    /// let kept = session.keep_fresh();
    /// for _ in 0..1_000 {
    ///     call_an_api(session.authorization().await?).await; // never waits for a refresh
    /// }
    /// drop(kept);
    /// # Ok(())
    /// # }
    /// ```
    pub fn keep_fresh(&self) -> KeepFresh {
        self.shared.keeper.keep(&self.shared, &self.entry, &self.target)
    }

    /// The session as the store has it now, with its times. Refreshes nothing.
    ///
    /// # Errors
    ///
    /// The store failed, or the record is damaged.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let loaded = confirm::load(&self.shared, &self.entry).await?;
        Ok(loaded.map_or(Snapshot::None, |(known, state)| Snapshot::of(&known, state, self.shared.now())))
    }

    /// What happens to this session in this process from now on.
    ///
    /// A receiver that falls more than 64 events behind is told so and loses the oldest.
    pub fn subscribe(&self) -> broadcast::Receiver<SessionEvent> {
        self.entry.subscribe()
    }

    /// Stores a new sign-in under this session's name, in place of whatever was there.
    ///
    /// A refresh of the earlier session that lands later does not touch it.
    ///
    /// # Errors
    ///
    /// The store failed. If it failed to answer, the sign-in may be stored all the same. Storing it again is the way on:
    /// a sign-in that is found there, or what became of it since, is left as it is.
    pub async fn sign_in(&self, session: Session) -> Result<()> {
        let handle = self.clone();
        self.detached(async move { handle.replace(session).await }).await
    }

    /// Ends the session for good: writes a tombstone, then revokes its tokens at the authorization server.
    ///
    /// The local end does not depend on the server: what became of the revocation is in the report. Once begun it goes
    /// on even if the caller drops the future.
    ///
    /// # Errors
    ///
    /// The store failed; then nothing was revoked, and logging out again is the way on.
    pub async fn logout(&self) -> Result<LogoutReport> {
        let (shared, entry) = (Arc::clone(&self.shared), Arc::clone(&self.entry));
        self.detached(async move { logout::logout(&shared, &entry).await }).await
    }

    /// Ends the session here and tells nobody: writes a tombstone for `reason`, and revokes nothing.
    ///
    /// For whoever learns that it is over, such as from a back-channel logout; and for a session that another one of the
    /// same user takes the place of: some servers let both share one grant, and a revocation would end that one too.
    /// Returns the session that was ended, if there was one. Once begun it goes on even if the caller drops the future.
    ///
    /// # Errors
    ///
    /// The store failed; ending it again is the way on.
    pub async fn end(&self, reason: EndReason) -> Result<Option<Session>> {
        let (shared, entry) = (Arc::clone(&self.shared), Arc::clone(&self.entry));
        self.detached(async move { logout::bury(&shared, &entry, reason).await }).await
    }

    /// Makes the access token expired and keeps the refresh token: a test aid.
    ///
    /// # Errors
    ///
    /// There is no session or it has ended; the store failed; somebody is refreshing it just now.
    pub async fn expire(&self) -> Result<()> {
        let handle = self.clone();
        self.detached(async move { handle.write_expired().await }).await
    }

    async fn replace(&self, mut session: Session) -> Result<()> {
        self.shared.limits.begin(&mut session, self.shared.clock.now());
        let state = SessionState::from(session);
        for _ in 0..MOST_CONFLICTS {
            let ticket = self.entry.ticket();
            let call = self.shared.store.load(&self.entry.key);
            let stored = self.shared.within_budget("load a session", call).await?;
            if let Some(stored) = &stored
                && let Ok(known) = self.shared.known(&self.entry, stored)
                && known.sign_in == state.sign_in_id()
            {
                // Stored before, though nobody heard of it. What became of it since is newer than what we hold.
                let _ = self.entry.install_read(ticket, Some(known));
                return Ok(());
            }
            let expected = stored.map_or(Expected::Absent, |stored| Expected::At(stored.version));
            if self.write(ticket, expected, &state).await? {
                self.announce(SessionEventKind::SignedIn);
                return Ok(());
            }
        }
        Err(SessionError::busy())
    }

    /// Writes under the lease: a commit ends the lease with its journal, so the journal moves into the record.
    async fn write_expired(&self) -> Result<()> {
        let (holder, ticket) = (HolderId::random(), self.entry.ticket());
        let call = self.shared.store.try_lease(&self.entry.key, holder, self.shared.lease_ttl);
        let (stored, unsettled) = match self.shared.within_budget("lease a session", call).await? {
            Lease::Granted { stored, unsettled } => (stored, unsettled),
            Lease::Absent => return Err(SessionError::no_session()),
            Lease::Held { .. } | Lease::Paused { .. } => return Err(SessionError::busy()),
        };
        let written = self.commit_expired(ticket, stored, unsettled).await;
        if written.is_err() {
            let call = self.shared.store.release(&self.entry.key, holder, Release::default());
            // A lease that cannot be given back ends by itself.
            let _ = self.shared.within_budget("release a lease", call).await;
        }
        written
    }

    async fn commit_expired(&self, ticket: Ticket, stored: Stored, unsettled: u32) -> Result<()> {
        let mut session = match self.shared.open(&self.entry, &stored)? {
            SessionState::Active(session) => session.into_expired(self.shared.clock.now()),
            SessionState::Ended(tombstone) => return Err(SessionError::ended(tombstone.reason)),
        };
        session.unsettled_attempts = session.unsettled_attempts.saturating_add(unsettled);
        let written = self.write(ticket, Expected::At(stored.version), &session.into()).await?;
        if written { Ok(()) } else { Err(SessionError::busy()) }
    }

    /// Commits a living session and installs it; `false` if the record had changed.
    async fn write(&self, ticket: Ticket, expected: Expected, state: &SessionState) -> Result<bool> {
        let next = self.shared.close(&self.entry, expected, state)?;
        let keep_until = state.keep_until();
        let _writing = Writing::new(&self.entry, next.version);
        let call = self.shared.store.commit(&self.entry.key, expected, &next, keep_until);
        match self.shared.within_budget("commit a session", call).await {
            Ok(Commit::Done) => {
                let known = self.shared.know(&self.entry, next.version, state);
                self.entry.install_written(ticket, Some(known));
                Ok(true)
            }
            Ok(Commit::Conflict) => Ok(false),
            Err(error) => {
                // It may be stored all the same, so what was known before must not be served on.
                self.entry.forget();
                Err(error.into())
            }
        }
    }

    /// A token that may be served now, refreshed first if need be, and how it was come by.
    async fn usable(&self) -> Result<(Arc<Known>, Outcome)> {
        if let Some(known) = self.fresh_by_both_clocks() {
            return Ok((known, Outcome::Fresh));
        }
        let usable = self.usable_by_looking().await;
        observe::answered(&self.entry.key, usable.as_ref().map(|(_, outcome)| outcome));
        usable
    }

    async fn usable_by_looking(&self) -> Result<(Arc<Known>, Outcome)> {
        if self.entry.known().is_none() {
            confirm::look(&self.shared, &self.entry).await?;
            // There is nothing to wait for, though a refresh of it may still be under way.
            if let Some((reason, _)) = self.entry.known().as_ref().and_then(|known| known.ended()) {
                return Err(SessionError::ended(reason));
            }
        } else if self.serving().is_some() {
            confirm::confirm(&self.shared, &self.entry).await;
        }
        if let Some(known) = self.serving() {
            let outcome = match known.phase(&self.target, self.shared.now()) {
                Phase::Due if self.is_not_early() => Outcome::Postponed,
                Phase::Due => {
                    flight::start(&self.shared, &self.entry, &self.wish(self.trigger()));
                    Outcome::ServedWhileRefreshing
                }
                _ => Outcome::Fresh,
            };
            touch::used(&self.shared, &self.entry);
            return Ok((known, outcome));
        }
        let outcome = if self.is_fresh() { Outcome::Fresh } else { self.refresh_if_due().await? };
        Ok((self.known_after(outcome).await?, outcome))
    }

    /// Tells operators what a call came to that took more than a look at the clock.
    fn answered(&self, result: Result<Outcome>) -> Result<Outcome> {
        observe::answered(&self.entry.key, result.as_ref());
        result
    }

    async fn known_after(&self, outcome: Outcome) -> Result<Arc<Known>> {
        match outcome {
            Outcome::NoSession => return Err(SessionError::no_session()),
            Outcome::Ended(reason) => return Err(SessionError::ended(reason)),
            _ => {}
        }
        // A logout or a sign-in may have come in between. Then what is known is theirs, or the store has to tell.
        if let Some(known) = self.serving() {
            return Ok(known);
        }
        let loaded = confirm::load(&self.shared, &self.entry).await?;
        let Some((known, _)) = loaded else { return Err(SessionError::no_session()) };
        match known.ended() {
            Some((reason, _)) => Err(SessionError::ended(reason)),
            None if known.phase(&self.target, self.shared.now()) <= Phase::Due => Ok(known),
            None => Err(SessionError::expired_on_arrival()),
        }
    }

    async fn served(&self, outcome: Outcome) -> Result<ServedToken> {
        let known = self.known_after(outcome).await?;
        self.facts(&known, outcome)
    }

    fn facts(&self, known: &Known, outcome: Outcome) -> Result<ServedToken> {
        if let Some((reason, _)) = known.ended() {
            return Err(SessionError::ended(reason));
        }
        let token = known.token(&self.target).ok_or_else(SessionError::no_session)?;
        Ok(ServedToken {
            access_token: token.access_token().ok_or_else(SessionError::no_session)?,
            token_type: token.token_type(),
            expires_at: token.schedule.expires_at(),
            dpop: known.dpop().cloned().filter(|_| token.token_type() == TokenType::DPoP),
            outcome,
        })
    }

    fn remaining(&self, served: &ServedToken) -> Duration {
        match served.expires_at {
            Some(expires_at) => expires_at.saturating_since(self.shared.clock.now()),
            None => Duration::MAX,
        }
    }

    /// A token that does not live longer than what is asked for would be refreshed on every call, in vain.
    fn check_lifetime(&self, min_valid: Duration) -> Result<()> {
        let known = self.entry.known();
        let Some(token) = known.as_deref().and_then(|known| known.token(&self.target)) else { return Ok(()) };
        match token.schedule.expires_at().map(|expires_at| expires_at.saturating_since(token.received_at)) {
            Some(lifetime) if lifetime <= min_valid => Err(SessionError::lifetime_too_short(lifetime, min_valid)),
            _ => Ok(()),
        }
    }

    fn fresh_by_both_clocks(&self) -> Option<Arc<Known>> {
        hot_path::fresh_by_both_clocks(&self.shared, &self.entry, &self.target)
    }

    /// What may be served, fresh or due, by whoever has seen to it that it is confirmed.
    fn serving(&self) -> Option<Arc<Known>> {
        self.known_until(Phase::Due, self.shared.now())
    }

    fn known_until(&self, latest: Phase, now: Now) -> Option<Arc<Known>> {
        let known = self.entry.known();
        let known = known.as_ref()?;
        (known.phase(&self.target, now) <= latest).then(|| Arc::clone(known))
    }

    fn trigger(&self) -> Trigger {
        let now = self.shared.now();
        let known = self.entry.known();
        known.as_ref().map_or(Trigger::IfDue, |known| flight::trigger(known, &self.target, now))
    }

    fn wish(&self, trigger: Trigger) -> Wish {
        Wish { trigger, target: Arc::clone(&self.target), is_use: true }
    }

    /// Flies for a program that uses the session.
    async fn fly_to_use(&self, trigger: Trigger) -> Result<Outcome> {
        // Noted before, for the commit to carry, and if the session is known only then, after. If nothing was committed
        // it is written down by itself.
        touch::note(&self.shared, &self.entry);
        let result = self.fly(trigger).await;
        touch::used(&self.shared, &self.entry);
        result
    }

    async fn fly(&self, trigger: Trigger) -> Result<Outcome> {
        flight::fly(&self.shared, &self.entry, &self.wish(trigger)).await
    }

    /// Whether an early refresh is known not to come to anything yet.
    fn is_not_early(&self) -> bool {
        let until = self.entry.turn().rest(&self.target).and_then(|rest| rest.quiet_until.max(rest.not_early_until));
        until.is_some_and(|until| self.shared.clock.monotonic() < until)
    }

    fn announce(&self, kind: SessionEventKind) {
        self.entry.announce(SessionEvent { kind, target: Arc::default(), at: self.shared.clock.now() });
    }

    async fn detached<T: Send + 'static>(&self, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        let (shared, key) = (Arc::clone(&self.shared), self.entry.key);
        let work = async move {
            let result = work.await;
            // A sign-in, or an end.
            shared.keeper.wake(&key);
            result
        };
        self.shared.detach(work.in_current_span()).await.unwrap_or_else(|_| Err(SessionError::interrupted()))
    }
}

/// How often a write is tried again because the record changed meanwhile.
pub(crate) const MOST_CONFLICTS: usize = 32;
