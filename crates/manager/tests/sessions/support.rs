//! A scripted authorization server, a store that can fail, and the sessions of the tests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use oidc_session_core::{
    AccessToken, Clock as _, Commit, Custody, Expected, HolderId, Lease, Provider, ProviderError, ProviderErrorKind,
    ProviderId, ProviderProfile, RefreshToken, Release, Removal, Renewal, Revocation, RevocationShape, Session,
    SessionId, SessionState, SessionStore, StoreError, StoreErrorKind, StoreKey, Stored, Target, Timestamp,
    TokenAnswer, TokenSet, Version,
};
use oidc_session_manager::{SessionHandle, SessionManager, SessionManagerBuilder};
use oidc_session_store_memory::MemoryStore;
use oidc_session_testkit::ManualClock;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

pub(crate) const LIFETIME: Duration = Duration::from_secs(300);

/// An authorization server with rotation and reuse detection that answers as it is told.
#[derive(Clone, Debug)]
pub(crate) struct Server(Arc<Mutex<State>>, ManualClock, ProviderProfile);

#[derive(Debug, Default)]
struct State {
    /// The number in the refresh token in force.
    current: u32,
    dead: bool,
    presented: Vec<String>,
    revoked: Vec<String>,
    revocation_fails: bool,
    /// How often the server was looked for, and whether it can be found.
    prepared: usize,
    unreachable: bool,
    keeps_refresh_tokens: bool,
    script: VecDeque<Turn>,
}

/// How the server treats one request.
#[derive(Clone, Debug)]
pub(crate) enum Turn {
    /// It answers with an error, and does not look at the token.
    Fails(ProviderErrorKind),
    /// It processes the request, and its answer is lost.
    LosesTheAnswer,
    /// It processes the request, and answers when the gate opens.
    Waits(Arc<Semaphore>),
    /// It does nothing, for ever.
    Hangs,
    /// It grants less than the scope that was asked for.
    GrantsLess,
    /// The request reaches it only when the gate opens.
    IsLate(Arc<Semaphore>),
    /// It does not look at the token, and asks to come back in so long.
    TryLater(Duration),
}

impl Server {
    pub(crate) fn new(clock: &ManualClock) -> Self {
        Self(Arc::default(), clock.clone(), ProviderProfile::new(ProviderId::new("scripted")))
    }

    pub(crate) fn then(&self, turn: Turn) -> &Self {
        self.state().script.push_back(turn);
        self
    }

    /// The same server, but a revocation there takes every grant of the subject along.
    pub(crate) fn revoking_every_grant(mut self) -> Self {
        self.2.revocation = RevocationShape::EveryGrant;
        self
    }

    pub(crate) fn set_reachable(&self, reachable: bool) {
        self.state().unreachable = !reachable;
    }

    /// A server without rotation.
    pub(crate) fn keeps_refresh_tokens(&self) {
        self.state().keeps_refresh_tokens = true;
    }

    /// How often the server was looked for.
    pub(crate) fn prepared(&self) -> usize {
        self.state().prepared
    }

    pub(crate) fn fails_to_revoke(&self) {
        self.state().revocation_fails = true;
    }

    /// Holds the next answer back until the returned gate gets a permit.
    pub(crate) fn holds_the_answer(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        self.then(Turn::Waits(Arc::clone(&gate)));
        gate
    }

    /// Holds the next request back on its way until the returned gate gets a permit.
    pub(crate) fn holds_the_request(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        self.then(Turn::IsLate(Arc::clone(&gate)));
        gate
    }

    pub(crate) fn kill(&self) {
        self.state().dead = true;
    }

    /// The refresh tokens that were presented, in order.
    pub(crate) fn presented(&self) -> Vec<String> {
        self.state().presented.clone()
    }

    /// The refresh token in force.
    pub(crate) fn in_force(&self) -> String {
        format!("rt-{}", self.state().current)
    }

    pub(crate) fn revoked(&self) -> Vec<String> {
        self.state().revoked.clone()
    }

