//! Logout is final, and a new sign-in is never overwritten.

use std::time::Duration;

use oidc_session_core::{AccessToken, EndReason, Revocation, Sweep as _};
use oidc_session_manager::{Outcome, SessionErrorKind, SessionEventKind};

use crate::support::{Unruly, World, id, meanwhile, token_of};

#[tokio::test]
async fn logout_writes_a_tombstone_and_revokes() {
    let world = World::new();
    let handle = world.signed_in().await;
    let mut events = handle.subscribe();
    let report = handle.logout().await.unwrap();

    assert_eq!(report.ended.unwrap().subject.as_deref(), Some("alice"));
    assert!(matches!(report.revocation, Some(Ok(Revocation::Done))));
    assert_eq!(world.server.revoked(), ["rt-0"]);
    assert_eq!(events.try_recv().unwrap().kind, SessionEventKind::Ended(EndReason::LoggedOut));

    // Whoever still knows the session can learn of its end for a month.
    world.clock.advance(Duration::from_secs(29 * 24 * 60 * 60));
    assert_eq!(world.store.sweep(10).await.unwrap(), 0);
    for process in [handle, world.process()] {
        let error = process.access_token().await.unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::SignInNeeded);
        assert_eq!(error.end_reason(), Some(EndReason::LoggedOut));
        // Once more is no error, and revokes nothing.
        assert!(process.logout().await.unwrap().ended.is_none());
    }
    assert_eq!(world.server.revoked(), ["rt-0"]);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_does_not_stop_a_logout() {
    let world = World::new();
    let handle = world.signed_in().await;
    world.server.fails_to_revoke();
    let report = handle.logout().await.unwrap();
    assert!(report.ended.is_some());
    assert!(matches!(report.revocation, Some(Err(_))));
    assert_eq!(world.process().access_token().await.unwrap_err().end_reason(), Some(EndReason::LoggedOut));
}

#[tokio::test]
async fn a_store_that_is_down_stops_a_logout_before_anything_is_revoked() {
    let world = World::new();
    world.signed_in().await;
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    store.fail_commits(1);
    assert_eq!(handle.logout().await.unwrap_err().kind(), SessionErrorKind::Unavailable);
    assert!(world.server.revoked().is_empty());
    assert_eq!(token_of(&handle).await, "at-0");
}

#[tokio::test]
async fn a_refresh_that_lands_after_a_logout_does_not_commit_and_revokes_what_it_got() {
    let world = World::new();
    let handle = world.expired().await;
    let gate = world.server.holds_the_answer();
    let flight = meanwhile(&handle, |handle| async move { handle.refresh_if_expired().await.unwrap() });
    world.server.has_seen(1).await;
    // Somebody logs out in another process while the answer is on the way.
    world.process().logout().await.unwrap();
    gate.add_permits(1);

    assert_eq!(flight.await.unwrap(), Outcome::Ended(EndReason::LoggedOut));
    assert_eq!(world.server.revoked(), ["rt-0", "rt-1"]);
    assert!(handle.access_token().await.is_err());
    assert!(world.process().access_token().await.is_err());
}

#[tokio::test]
async fn a_logout_in_the_same_process_outruns_a_refresh_too() {
    let world = World::new();
    let handle = world.expired().await;
    let gate = world.server.holds_the_answer();
    let flight = meanwhile(&handle, |handle| async move { handle.access_token().await });
    world.server.has_seen(1).await;
    handle.logout().await.unwrap();
    gate.add_permits(1);

    assert_eq!(flight.await.unwrap().unwrap_err().end_reason(), Some(EndReason::LoggedOut));
    assert_eq!(world.server.revoked(), ["rt-0", "rt-1"]);
}

#[tokio::test]
async fn a_logout_that_comes_second_ends_and_revokes_what_the_refresh_got() {
    let world = World::new();
    world.expired().await;
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    let gate = store.hold_load();
    let logout = meanwhile(&handle, |handle| async move { handle.logout().await.unwrap() });
    store.holds_somebody().await;
    // Between its look and its tombstone another process refreshes.
    let other = world.process();
    assert_eq!(token_of(&other).await, "at-1");
    gate.add_permits(1);

    let report = logout.await.unwrap();
    assert_eq!(report.ended.unwrap().tokens.refresh_token.unwrap().expose(), "rt-1");
    assert_eq!(world.server.revoked(), ["rt-1"]);
    assert_eq!(handle.access_token().await.unwrap_err().end_reason(), Some(EndReason::LoggedOut));
    assert_eq!(other.refresh().await.unwrap(), Outcome::Ended(EndReason::LoggedOut));
    assert_eq!(world.server.presented(), ["rt-0"]);
}

#[tokio::test]
async fn what_was_read_before_a_logout_is_not_served_after_it() {
    let world = World::new();
    world.signed_in().await;
    let store = Unruly::new(&world);
    let manager = world.over(&store);
    let gate = store.hold_load();
    let reader = tokio::spawn({
        let handle = manager.session(&id());
        async move { handle.access_token().await }
    });
    store.holds_somebody().await;
    manager.session(&id()).logout().await.unwrap();
    gate.add_permits(1);
    assert_eq!(reader.await.unwrap().unwrap_err().end_reason(), Some(EndReason::LoggedOut));
    assert!(manager.session(&id()).access_token().await.is_err());
}

