//! One refresh, however many callers and processes.

use std::time::Duration;

use oidc_session_core::{AccessToken, EndReason, HolderId, Lease, SessionId, SessionStore as _, Target};
use oidc_session_manager::{Outcome, Preemptive};

use crate::support::{LIFETIME, Unruly, World, id, meanwhile, token_of};

#[tokio::test]
async fn a_thousand_callers_share_one_refresh() {
    let world = World::new();
    let handle = world.expired().await;
    let gate = world.server.holds_the_answer();
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let handle = handle.clone();
            tokio::spawn(async move { handle.refresh_if_expired().await.unwrap() })
        })
        .collect();
    world.server.has_seen(1).await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(1);

    let mut outcomes = Vec::new();
    for caller in callers {
        outcomes.push(caller.await.unwrap());
    }
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Refreshed).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Joined).count(), 999);
    assert_eq!(world.server.presented(), ["rt-0"]);
}

#[tokio::test(start_paused = true)]
async fn fifty_processes_share_one_refresh() {
    let world = World::new();
    world.expired().await;
    let gate = world.server.holds_the_answer();
    let processes: Vec<_> = (0..50)
        .map(|_| {
            let handle = world.process();
            tokio::spawn(async move { (handle.refresh_if_expired().await.unwrap(), token_of(&handle).await) })
        })
        .collect();
    world.server.has_seen(1).await;
    gate.add_permits(1);

    let mut refreshed = 0;
    for process in processes {
        let (outcome, token) = process.await.unwrap();
        refreshed += usize::from(outcome == Outcome::Refreshed);
        assert!(matches!(outcome, Outcome::Refreshed | Outcome::Adopted | Outcome::Fresh), "{outcome}");
        assert_eq!(token, "at-1");
    }
    assert_eq!(refreshed, 1);
    assert_eq!(world.server.presented(), ["rt-0"]);
}

#[tokio::test]
async fn a_process_adopts_what_another_refreshed() {
    let world = World::new();
    let one = world.signed_in().await;
    let other = world.process();
    assert_eq!(token_of(&other).await, "at-0");

    world.clock.advance(LIFETIME);
    assert_eq!(one.refresh_if_expired().await.unwrap(), Outcome::Refreshed);
    assert_eq!(other.refresh_if_expired().await.unwrap(), Outcome::Adopted);
    assert_eq!(token_of(&other).await, "at-1");
    assert_eq!(world.server.presented(), ["rt-0"]);
}

#[tokio::test]
async fn a_caller_that_gives_up_cancels_only_its_own_wait() {
    let world = World::new();
    let handle = world.expired().await;
    let gate = world.server.holds_the_answer();
    let caller = meanwhile(&handle, |handle| async move { handle.access_token().await });
    world.server.has_seen(1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());

    gate.add_permits(1);
    assert_eq!(token_of(&handle).await, "at-1");
    assert_eq!(world.server.presented(), ["rt-0"]);
}

#[tokio::test]
async fn a_due_token_is_served_at_once_while_another_process_refreshes() {
    let world = World::new();
    world.signed_in().await;
    let builder = world.builder().policy(Preemptive::skew(Duration::from_secs(60)));
    let handle = builder.build().unwrap().session(&id());
    world.clock.advance(LIFETIME - Duration::from_secs(1));

    let lease = world.store.try_lease(&id().store_key(), HolderId::random(), Duration::from_secs(15)).await.unwrap();
    assert!(matches!(lease, Lease::Granted { .. }));
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::ServedWhileRefreshing);
    assert_eq!(token_of(&handle).await, "at-0");
    assert!(world.server.presented().is_empty());
}

