//! The four rules of the documented flow, the two readings of the fourth, and its suggested next step.

use std::sync::Arc;
use std::time::Duration;

use mockall::mock;
use oidc_session_core::{
    AccessToken, EndReason, Provider, ProviderError, ProviderErrorKind, ProviderId, ProviderProfile, Revocation,
    Session, SessionState, SessionStore, Target, TokenAnswer,
};
use oidc_session_manager::{OnRefreshFailure, Outcome, Preemptive, SessionErrorKind, SessionManager};

use crate::support::{LIFETIME, Turn, World, id, meanwhile, token_of};

mock! {
    #[derive(Debug)]
    Provider {}

    #[async_trait::async_trait]
    impl Provider for Provider {
        fn profile(&self) -> &ProviderProfile;
        async fn prepare(&self, session: &Session) -> Result<(), ProviderError>;
        async fn refresh(&self, session: &Session, target: &Target) -> Result<TokenAnswer, ProviderError>;
        async fn revoke(&self, session: &Session) -> Result<Revocation, ProviderError>;
    }
}

/// A provider of which nothing may be asked but its facts.
fn untouchable() -> MockProvider {
    let mut provider = MockProvider::new();
    provider.expect_profile().return_const(ProviderProfile::new(ProviderId::new("untouchable")));
    provider.expect_prepare().times(0);
    provider.expect_refresh().times(0);
    provider.expect_revoke().times(0);
    provider
}

#[tokio::test]
async fn rule_1_without_a_session_nothing_happens() {
    let world = World::new();
    let manager = SessionManager::builder(untouchable(), world.store.clone()).clock(world.clock.clone());
    let handle = manager.build().unwrap().session(&id());
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::NoSession);
    assert_eq!(handle.access_token().await.unwrap_err().kind(), SessionErrorKind::SignInNeeded);
}

#[tokio::test]
async fn rule_1_a_session_that_has_not_expired_is_neither_sent_nor_written() {
    let world = World::new();
    let manager = SessionManager::builder(untouchable(), world.store.clone()).clock(world.clock.clone());
    let handle = manager.build().unwrap().session(&id());
    handle.sign_in(world.session()).await.unwrap();
    let before = world.stored().await;

    world.clock.advance(LIFETIME - Duration::from_millis(1));
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Fresh);
    assert_eq!(token_of(&handle).await, "at-0");
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn rule_2_an_expired_session_without_a_refresh_token_is_over_and_nothing_is_sent() {
    let world = World::new();
    let manager = SessionManager::builder(untouchable(), world.store.clone()).clock(world.clock.clone());
    let handle = manager.build().unwrap().session(&id());
    let mut session = world.session();
    session.tokens.refresh_token = None;
    handle.sign_in(session).await.unwrap();

    world.clock.advance(LIFETIME);
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Ended(EndReason::NoRefreshToken));
}

#[tokio::test]
async fn rule_2_a_session_without_a_refresh_token_ends_for_that_whatever_the_server_refused_before() {
    let world = World::new();
    let handle = world.expired().await;
    let gate = world.server.holds_the_request();
    let flight = meanwhile(&handle, |late| async move { late.refresh_if_expired().await.unwrap() });
    world.server.has_seen(1).await;
    // Somebody signs in anew, without a refresh token, and the old one is worth nothing any more.
    let mut session = world.session_with("at-5", "rt-5");
    session.tokens.refresh_token = None;
    world.process().sign_in(session).await.unwrap();
    world.server.kill();
    world.clock.advance(LIFETIME);
    gate.add_permits(1);
    assert_eq!(flight.await.unwrap(), Outcome::Ended(EndReason::NoRefreshToken));
    let SessionState::Ended(tombstone) = world.stored().await.unwrap().record.decode().unwrap() else {
        panic!("alive")
    };
    assert_eq!((tombstone.reason, tombstone.error), (EndReason::NoRefreshToken, None));
}

#[tokio::test]
async fn rule_2_an_expired_session_is_refreshed_when_a_refresh_token_is_available() {
    let world = World::new();
    let handle = world.expired().await;
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Refreshed);
    assert_eq!(world.server.presented(), ["rt-0"]);
}

#[tokio::test]
async fn rule_2_a_session_without_an_access_token_is_refreshed_too() {
    let world = World::new();
    let handle = world.process();
    let mut session = world.session();
    session.tokens.access_token = None;
    handle.sign_in(session).await.unwrap();
    assert_eq!(token_of(&handle).await, "at-1");
}

#[tokio::test]
async fn rule_3_the_refreshed_session_replaces_the_stale_one() {
    let world = World::new();
    let handle = world.expired().await;
    handle.refresh_if_expired().await.unwrap();

    assert_eq!(token_of(&handle).await, "at-1");
    assert_eq!(world.stored_session().await.tokens.refresh_token.unwrap().expose(), "rt-1");

    // And on and on: each rotated token is the next one presented.
    for round in 2..6 {
        world.clock.advance(LIFETIME);
        assert_eq!(token_of(&handle).await, format!("at-{round}"));
    }
    assert_eq!(world.server.presented(), ["rt-0", "rt-1", "rt-2", "rt-3", "rt-4"]);
}

