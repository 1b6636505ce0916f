//! Clocks that lie, lifetimes that are odd.

use std::time::Duration;

use oidc_session_manager::{Outcome, Preemptive, SessionErrorKind};

use crate::support::{LIFETIME, World, id, token_of};

#[tokio::test]
async fn a_clock_turned_back_does_not_make_an_expired_token_fresh_again() {
    for looks_again in [false, true] {
        let world = World::new();
        let handle = world.signed_in().await;
        world.clock.advance(LIFETIME - Duration::from_secs(1));
        world.clock.set_back(Duration::from_secs(200));
        if looks_again {
            // Reading the same record again must not count its time anew.
            handle.snapshot().await.unwrap();
        }
        assert_eq!(token_of(&handle).await, "at-0");
        world.clock.advance(Duration::from_secs(1));
        // By the wall clock it has 200 s to live; by the monotonic one it has none.
        assert_eq!(token_of(&handle).await, "at-1");
        assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Fresh);
    }
}

#[tokio::test]
async fn a_clock_turned_back_does_not_put_an_early_refresh_off() {
    let world = World::new();
    let skew = Duration::from_secs(60);
    let handle = world.builder().policy(Preemptive::skew(skew)).build().unwrap().session(&id());
    handle.sign_in(world.session()).await.unwrap();
    world.clock.set_back(Duration::from_secs(30));
    world.clock.advance(LIFETIME - skew);
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Refreshed);
}

#[tokio::test]
async fn a_suspended_machine_wakes_up_with_an_expired_token() {
    let world = World::new();
    let handle = world.signed_in().await;
    world.clock.suspend(LIFETIME);
    assert_eq!(token_of(&handle).await, "at-1");
}

#[tokio::test]
async fn a_lifetime_shorter_than_the_skew_does_not_refresh_on_every_call() {
    let world = World::new();
    let handle = world.builder().policy(Preemptive::skew(LIFETIME * 2)).build().unwrap().session(&id());
    handle.sign_in(world.session()).await.unwrap();
    for _ in 0..10 {
        assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Fresh);
    }
    world.clock.advance(LIFETIME * 4 / 5);
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Refreshed);
}

#[tokio::test]
async fn an_unknown_expiry_is_fresh_until_a_resource_server_refuses() {
    let world = World::new();
    let handle = world.process();
    let mut session = world.session();
    session.tokens.expires_in = None;
    handle.sign_in(session).await.unwrap();
    world.clock.advance(LIFETIME * 1_000);

    let token = handle.access_token().await.unwrap();
    assert_eq!(token.expose(), "at-0");
    assert_eq!(handle.refresh_if_current_is(&token).await.unwrap(), Outcome::Refreshed);
    assert_eq!(token_of(&handle).await, "at-1");
}

#[tokio::test]
async fn a_validity_longer_than_the_lifetime_is_refused_without_a_refresh() {
    let world = World::new();
    let handle = world.signed_in().await;
    world.clock.advance(Duration::from_millis(50));
    for min_valid in [LIFETIME, LIFETIME * 2] {
        let error = handle.token_for(min_valid).await.unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::Misconfigured);
    }
    assert!(world.server.presented().is_empty());
}

#[tokio::test]
async fn a_validity_longer_than_what_is_left_is_met_by_one_refresh() {
    let world = World::new();
    let handle = world.signed_in().await;
    world.clock.advance(LIFETIME / 2);
    let served = handle.token_for(LIFETIME * 3 / 4).await.unwrap();
    assert_eq!((served.access_token.expose(), served.outcome), ("at-1", Outcome::Refreshed));
    assert_eq!(handle.token_for(LIFETIME * 3 / 4).await.unwrap().outcome, Outcome::Fresh);
}

#[tokio::test]
async fn expiring_keeps_the_refresh_token() {
    let world = World::new();
    let handle = world.signed_in().await;
    handle.expire().await.unwrap();
    assert_eq!(token_of(&handle).await, "at-1");
    assert_eq!(world.server.presented(), ["rt-0"]);
}
