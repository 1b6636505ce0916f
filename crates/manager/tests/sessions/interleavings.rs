//! What calls of one process do to each other, one step before the other.

use std::time::Duration;

use oidc_session_core::{EndReason, SessionId};
use oidc_session_manager::{Outcome, Preemptive, SessionEventKind, Snapshot};

use crate::support::{LIFETIME, Unruly, World, id, meanwhile, token_of};

#[tokio::test]
async fn a_settled_force_does_not_come_back_later() {
    let world = World::new();
    let one = world.expired().await;
    let gate = world.server.holds_the_answer();
    let flight = meanwhile(&one, |h| async move { h.refresh_if_expired().await.unwrap() });
    world.server.has_seen(1).await;
    let forced = meanwhile(&one, |h| async move { h.refresh().await.unwrap() });
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(1);
    assert_eq!(flight.await.unwrap(), Outcome::Refreshed);
    assert_eq!(forced.await.unwrap(), Outcome::Joined);
    assert_eq!(world.server.presented().len(), 1);

    // Much later another process refreshes. We have only to adopt.
    world.clock.advance(LIFETIME);
    assert_eq!(world.process().refresh_if_expired().await.unwrap(), Outcome::Refreshed);
    assert_eq!(one.refresh_if_expired().await.unwrap(), Outcome::Adopted);
    assert_eq!(world.server.presented(), ["rt-0", "rt-1"]);
}

#[tokio::test]
async fn a_cancelled_force_does_not_come_back_later() {
    let world = World::new();
    let one = world.expired().await;
    let gate = world.server.holds_the_answer();
    let flight = meanwhile(&one, |h| async move { h.refresh_if_expired().await.unwrap() });
    world.server.has_seen(1).await;
    let forced = meanwhile(&one, |h| async move { h.refresh().await });
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    forced.abort();
    let _ = forced.await;
    gate.add_permits(1);
    flight.await.unwrap();
    world.clock.advance(LIFETIME);
    world.process().refresh_if_expired().await.unwrap();
    assert_eq!(one.refresh_if_expired().await.unwrap(), Outcome::Adopted);
}

#[tokio::test]
async fn a_snapshot_never_says_none_of_a_living_session() {
    let world = World::new();
    world.expired().await;
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    let commit = store.hold_commit_request();
    let flight = meanwhile(&handle, |h| async move { h.refresh_if_expired().await });
    store.holds_somebody().await;
    handle.snapshot().await.unwrap(); // installs what it read: the flight's write is disturbed now
    let load = store.hold_load();
    let looking = meanwhile(&handle, |h| async move { h.snapshot().await.unwrap() });
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    commit.add_permits(1);
    flight.await.unwrap().unwrap();
    load.add_permits(1);
    let snapshot = looking.await.unwrap();
    assert!(matches!(snapshot, Snapshot::Active { .. }), "{snapshot:?}");
}

#[tokio::test]
async fn a_living_session_is_never_reported_as_absent() {
    let world = World::new();
    world.expired().await;
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    // First refresh: disturbed by a snapshot, so nothing is known afterwards.
    let commit = store.hold_commit();
    let caller = meanwhile(&handle, |h| async move { h.access_token().await });
    store.holds_somebody().await;
    handle.snapshot().await.unwrap();
    // The caller's look at the store after its refresh is slow.
    let load = store.hold_load();
    commit.add_permits(1);
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    // Meanwhile somebody asks for a refresh outright; it is disturbed by another look in the same way.
    let commit = store.hold_commit();
    let forced = meanwhile(&handle, |h| async move { h.refresh().await.unwrap() });
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    handle.snapshot().await.unwrap();
    commit.add_permits(1);
    forced.await.unwrap();
    load.add_permits(1);
    let token = caller.await.unwrap();
    assert!(token.is_ok(), "{token:?}");
}

#[tokio::test]
async fn a_logout_during_a_refresh_is_told_once() {
    let world = World::new();
    let handle = world.expired().await;
    let mut events = handle.subscribe();
    let gate = world.server.holds_the_answer();
    let flight = meanwhile(&handle, |h| async move { h.refresh_if_expired().await });
    world.server.has_seen(1).await;
    handle.logout().await.unwrap();
    gate.add_permits(1);
    let _ = flight.await.unwrap();
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push(event.kind);
    }
    assert_eq!(told, [SessionEventKind::Ended(EndReason::LoggedOut)]);
}

#[tokio::test]
async fn an_end_found_by_a_snapshot_is_told() {
    let world = World::new();
    let handle = world.signed_in().await;
    let mut events = handle.subscribe();
    world.process().logout().await.unwrap();
    handle.snapshot().await.unwrap();
    let _ = handle.access_token().await;
    let _ = handle.refresh_if_expired().await;
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push(event.kind);
    }
    assert_eq!(told, [SessionEventKind::Ended(EndReason::LoggedOut)]);
}

#[tokio::test]
async fn the_end_of_a_new_sign_in_is_told() {
    let world = World::new();
    let handle = world.signed_in().await;
    handle.logout().await.unwrap();
    let mut events = handle.subscribe();
    world.process().sign_in(world.session_with("at-x", "rt-x")).await.unwrap(); // a token the server will reject
    world.clock.advance(LIFETIME);
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Ended(EndReason::Rejected));
    assert_eq!(events.try_recv().unwrap().kind, SessionEventKind::Ended(EndReason::Rejected));
}