#[tokio::test]
async fn rule_4_a_rejected_refresh_throws_the_session_away_under_either_reading() {
    for on_failure in [OnRefreshFailure::DiscardOnVerdict, OnRefreshFailure::DiscardAlways] {
        let world = World::new();
        let handle = world.builder().on_refresh_failure(on_failure).build().unwrap().session(&id());
        handle.sign_in(world.session()).await.unwrap();
        world.clock.advance(LIFETIME);
        world.server.kill();

        assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Ended(EndReason::Rejected));
        let SessionState::Ended(tombstone) = world.stored().await.unwrap().record.decode().unwrap() else { panic!() };
        assert_eq!(tombstone.error.as_deref(), Some("invalid_grant"));

        // Remembered, never hammered.
        let error = handle.access_token().await.unwrap_err();
        assert_eq!((error.kind(), error.end_reason()), (SessionErrorKind::SignInNeeded, Some(EndReason::Rejected)));
        assert_eq!(world.server.presented().len(), 1);
    }
}

#[tokio::test]
async fn rule_4_a_verdict_is_remembered_and_no_way_of_asking_hammers_the_server() {
    let world = World::new();
    let handle = world.expired().await;
    world.server.kill();
    assert!(handle.access_token().await.is_err());
    let rejected = AccessToken::new("at-0");
    // In this process, in one that saw the session alive, and in one that never did.
    for process in [handle, world.process()] {
        for _ in 0..5 {
            assert_eq!(process.access_token().await.unwrap_err().end_reason(), Some(EndReason::Rejected));
            assert_eq!(process.authorization().await.unwrap_err().end_reason(), Some(EndReason::Rejected));
            let ended = Outcome::Ended(EndReason::Rejected);
            assert_eq!(process.refresh_if_expired().await.unwrap(), ended);
            assert_eq!(process.refresh().await.unwrap(), ended);
            assert_eq!(process.refresh_if_current_is(&rejected).await.unwrap(), ended);
            world.clock.advance(LIFETIME);
        }
    }
    assert_eq!(world.server.presented(), ["rt-0"]);
}

/// Failures that prove nothing about the session.
const WITHOUT_VERDICT: [ProviderErrorKind; 4] = [
    ProviderErrorKind::NotSent,
    ProviderErrorKind::TryLater,
    ProviderErrorKind::Misconfigured,
    ProviderErrorKind::InteractionRequired,
];

#[tokio::test]
async fn rule_4_discard_on_verdict_keeps_the_session_when_there_is_no_verdict() {
    for kind in WITHOUT_VERDICT {
        let world = World::new();
        let handle = world.expired().await;
        let before = world.stored().await;
        world.server.then(Turn::Fails(kind));

        // A typed error, and no expired token.
        let error = handle.access_token().await.unwrap_err();
        let expected = match kind {
            ProviderErrorKind::Misconfigured => SessionErrorKind::Misconfigured,
            ProviderErrorKind::InteractionRequired => SessionErrorKind::SignInNeeded,
            _ => SessionErrorKind::Unavailable,
        };
        assert_eq!(error.kind(), expected, "{kind:?}");
        assert_eq!(world.stored().await, before, "{kind:?}");

        // Later, it goes on as if nothing had been.
        world.clock.advance(Duration::from_secs(120));
        assert_eq!(token_of(&handle).await, "at-1", "{kind:?}");
    }
}

#[tokio::test]
async fn rule_4_discard_always_throws_the_session_away_on_any_failure() {
    for kind in WITHOUT_VERDICT {
        let world = World::new();
        let manager = world.builder().on_refresh_failure(OnRefreshFailure::DiscardAlways).build().unwrap();
        let handle = manager.session(&id());
        handle.sign_in(world.session()).await.unwrap();
        world.clock.advance(LIFETIME);
        world.server.then(Turn::Fails(kind));
        assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Ended(EndReason::RefreshFailed), "{kind:?}");
    }
}

#[tokio::test]
async fn next_step_a_preemptive_policy_refreshes_a_skew_before_expiry() {
    let world = World::new();
    let skew = Duration::from_secs(5);
    let handle = world.builder().policy(Preemptive::skew(skew)).build().unwrap().session(&id());
    handle.sign_in(world.session()).await.unwrap();

    // The session's own jitter moves the refresh earlier by at most half the skew.
    world.clock.advance(LIFETIME - skew - skew / 2 - Duration::from_millis(1));
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Fresh);
    world.clock.advance(skew / 2 + Duration::from_millis(1));
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Refreshed);
}

#[tokio::test]
async fn provider_and_store_may_be_chosen_at_run_time() {
    let world = World::new();
    let (provider, store): (Arc<dyn Provider>, Arc<dyn SessionStore>) =
        (Arc::new(world.server.clone()), Arc::new(world.store.clone()));
    let manager = SessionManager::builder(provider, store).clock(world.clock.clone()).build().unwrap();
    let handle = manager.session(&id());
    handle.sign_in(world.session()).await.unwrap();
    world.clock.advance(LIFETIME);
    assert_eq!(token_of(&handle).await, "at-1");
    handle.logout().await.unwrap();
    assert_eq!(world.server.revoked(), ["rt-1"]);
}