#[tokio::test]
async fn a_served_token_says_how_it_was_come_by_and_a_due_one_keeps_nobody_waiting() {
    let world = World::new();
    world.signed_in().await;
    let builder = world.builder().policy(Preemptive::skew(Duration::from_secs(60)));
    let handle = builder.build().unwrap().session(&id());
    let served = async || {
        let served = handle.served_token().await.unwrap();
        (served.access_token.expose().to_owned(), served.outcome)
    };
    assert_eq!(served().await, ("at-0".to_owned(), Outcome::Fresh));
    world.clock.advance(LIFETIME - Duration::from_secs(1));
    assert_eq!(served().await, ("at-0".to_owned(), Outcome::ServedWhileRefreshing));
    handle.refresh_if_expired().await.unwrap();
    world.clock.advance(LIFETIME);
    let (token, outcome) = served().await;
    assert_eq!((token.as_str(), outcome), ("at-2", Outcome::Refreshed));
    assert_eq!((handle.store_key(), handle.target()), (id().store_key(), &Target::default()));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_died_with_the_lease_delays_the_others_by_the_lease_and_no_more() {
    let world = World::new();
    let handle = world.expired().await;
    // It dies before it sends anything.
    let _ = world.store.try_lease(&id().store_key(), HolderId::random(), Duration::from_secs(15)).await.unwrap();

    let waiting = tokio::spawn(async move { (handle.refresh_if_expired().await.unwrap(), token_of(&handle).await) });
    for _ in 0..15 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(waiting.await.unwrap(), (Outcome::Refreshed, "at-1".to_owned()));
}

#[tokio::test]
async fn a_straggler_with_an_older_token_adopts_and_sends_nothing() {
    let world = World::new();
    let handle = world.expired().await;
    let old = AccessToken::new("at-0");
    assert_eq!(handle.refresh_if_current_is(&old).await.unwrap(), Outcome::Refreshed);
    for _ in 0..5 {
        assert!(handle.refresh_if_current_is(&old).await.unwrap().is_usable());
    }
    assert_eq!(world.server.presented(), ["rt-0"]);
}

#[tokio::test]
async fn the_verdict_of_a_loser_never_wipes_the_winner() {
    let world = World::new();
    let loser = world.expired().await;
    // The loser's request is refused, but while its answer is on the way somebody else signs in anew.
    world.server.kill();
    let gate = world.server.holds_the_answer();
    let flight = meanwhile(&loser, |loser| async move { loser.refresh_if_expired().await.unwrap() });
    world.server.has_seen(1).await;
    world.process().sign_in(world.session_with("at-new", "rt-new")).await.unwrap();
    gate.add_permits(1);

    assert_eq!(flight.await.unwrap(), Outcome::Adopted);
    assert_eq!(token_of(&loser).await, "at-new");
    assert_ne!(loser.refresh_if_expired().await.unwrap(), Outcome::Ended(EndReason::Rejected));
}

#[tokio::test(start_paused = true)]
async fn the_verdict_on_a_late_request_never_wipes_what_another_refreshed() {
    let world = World::new();
    let loser = world.expired().await;
    let gate = world.server.holds_the_request();
    let flight = meanwhile(&loser, |loser| async move { loser.refresh_if_expired().await.unwrap() });
    world.server.has_seen(1).await;
    // Its request is on the way for longer than its lease. Another process takes over, and its request overtakes.
    world.clock.advance(Duration::from_secs(21));
    assert_eq!(world.process().refresh_if_expired().await.unwrap(), Outcome::Refreshed);
    gate.add_permits(1);

    assert_eq!(flight.await.unwrap(), Outcome::Adopted);
    assert_eq!(token_of(&loser).await, "at-1");
    assert_eq!(world.server.presented(), ["rt-0", "rt-0"]);
    assert_eq!(world.stored_session().await.tokens.refresh_token.unwrap().expose(), "rt-1");
}

#[tokio::test]
async fn a_session_that_was_removed_is_forgotten_as_soon_as_anybody_looks() {
    let world = World::new();
    let handle = world.signed_in().await;
    let version = world.stored().await.unwrap().version;
    let _ = world.store.remove(&id().store_key(), version).await.unwrap();
    assert_eq!(handle.refresh().await.unwrap(), Outcome::NoSession);
    assert!(handle.access_token().await.is_err());
}

#[tokio::test]
async fn a_session_in_use_is_never_evicted_so_its_callers_still_share_one_refresh() {
    let world = World::new();
    let manager = world.builder().most_cached(1).build().unwrap();
    let handle = manager.session(&id());
    handle.sign_in(world.session()).await.unwrap();
    world.clock.advance(LIFETIME);
    let gate = world.server.holds_the_answer();
    let flight = tokio::spawn(async move { handle.refresh_if_expired().await.unwrap() });
    world.server.has_seen(1).await;

    for _ in 0..100 {
        let _ = manager.session(&SessionId::random());
    }
    let later = manager.session(&id());
    let joining = tokio::spawn(async move { later.refresh_if_expired().await.unwrap() });
    tokio::task::yield_now().await;
    gate.add_permits(1);
    assert_eq!((flight.await.unwrap(), joining.await.unwrap()), (Outcome::Refreshed, Outcome::Joined));
}

#[tokio::test]
async fn tokens_imported_anew_during_their_refresh_get_its_result_and_are_not_revoked() {
    for keeps_refresh_tokens in [false, true] {
        let world = World::new();
        if keeps_refresh_tokens {
            world.server.keeps_refresh_tokens();
        }
        let handle = world.expired().await;
        let gate = world.server.holds_the_answer();
        let flight = meanwhile(&handle, |handle| async move { handle.refresh_if_expired().await.unwrap() });
        world.server.has_seen(1).await;
        let mut imported = world.session();
        imported.data.insert("imported".to_owned(), true.into());
        world.process().sign_in(imported).await.unwrap();
        gate.add_permits(1);

        assert_eq!(flight.await.unwrap(), Outcome::Refreshed);
        assert!(world.server.revoked().is_empty());
        let stored = world.stored_session().await;
        assert!(stored.data.contains_key("imported"));
        assert_ne!(stored.tokens.access_token.unwrap().expose(), "at-0");
    }
}

#[tokio::test]
async fn a_refresh_token_read_before_the_lease_is_never_presented() {
    let world = World::new();
    world.expired().await;
    let store = Unruly::new(&world);
    let gate = store.hold_load();
    let slow = world.over(&store).session(&id());
    let flight = tokio::spawn(async move { slow.refresh_if_expired().await.unwrap() });
    store.holds_somebody().await;
    // While its first look is on the way, somebody else refreshes, and that access token expires as well.
    world.process().refresh_if_expired().await.unwrap();
    world.clock.advance(LIFETIME);
    gate.add_permits(1);
    assert_eq!(flight.await.unwrap(), Outcome::Refreshed);
    assert_eq!(world.server.presented(), ["rt-0", "rt-1"]);
}

#[tokio::test]
async fn a_caller_is_served_although_somebody_looked_at_the_store_while_its_refresh_landed() {
    let world = World::new();
    world.expired().await;
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    let gate = store.hold_commit();
    let caller = meanwhile(&handle, |handle| async move { token_of(&handle).await });
    store.holds_somebody().await;
    handle.snapshot().await.unwrap();
    gate.add_permits(1);
    assert_eq!(caller.await.unwrap(), "at-1");
    assert_eq!(token_of(&handle).await, "at-1");
}