#[tokio::test]
async fn a_sign_in_elsewhere_is_refreshed_early_again() {
    let world = World::new();
    let mut without = world.session();
    without.tokens.refresh_token = None;
    world.process().sign_in(without).await.unwrap();
    let handle = world.builder().policy(Preemptive::skew(Duration::from_secs(60))).build().unwrap().session(&id());
    handle.access_token().await.unwrap();
    world.clock.advance(LIFETIME - Duration::from_secs(10));
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Postponed); // no refresh token
    world.process().sign_in(world.session()).await.unwrap();
    handle.snapshot().await.unwrap();
    world.clock.advance(LIFETIME - Duration::from_secs(10));
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Refreshed);
}

#[tokio::test(start_paused = true)]
async fn joined_is_not_said_of_an_expired_token() {
    let world = World::new();
    world.expired().await;
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    store.fail_commits(u32::MAX);
    assert!(handle.refresh_if_expired().await.is_ok());
    assert_eq!(token_of(&handle).await, "at-1");
    world.clock.advance(LIFETIME);
    let outcome = handle.refresh_if_expired().await;
    let token = handle.access_token().await;
    assert!(!(outcome.as_ref().is_ok_and(|o| o.is_usable()) && token.is_err()), "{outcome:?} {token:?}");
}

#[tokio::test(start_paused = true)]
async fn force_is_not_joined_by_a_refresh_already_served() {
    let world = World::new();
    world.expired().await;
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    store.fail_commits(u32::MAX);
    assert!(handle.refresh_if_expired().await.is_ok());
    let served = handle.access_token().await.unwrap();
    // A resource server refuses the new token.
    let outcome = handle.refresh_if_current_is(&served).await;
    let now = handle.access_token().await.unwrap();
    assert!(outcome.is_err() || now != served, "{outcome:?} but the refused token is served");
}

#[tokio::test]
async fn a_subscriber_outlives_eviction() {
    let world = World::new();
    let manager = world.builder().most_cached(1).build().unwrap();
    manager.session(&id()).sign_in(world.session()).await.unwrap();
    let mut events = manager.session(&id()).subscribe();
    for _ in 0..10 {
        let _ = manager.session(&SessionId::random());
    }
    manager.session(&id()).logout().await.unwrap();
    assert!(events.try_recv().is_ok());
}

#[tokio::test]
async fn an_end_that_was_told_is_not_followed_by_a_token() {
    let world = World::new();
    world.signed_in().await;
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    let gate_a = store.hold_load();
    let a = meanwhile(&handle, |h| async move { h.snapshot().await.unwrap() });
    store.holds_somebody().await; // A has read the living session
    world.process().logout().await.unwrap();
    let gate_b = store.hold_load();
    let b = meanwhile(&handle, |h| async move { h.refresh().await.unwrap() });
    store.holds_somebody().await; // B has read the tombstone
    gate_a.add_permits(1);
    a.await.unwrap();
    gate_b.add_permits(1);
    assert_eq!(b.await.unwrap(), Outcome::Ended(EndReason::LoggedOut));
    let token = handle.access_token().await;
    assert!(token.is_err(), "{token:?} after the end was told");
}

#[tokio::test]
async fn a_snapshot_returns_what_it_read() {
    let world = World::new();
    world.signed_in().await;
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    let gate_a = store.hold_load();
    let a = meanwhile(&handle, |h| async move { h.snapshot().await.unwrap() });
    store.holds_somebody().await;
    world.process().logout().await.unwrap();
    let gate_b = store.hold_load();
    let b = meanwhile(&handle, |h| async move { h.snapshot().await.unwrap() });
    store.holds_somebody().await;
    gate_a.add_permits(1);
    a.await.unwrap();
    gate_b.add_permits(1);
    let seen = b.await.unwrap();
    assert!(matches!(seen, Snapshot::Ended { .. }), "{seen:?}");
}

#[tokio::test]
async fn storing_a_sign_in_again_is_harmless() {
    let world = World::new();
    world.signed_in().await;
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    let session = world.session();
    store.lose_commit_answers(1);
    assert!(handle.sign_in(session.clone()).await.is_err()); // stored all the same
    world.clock.advance(LIFETIME);
    assert_eq!(world.process().refresh_if_expired().await.unwrap(), Outcome::Refreshed);
    handle.sign_in(session).await.unwrap(); // as the documentation says
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Fresh);
}

#[tokio::test]
async fn a_sign_in_that_may_be_stored_is_looked_for() {
    let world = World::new();
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    handle.sign_in(world.session()).await.unwrap();
    store.lose_commit_answers(1);
    assert!(handle.sign_in(world.session_with("at-bob", "rt-bob")).await.is_err());
    assert_eq!(world.stored_session().await.tokens.access_token.unwrap().expose(), "at-bob");
    assert_eq!(token_of(&handle).await, "at-bob");
}

#[tokio::test]
async fn a_stale_wanted_does_not_refresh_a_fresh_token() {
    let world = World::new();
    world.expired().await;
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    let gate = store.hold_commit();
    let flight = meanwhile(&handle, |h| async move { h.refresh_if_expired().await.unwrap() });
    store.holds_somebody().await;
    let forced = meanwhile(&handle, |h| async move { h.refresh().await.unwrap() });
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    handle.snapshot().await.unwrap();
    gate.add_permits(1);
    flight.await.unwrap();
    assert_eq!(forced.await.unwrap(), Outcome::Joined);
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Fresh);
    assert_eq!(world.server.presented().len(), 1);
}