    /// Returns once `count` requests have arrived.
    pub(crate) async fn has_seen(&self, count: usize) {
        while self.presented().len() < count {
            tokio::task::yield_now().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn process(
        &self,
        session: &Session,
        target: &Target,
        requested_at: Timestamp,
    ) -> Result<TokenAnswer, ProviderError> {
        let whose = target.resource_indicator().map(|resource| format!("@{resource}")).unwrap_or_default();
        let mut state = self.state();
        let token = session.tokens.refresh_token.as_ref().unwrap();
        if state.dead || token.expose() != format!("rt-{}", state.current) {
            state.dead = true;
            return Err(ProviderError::new(ProviderErrorKind::Rejected, "refused").with_error_code("invalid_grant"));
        }
        if state.keeps_refresh_tokens {
            let mut answer = TokenAnswer::new(requested_at, self.1.now());
            answer.access_token = Some(AccessToken::new(format!("at-next{whose}")));
            answer.expires_in = Some(LIFETIME);
            return Ok(answer);
        }
        state.current += 1;
        let mut answer = TokenAnswer::new(requested_at, self.1.now());
        answer.access_token = Some(AccessToken::new(format!("at-{}{whose}", state.current)));
        answer.refresh_token = Some(RefreshToken::new(format!("rt-{}", state.current)));
        answer.expires_in = Some(LIFETIME);
        Ok(answer)
    }
}

#[async_trait]
impl Provider for Server {
    fn profile(&self) -> &ProviderProfile {
        &self.2
    }

    async fn prepare(&self, _session: &Session) -> Result<(), ProviderError> {
        let mut state = self.state();
        state.prepared += 1;
        if state.unreachable { Err(ProviderError::new(ProviderErrorKind::NotSent, "as scripted")) } else { Ok(()) }
    }

    async fn refresh(&self, session: &Session, target: &Target) -> Result<TokenAnswer, ProviderError> {
        let requested_at = self.1.now();
        let turn = {
            let mut state = self.state();
            state.presented.push(session.tokens.refresh_token.as_ref().unwrap().expose().to_owned());
            state.script.pop_front()
        };
        match turn {
            None => self.process(session, target, requested_at),
            Some(Turn::Hangs) => std::future::pending().await,
            Some(Turn::Fails(kind)) => Err(ProviderError::new(kind, "as scripted")),
            Some(Turn::GrantsLess) => {
                let mut answer = self.process(session, target, requested_at)?;
                answer.lacks_scope = true;
                Ok(answer)
            }
            Some(Turn::TryLater(wait)) => {
                Err(ProviderError::new(ProviderErrorKind::TryLater, "as scripted").with_retry_after(Some(wait)))
            }
            Some(Turn::IsLate(gate)) => {
                gate.acquire().await.unwrap().forget();
                self.process(session, target, requested_at)
            }
            Some(Turn::LosesTheAnswer) => {
                let _ = self.process(session, target, requested_at);
                Err(ProviderError::new(ProviderErrorKind::OutcomeUnknown, "the connection broke"))
            }
            Some(Turn::Waits(gate)) => {
                let answer = self.process(session, target, requested_at);
                gate.acquire().await.unwrap().forget();
                answer
            }
        }
    }

    async fn revoke(&self, session: &Session) -> Result<Revocation, ProviderError> {
        let token = session.tokens.refresh_token.as_ref().unwrap().expose().to_owned();
        let mut state = self.state();
        state.revoked.push(token);
        if state.revocation_fails {
            return Err(ProviderError::new(ProviderErrorKind::NotSent, "as scripted"));
        }
        Ok(Revocation::Done)
    }
}

/// A store that misbehaves as it is told.
#[derive(Clone, Debug)]
pub(crate) struct Unruly {
    store: MemoryStore,
    mischief: Arc<Mutex<Mischief>>,
}

#[derive(Debug, Default)]
struct Mischief {
    failing_commits: u32,
    lost_commit_answers: u32,
    held_load: Option<Arc<Semaphore>>,
    held_lease: Option<Arc<Semaphore>>,
    held_commit: Option<Arc<Semaphore>>,
    held_commit_request: Option<Arc<Semaphore>>,
    hangs: bool,
    calls: usize,
    commits: usize,
}

impl Unruly {
    pub(crate) fn new(world: &World) -> Self {
        Self { store: world.store.clone(), mischief: Arc::default() }
    }

    /// The store, which itself behaves.
    pub(crate) fn inner(&self) -> &MemoryStore {
        &self.store
    }

    pub(crate) fn fail_commits(&self, commits: u32) {
        self.mischief.lock().unwrap().failing_commits = commits;
    }

    /// Holds the answer to the next load back until the returned gate gets a permit.
    pub(crate) fn hold_load(&self) -> Arc<Semaphore> {
        Arc::clone(self.mischief.lock().unwrap().held_load.insert(Arc::new(Semaphore::new(0))))
    }

    /// Holds the next grant of a lease back: to its holder, it was frozen for so long.
    pub(crate) fn hold_lease(&self) -> Arc<Semaphore> {
        Arc::clone(self.mischief.lock().unwrap().held_lease.insert(Arc::new(Semaphore::new(0))))
    }

    /// Holds the answer to the next commit back; the record is stored.
    pub(crate) fn hold_commit(&self) -> Arc<Semaphore> {
        Arc::clone(self.mischief.lock().unwrap().held_commit.insert(Arc::new(Semaphore::new(0))))
    }

    /// Holds the next commit back before it reaches the store.
    pub(crate) fn hold_commit_request(&self) -> Arc<Semaphore> {
        Arc::clone(self.mischief.lock().unwrap().held_commit_request.insert(Arc::new(Semaphore::new(0))))
    }

    /// The next commits take effect, and fail.
    pub(crate) fn lose_commit_answers(&self, commits: u32) {
        self.mischief.lock().unwrap().lost_commit_answers = commits;
    }

    /// Returns once somebody waits at a gate.
    pub(crate) async fn holds_somebody(&self) {
        while {
            let mischief = self.mischief.lock().unwrap();
            let gates =
                [&mischief.held_load, &mischief.held_lease, &mischief.held_commit, &mischief.held_commit_request];
            gates.into_iter().any(Option::is_some)
        } {
            tokio::task::yield_now().await;
        }
    }

    /// How often a record was read or a lease was asked for.
    pub(crate) fn calls(&self) -> usize {
        self.mischief.lock().unwrap().calls
    }

    /// How many commits took effect.
    pub(crate) fn commits(&self) -> usize {
        self.mischief.lock().unwrap().commits
    }

    fn take_gate(&self, gate: impl FnOnce(&mut Mischief) -> &mut Option<Arc<Semaphore>>) -> Option<Arc<Semaphore>> {
        gate(&mut self.mischief.lock().unwrap()).take()
    }

    pub(crate) fn hang(&self) {
        self.mischief.lock().unwrap().hangs = true;
    }
}

#[async_trait]
impl SessionStore for Unruly {
    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        self.mischief.lock().unwrap().calls += 1;
        if self.mischief.lock().unwrap().hangs {
            std::future::pending::<()>().await;
        }
        let loaded = self.store.load(key).await;
        pass(self.take_gate(|mischief| &mut mischief.held_load)).await;
        loaded
    }

    async fn commit(
        &self,
        key: &StoreKey,
        expected: Expected,
        next: &Stored,
        keep_until: Option<Timestamp>,
    ) -> Result<Commit, StoreError> {
        let failed = || StoreError::new(StoreErrorKind::Unavailable, "commit a record");
        if take_one(&mut self.mischief.lock().unwrap().failing_commits) {
            return Err(failed());
        }
        pass(self.take_gate(|mischief| &mut mischief.held_commit_request)).await;
        let committed = self.store.commit(key, expected, next, keep_until).await;
        if matches!(committed, Ok(Commit::Done)) {
            self.mischief.lock().unwrap().commits += 1;
        }
        pass(self.take_gate(|mischief| &mut mischief.held_commit)).await;
        if take_one(&mut self.mischief.lock().unwrap().lost_commit_answers) { Err(failed()) } else { committed }
    }

    async fn remove(&self, key: &StoreKey, expected: Version) -> Result<Removal, StoreError> {
        self.store.remove(key, expected).await
    }

    async fn try_lease(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Lease, StoreError> {
        self.mischief.lock().unwrap().calls += 1;
        let lease = self.store.try_lease(key, holder, ttl).await;
        pass(self.take_gate(|mischief| &mut mischief.held_lease)).await;
        lease
    }

    async fn renew(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Renewal, StoreError> {
        self.store.renew(key, holder, ttl).await
    }

    async fn release(&self, key: &StoreKey, holder: HolderId, release: Release) -> Result<(), StoreError> {
        self.store.release(key, holder, release).await
    }

    fn custody(&self) -> Custody {
        self.store.custody()
    }
}

async fn pass(gate: Option<Arc<Semaphore>>) {
    if let Some(gate) = gate {
        gate.acquire().await.unwrap().forget();
    }
}

fn take_one(left: &mut u32) -> bool {
    let some = *left > 0;
    *left = left.saturating_sub(1);
    some
}

/// Everything a test needs, with time standing still.
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) server: Server,
    pub(crate) store: MemoryStore,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = ManualClock::new();
        Self { server: Server::new(&clock), store: MemoryStore::with_clock(Arc::new(clock.clone())), clock }
    }

