//! Many sessions fall due at once, and the authorization server is not asked for all of them together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use oidc_session_core::{
    AccessToken, Clock as _, EndReason, HolderId, Lease, Provider, ProviderError, ProviderErrorKind, ProviderId,
    ProviderProfile, RefreshToken, Release, Revocation, Session, SessionId, SessionStore as _, Target, TokenAnswer,
    TokenSet,
};
use oidc_session_manager::{Outcome, SessionErrorKind, SessionManager};
use oidc_session_store_memory::MemoryStore;
use oidc_session_testkit::ManualClock;
use tokio::task::JoinHandle;

/// Grants whatever it is asked for, slowly, and counts how many ask at a time.
#[derive(Clone, Debug)]
struct Busy(Arc<Counts>, ManualClock, ProviderProfile);

#[derive(Debug, Default)]
struct Counts {
    now: AtomicUsize,
    most: AtomicUsize,
    /// Whether no answer comes.
    hangs: AtomicBool,
    /// Whether the next answer is a verdict.
    rejects: AtomicBool,
}

impl Busy {
    fn most(&self) -> usize {
        self.0.most.load(Ordering::SeqCst)
    }

    fn now(&self) -> usize {
        self.0.now.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Provider for Busy {
    fn profile(&self) -> &ProviderProfile {
        &self.2
    }

    async fn prepare(&self, _session: &Session) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn refresh(&self, _session: &Session, _target: &Target) -> Result<TokenAnswer, ProviderError> {
        let now = self.0.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(50)).await;
        if self.0.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.0.now.fetch_sub(1, Ordering::SeqCst);
        if self.0.rejects.swap(false, Ordering::SeqCst) {
            return Err(ProviderError::new(ProviderErrorKind::Rejected, "invalid_grant"));
        }
        let mut answer = TokenAnswer::new(self.1.now(), self.1.now());
        answer.access_token = Some(AccessToken::new("at-2"));
        answer.refresh_token = Some(RefreshToken::new("rt-2"));
        answer.expires_in = Some(Duration::from_secs(300));
        Ok(answer)
    }

    async fn revoke(&self, _session: &Session) -> Result<Revocation, ProviderError> {
        Ok(Revocation::Done)
    }
}

fn id(number: usize) -> SessionId {
    SessionId::named(format!("session-{number}")).unwrap()
}

/// A manager with `count` expired sessions, which may refresh so many of them at a time.
async fn manager(count: usize, most_refreshes: usize) -> (SessionManager, Busy, MemoryStore) {
    let clock = ManualClock::new();
    let store = MemoryStore::with_clock(Arc::new(clock.clone()));
    let server = Busy(Arc::default(), clock.clone(), ProviderProfile::new(ProviderId::new("busy")));
    let manager = SessionManager::builder(server.clone(), store.clone())
        .clock(clock.clone())
        .most_refreshes(most_refreshes)
        .build()
        .unwrap();
    for number in 0..count {
        let mut tokens = TokenSet::new(clock.now(), clock.now());
        tokens.refresh_token = Some(RefreshToken::new("rt-1"));
        let session = Session::new(ProviderId::new("busy"), "https://login.example", "app", tokens);
        manager.session(&id(number)).sign_in(session).await.unwrap();
    }
    (manager, server, store)
}

#[tokio::test(start_paused = true)]
async fn no_more_refreshes_are_under_way_than_allowed_and_all_get_their_turn() {
    let (manager, server, _) = manager(100, 7).await;
    let handles: Vec<_> = (0..100).map(|number| manager.session(&id(number))).collect();
    let outcomes = join_all(handles.iter().map(|handle| handle.refresh_if_expired())).await;
    assert!(outcomes.into_iter().all(|outcome| outcome.unwrap() == Outcome::Refreshed));
    assert_eq!(server.most(), 7);
}

#[tokio::test(start_paused = true)]
async fn zero_refreshes_at_a_time_count_as_one() {
    let (manager, server, _) = manager(3, 0).await;
    let handles: Vec<_> = (0..3).map(|number| manager.session(&id(number))).collect();
    for outcome in join_all(handles.iter().map(|handle| handle.refresh_if_expired())).await {
        assert_eq!(outcome.unwrap(), Outcome::Refreshed);
    }
    assert_eq!(server.most(), 1);
}

/// A refresh under way, and another one that waits for its turn.
async fn one_refreshes_and_one_waits(manager: &SessionManager, server: &Busy) -> [JoinHandle<Outcome>; 2] {
    let refreshing = [0, 1].map(|number| manager.session(&id(number)));
    let [first, second] = refreshing;
    let first = tokio::spawn(async move { first.refresh_if_expired().await.unwrap() });
    // Paused time: it passes once there is nothing left to do.
    while server.now() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let second = tokio::spawn(async move { second.refresh_if_expired().await.unwrap() });
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(server.now(), 1);
    [first, second]
}

#[tokio::test(start_paused = true)]
async fn whoever_waited_long_for_its_turn_has_its_patience_left() {
    let (manager, server, store) = manager(2, 1).await;
    let [first, second] = one_refreshes_and_one_waits(&manager, &server).await;
    let (key, holder) = (id(1).store_key(), HolderId::random());
    server.1.advance(Duration::from_secs(50));
    let lease = store.try_lease(&key, holder, Duration::from_secs(20)).await.unwrap();
    assert!(matches!(lease, Lease::Granted { .. }));
    assert_eq!(first.await.unwrap(), Outcome::Refreshed);
    tokio::time::sleep(Duration::from_secs(1)).await;
    store.release(&key, holder, Release::default()).await.unwrap();
    assert_eq!(second.await.unwrap(), Outcome::Refreshed);
}

#[tokio::test(start_paused = true)]
async fn no_session_becomes_idle_while_it_waits_for_its_turn() {
    let (_, server, store) = manager(2, 1).await;
    let minute = Duration::from_secs(60);
    let builder = SessionManager::builder(server.clone(), store).clock(server.1.clone());
    let manager = builder.most_refreshes(1).idle_limit(minute).build().unwrap();
    server.1.advance(minute * 5 / 6);
    let refreshing = one_refreshes_and_one_waits(&manager, &server).await;
    server.1.advance(minute / 3);
    for refresh in refreshing {
        assert_eq!(refresh.await.unwrap(), Outcome::Refreshed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_keeps_nobody_waiting_for_all_who_came_before() {
    let (manager, server, _) = manager(20, 1).await;
    server.0.hangs.store(true, Ordering::SeqCst);
    let handles: Vec<_> = (0..20).map(|number| manager.session(&id(number))).collect();
    let all = join_all(handles.iter().map(|handle| handle.refresh_if_expired()));
    // A minute for the turn, and two requests.
    let outcomes = tokio::time::timeout(Duration::from_secs(81), all).await.unwrap();
    assert!(outcomes.into_iter().all(|outcome| outcome.unwrap_err().kind() == SessionErrorKind::Unavailable));
    server.0.hangs.store(false, Ordering::SeqCst);
    assert_eq!(handles[19].refresh_if_expired().await.unwrap(), Outcome::Refreshed);
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_way_to_another_holder_takes_a_new_turn_before_it_presents() {
    let (manager, server, store) = manager(20, 3).await;
    for number in 0..20 {
        let key = id(number).store_key();
        let lease = store.try_lease(&key, HolderId::random(), Duration::from_secs(1)).await.unwrap();
        assert!(matches!(lease, Lease::Granted { .. }));
    }
    // A process died with all of these leases.
    server.1.advance(Duration::from_secs(2));
    let handles: Vec<_> = (0..20).map(|number| manager.session(&id(number))).collect();
    for outcome in join_all(handles.iter().map(|handle| handle.refresh_if_expired())).await {
        assert_eq!(outcome.unwrap(), Outcome::Refreshed);
    }
    assert_eq!(server.most(), 3);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_to_see_whether_a_verdict_counts_lets_others_go_first() {
    let (manager, server, store) = manager(2, 1).await;
    // Somebody died with the lease, so the verdict has to wait.
    let lease = store.try_lease(&id(0).store_key(), HolderId::random(), Duration::from_secs(1)).await.unwrap();
    assert!(matches!(lease, Lease::Granted { .. }));
    server.1.advance(Duration::from_secs(2));
    server.0.rejects.store(true, Ordering::SeqCst);
    let [rejected, other] = one_refreshes_and_one_waits(&manager, &server).await;
    let other = tokio::time::timeout(Duration::from_millis(500), other).await;
    assert_eq!(other.unwrap().unwrap(), Outcome::Refreshed);
    assert_eq!(rejected.await.unwrap(), Outcome::Ended(EndReason::RejectedAfterUnknownOutcome));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_turn_holds_no_lease() {
    let (manager, server, store) = manager(2, 1).await;
    let handles = [manager.session(&id(0)), manager.session(&id(1))];
    let refreshing = handles.clone().map(|handle| tokio::spawn(async move { handle.refresh_if_expired().await }));
    while server.now() == 0 {
        tokio::task::yield_now().await;
    }
    let mut granted = 0;
    for number in 0..2 {
        let key = id(number).store_key();
        let lease = store.try_lease(&key, HolderId::random(), Duration::from_millis(20)).await.unwrap();
        granted += usize::from(matches!(lease, Lease::Granted { .. }));
    }
    assert_eq!(granted, 1, "one is being refreshed, and the other is free for another process");
    server.1.advance(Duration::from_millis(20));
    for refresh in refreshing {
        // The one whose lease was taken away waits for its holder, and then has its turn.
        let _ = refresh.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_finds_a_lease_taken_lets_others_go_first() {
    let (manager, _, store) = manager(2, 1).await;
    let taken = id(0).store_key();
    let lease = store.try_lease(&taken, HolderId::random(), Duration::from_secs(3600)).await.unwrap();
    assert!(matches!(lease, Lease::Granted { .. }));
    let waiting = manager.session(&id(0));
    let waiting = tokio::spawn(async move { waiting.refresh_if_expired().await });
    let other = manager.session(&id(1));
    // If it had to wait for somebody else's lease, it would wait for ever: the clock stands still.
    assert_eq!(other.refresh_if_expired().await.unwrap(), Outcome::Refreshed);
    waiting.abort();
}
