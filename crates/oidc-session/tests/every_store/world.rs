//! [`World`]: programs that share a store and a key ring, and somebody who can write to the store.

use std::error::Error as _;
use std::fmt::Debug;
use std::time::Duration;

use oidc_session::{
    AccessToken, Clock as _, Commit, Expected, KeyRing, OnRefreshFailure, Outcome, ProviderId, Record, RefreshToken,
    Session, SessionError, SessionErrorKind, SessionHandle, SessionId, SessionManager, SessionStore as _, Snapshot,
    StoreKey, Stored, TokenSet, Version,
};
use oidc_session_sealing::Seal;
use oidc_session_testkit::ManualClock;

use crate::bystander::Bystander;
use crate::places::Place;

/// Of access tokens.
pub(crate) const LIFETIME: Duration = Duration::from_secs(300);

/// Programs that share a store and a key ring, and somebody who can write to the store.
pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) ring: KeyRing,
    pub(crate) clock: ManualClock,
    pub(crate) server: Bystander,
}

impl World {
    pub(crate) fn of(place: Place) -> Self {
        let clock = ManualClock::new();
        Self { place, ring: KeyRing::generate(clock.now()), server: Bystander::new(&clock), clock }
    }

    /// A program that has just been started, and ends a session wherever a program may.
    pub(crate) fn program(&self, name: &str) -> SessionHandle {
        self.program_with(&self.ring, self.clock.clone(), name)
    }

    /// The same at a time when the access token has expired, so that it would be refreshed.
    pub(crate) fn later_program(&self, name: &str) -> SessionHandle {
        let clock = ManualClock::new();
        clock.advance(self.clock.monotonic() + LIFETIME * 2);
        self.program_with(&self.ring, clock, name)
    }

    pub(crate) fn program_with(&self, ring: &KeyRing, clock: ManualClock, name: &str) -> SessionHandle {
        let manager = SessionManager::builder(self.server.clone(), self.place.store.clone())
            .seal_with(ring.clone())
            .on_refresh_failure(OnRefreshFailure::DiscardAlways)
            .clock(clock)
            .store_budget(Duration::from_secs(60))
            .build()
            .unwrap();
        manager.session(&id(name))
    }

    /// Signs a session in, and tells where and how it is kept.
    pub(crate) async fn sign_in(&self, name: &str) -> (StoreKey, Stored) {
        self.program(name).sign_in(self.session(name)).await.unwrap();
        let key = self.key(name);
        (key, self.stored(&key).await)
    }

    /// A session whose record has about a kilobyte.
    pub(crate) fn session(&self, name: &str) -> Session {
        let now = self.clock.now();
        let mut tokens = TokenSet::new(now, now);
        tokens.access_token = Some(access_token(name));
        tokens.refresh_token = Some(RefreshToken::new(format!("rt-SECRET-{name}")));
        tokens.expires_in = Some(LIFETIME);
        Session::new(ProviderId::new("bystander"), "https://login.example", "client", tokens)
    }

    pub(crate) fn key(&self, name: &str) -> StoreKey {
        Seal::with(self.ring.clone()).address(&id(name)).key
    }

    pub(crate) async fn stored(&self, key: &StoreKey) -> Stored {
        self.place.store.load(key).await.unwrap().unwrap()
    }

    /// Puts something in place of what is stored at `from`. A store cannot tell: it only compares versions.
    pub(crate) async fn plant(&self, key: &StoreKey, from: Version, planted: &Stored) {
        let commit = self.place.store.commit(key, Expected::At(from), planted, None).await.unwrap();
        assert_eq!(commit, Commit::Done);
    }

    /// Whatever a program that was just started does with the session fails as it should, asks nothing of the
    /// authorization server, and leaves `planted` where it is: while a token would be fresh, and when it would be
    /// refreshed.
    pub(crate) async fn yields_nothing(&self, name: &str, planted: &Stored, how: &dyn Debug) {
        self.yields_no_token(&self.later_program(name), how).await;
        self.is_useless(&self.program(name), name, planted, how).await;
    }

    pub(crate) async fn is_useless(&self, program: &SessionHandle, name: &str, planted: &Stored, how: &dyn Debug) {
        self.yields_no_token(program, how).await;
        is_refused(program.refresh().await, how);
        is_refused(program.snapshot().await, how);
        is_refused(program.logout().await, how);
        assert_eq!(self.server.asked(), [""; 0], "{how:?}");
        assert!(self.stored(&self.key(name)).await == *planted, "{how:?}: what is stored was changed");
    }

    async fn yields_no_token(&self, program: &SessionHandle, how: &dyn Debug) {
        is_refused(program.access_token().await, how);
        is_refused(program.refresh_if_expired().await, how);
        assert_eq!(self.server.asked(), [""; 0], "{how:?}");
    }

    /// The session is as it was: its token is served, and nothing was asked for it.
    pub(crate) async fn is_whole(&self, name: &str, how: &dyn Debug) {
        let program = self.program(name);
        let token = program.access_token().await.unwrap();
        assert!(token == access_token(name), "{how:?}: another token");
        assert!(matches!(program.snapshot().await.unwrap(), Snapshot::Active { .. }), "{how:?}");
        assert_eq!(self.server.asked(), [""; 0], "{how:?}");
    }

    /// The session is as it was, and goes on: it is refreshed once, and ends by its logout.
    pub(crate) async fn goes_on(&self, name: &str) {
        self.is_whole(name, &"at the end").await;
        self.clock.advance(LIFETIME * 2);
        let later = self.program(name);
        assert_eq!(later.refresh_if_expired().await.unwrap(), Outcome::Refreshed);
        assert_eq!(later.access_token().await.unwrap(), AccessToken::new("at-SECRET-refreshed"));
        assert!(later.logout().await.unwrap().ended.is_some());
        assert_eq!(self.server.asked(), ["prepare", "refresh", "revoke"]);
    }
}

pub(crate) fn id(name: &str) -> SessionId {
    SessionId::named(name).unwrap()
}

/// The same session with other bytes.
pub(crate) fn with_record(stored: &Stored, bytes: Vec<u8>) -> Stored {
    Stored { version: stored.version, record: Record::from_bytes(bytes) }
}

fn access_token(name: &str) -> AccessToken {
    AccessToken::new(format!("at-SECRET-{name}-{}", "x".repeat(400)))
}

/// A typed error that says what to do, and tells no secret.
fn is_refused<T>(answer: Result<T, SessionError>, how: &dyn Debug) {
    let Err(error) = answer else { panic!("{how:?}: an altered record was believed") };
    let expected = [SessionErrorKind::Damaged, SessionErrorKind::Misconfigured];
    assert!(expected.contains(&error.kind()), "{how:?}: {error:?}");
    let shown = format!("{error} {error:?} {}", error.source().unwrap());
    assert!(!shown.contains("SECRET"), "{how:?}: {shown}");
}