    /// A manager as another process would have it: only the store and the server are shared.
    pub(crate) fn builder(&self) -> SessionManagerBuilder {
        SessionManager::builder(self.server.clone(), self.store.clone()).clock(self.clock.clone())
    }

    /// A process over a store that misbehaves.
    pub(crate) fn over(&self, store: &Unruly) -> SessionManager {
        SessionManager::builder(self.server.clone(), store.clone()).clock(self.clock.clone()).build().unwrap()
    }

    pub(crate) fn process(&self) -> SessionHandle {
        self.builder().build().unwrap().session(&id())
    }

    /// A session as the sign-in of somebody else leaves it.
    pub(crate) fn session_with(&self, access_token: &str, refresh_token: &str) -> Session {
        let mut session = self.session();
        session.tokens.access_token = Some(AccessToken::new(access_token));
        session.tokens.refresh_token = Some(RefreshToken::new(refresh_token));
        session
    }

    /// A session as a sign-in leaves it: `at-0` and `rt-0`.
    pub(crate) fn session(&self) -> Session {
        let now = self.clock.now();
        let mut tokens = TokenSet::new(now, now);
        tokens.access_token = Some(AccessToken::new("at-0"));
        tokens.refresh_token = Some(RefreshToken::new("rt-0"));
        tokens.expires_in = Some(LIFETIME);
        let mut session = Session::new(ProviderId::new("scripted"), "https://login.example", "app", tokens);
        session.subject = Some("alice".to_owned());
        session
    }