#[tokio::test]
async fn a_new_sign_in_is_never_overwritten_by_an_old_refresh() {
    let world = World::new();
    let handle = world.expired().await;
    let gate = world.server.holds_the_answer();
    let flight = meanwhile(&handle, |handle| async move { handle.refresh_if_expired().await.unwrap() });
    world.server.has_seen(1).await;
    world.process().sign_in(world.session_with("at-new", "rt-new")).await.unwrap();
    gate.add_permits(1);

    assert!(flight.await.unwrap().is_usable());
    assert_eq!(token_of(&handle).await, "at-new");
    assert_eq!(token_of(&world.process()).await, "at-new");
    // What the old refresh got belongs to a session nobody has any more.
    assert_eq!(world.server.revoked(), ["rt-1"]);
}

#[tokio::test]
async fn a_sign_in_that_comes_second_replaces_what_the_refresh_got() {
    let world = World::new();
    world.expired().await;
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    let gate = store.hold_load();
    let sign_in = meanwhile(&handle, {
        let session = world.session_with("at-new", "rt-new");
        |handle| async move { handle.sign_in(session).await.unwrap() }
    });
    store.holds_somebody().await;
    // Between its look and its commit another process refreshes.
    let other = world.process();
    assert_eq!(token_of(&other).await, "at-1");
    gate.add_permits(1);

    sign_in.await.unwrap();
    assert_eq!(token_of(&handle).await, "at-new");
    assert_eq!(token_of(&world.process()).await, "at-new");
    assert_eq!(world.stored_session().await.tokens.refresh_token.unwrap().expose(), "rt-new");
}

#[tokio::test]
async fn what_an_old_refresh_got_is_not_revoked_where_that_would_end_the_new_sign_in() {
    let mut world = World::new();
    world.server = world.server.clone().revoking_every_grant();
    let handle = world.expired().await;
    let gate = world.server.holds_the_answer();
    let refresh = meanwhile(&handle, |handle| async move { handle.refresh_if_expired().await });
    world.server.has_seen(1).await;
    world.process().sign_in(world.session_with("at-new", "rt-new")).await.unwrap();
    gate.add_permits(1);
    refresh.await.unwrap().unwrap();
    assert!(world.server.revoked().is_empty());
    // After a logout nobody is left to suffer from it.
    let handle = world.expired().await;
    handle.logout().await.unwrap();
    assert_eq!(world.server.revoked(), ["rt-0"]);
}

#[tokio::test]
async fn a_sign_in_that_is_slow_to_return_does_not_undo_a_later_logout() {
    let world = World::new();
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    let gate = store.hold_commit();
    let signing_in = tokio::spawn({
        let (handle, session) = (handle.clone(), world.session());
        async move { handle.sign_in(session).await.unwrap() }
    });
    store.holds_somebody().await;
    handle.logout().await.unwrap();
    gate.add_permits(1);
    signing_in.await.unwrap();
    assert_eq!(world.server.revoked(), ["rt-0"]);
    assert_eq!(handle.access_token().await.unwrap_err().end_reason(), Some(EndReason::LoggedOut));
}

#[tokio::test]
async fn a_sign_in_that_is_slow_to_return_does_not_undo_a_later_sign_in() {
    let world = World::new();
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    let gate = store.hold_commit();
    let signing_in = tokio::spawn({
        let (handle, session) = (handle.clone(), world.session_with("at-alice", "rt-alice"));
        async move { handle.sign_in(session).await.unwrap() }
    });
    store.holds_somebody().await;
    handle.sign_in(world.session_with("at-bob", "rt-bob")).await.unwrap();
    gate.add_permits(1);
    signing_in.await.unwrap();
    assert_eq!(token_of(&handle).await, "at-bob");
}

#[tokio::test]
async fn a_read_that_is_slow_to_return_does_not_undo_an_end_that_was_seen() {
    let world = World::new();
    world.signed_in().await;
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    let gate = store.hold_load();
    let looking = meanwhile(&handle, |handle| async move { handle.snapshot().await.unwrap() });
    store.holds_somebody().await;
    world.process().logout().await.unwrap();
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Ended(EndReason::LoggedOut));
    gate.add_permits(1);
    looking.await.unwrap();
    assert!(handle.access_token().await.is_err());
}

#[tokio::test]
async fn a_read_that_is_slow_to_return_does_not_bring_a_rejected_token_back() {
    let world = World::new();
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    handle.sign_in(world.session()).await.unwrap();
    let gate = store.hold_load();
    let looking = meanwhile(&handle, |handle| async move { handle.snapshot().await.unwrap() });
    store.holds_somebody().await;
    handle.refresh_if_current_is(&AccessToken::new("at-0")).await.unwrap();
    gate.add_permits(1);
    looking.await.unwrap();
    assert_eq!(token_of(&handle).await, "at-1");
}

#[tokio::test]
async fn a_logout_whose_tombstone_was_stored_without_an_answer_still_revokes() {
    let world = World::new();
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    handle.sign_in(world.session()).await.unwrap();
    store.lose_commit_answers(1);
    assert!(handle.logout().await.unwrap().ended.is_some());
    assert_eq!(world.server.revoked(), ["rt-0"]);
}

#[tokio::test]
async fn an_end_is_announced_once() {
    let world = World::new();
    let handle = world.signed_in().await;
    let mut events = handle.subscribe();
    world.process().logout().await.unwrap();
    for _ in 0..3 {
        assert_eq!(handle.refresh().await.unwrap(), Outcome::Ended(EndReason::LoggedOut));
    }
    assert_eq!(events.try_recv().unwrap().kind, SessionEventKind::Ended(EndReason::LoggedOut));
    assert!(events.try_recv().is_err());
}