    /// Signed in, in one process.
    pub(crate) async fn signed_in(&self) -> SessionHandle {
        let handle = self.process();
        handle.sign_in(self.session()).await.unwrap();
        handle
    }

    /// Signed in, in one process, and the access token has expired.
    pub(crate) async fn expired(&self) -> SessionHandle {
        let handle = self.signed_in().await;
        self.clock.advance(LIFETIME);
        handle
    }

    /// What the store holds, if it is a living session.
    pub(crate) async fn stored_session(&self) -> Session {
        match self.stored().await.unwrap().record.decode().unwrap() {
            SessionState::Active(session) => *session,
            SessionState::Ended(tombstone) => panic!("the session has ended: {}", tombstone.reason),
        }
    }

    pub(crate) async fn stored(&self) -> Option<Stored> {
        self.store.load(&id().store_key()).await.unwrap()
    }
}

pub(crate) fn id() -> SessionId {
    SessionId::named("default").unwrap()
}

pub(crate) async fn token_of(handle: &SessionHandle) -> String {
    // On the hot path, which the other calls for a token do not take.
    let authorization = handle.authorization().await.unwrap();
    authorization.to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned()
}

/// A call under way while the test goes on.
pub(crate) fn meanwhile<F>(handle: &SessionHandle, call: impl FnOnce(SessionHandle) -> F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(call(handle.clone()))
}
