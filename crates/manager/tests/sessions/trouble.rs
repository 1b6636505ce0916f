//! Lost answers, a store that is down, a server that is down; and what is said about them.

use std::time::Duration;

use oidc_session_core::{EndReason, HolderId, Lease, ProviderErrorKind, SessionStore as _};
use oidc_session_manager::{Outcome, Preemptive, SessionErrorKind, SessionEventKind, SessionManager, Snapshot};
use oidc_session_testkit::ManualClock;

use crate::support::{LIFETIME, Turn, Unruly, World, id, token_of};

#[tokio::test]
async fn an_early_refresh_that_fails_costs_nothing() {
    let world = World::new();
    let builder = world.builder().policy(Preemptive::skew(Duration::from_secs(60)));
    let handle = builder.build().unwrap().session(&id());
    handle.sign_in(world.session()).await.unwrap();
    world.clock.advance(LIFETIME - Duration::from_secs(30));
    world.server.then(Turn::Fails(ProviderErrorKind::NotSent));

    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Postponed);
    assert_eq!(token_of(&handle).await, "at-0");
    // The server is left alone for a while …
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Postponed);
    assert_eq!(world.server.presented().len(), 1);
    // … and then asked again.
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Refreshed);
}

#[tokio::test(start_paused = true)]
async fn an_early_refresh_that_does_not_reach_the_store_takes_nothing_from_the_memory() {
    let world = World::new();
    let store = Unruly::new(&world);
    let builder = SessionManager::builder(world.server.clone(), store.clone()).clock(world.clock.clone());
    let manager = builder.policy(Preemptive::skew(Duration::from_secs(60))).build().unwrap();
    let handle = manager.session(&id());
    handle.sign_in(world.session()).await.unwrap();
    world.clock.advance(LIFETIME - Duration::from_secs(30));
    store.hang();
    for _ in 0..3 {
        assert_eq!(token_of(&handle).await, "at-0");
        manager.drain().await;
    }
    assert_eq!(world.server.presented(), Vec::<String>::new());
}

#[tokio::test]
async fn a_due_token_is_served_at_once_and_refreshed_behind_the_caller() {
    let world = World::new();
    let builder = world.builder().policy(Preemptive::skew(Duration::from_secs(60)));
    let manager = builder.build().unwrap();
    let handle = manager.session(&id());
    handle.sign_in(world.session()).await.unwrap();
    world.clock.advance(LIFETIME - Duration::from_secs(30));

    assert_eq!(token_of(&handle).await, "at-0");
    manager.drain().await;
    assert_eq!(token_of(&handle).await, "at-1");
}

#[tokio::test]
async fn a_lost_answer_is_repeated_once_and_a_verdict_after_it_says_so() {
    let world = World::new();
    let handle = world.expired().await;
    // The server rotated, and detects the repeat as reuse: no client can save this session.
    world.server.then(Turn::LosesTheAnswer);
    tokio::time::pause();
    let outcome = handle.refresh_if_expired().await.unwrap();
    assert_eq!(outcome, Outcome::Ended(EndReason::RejectedAfterUnknownOutcome));
    assert_eq!(outcome.as_str(), "reuse_suspected");
    assert_eq!(world.server.presented(), ["rt-0", "rt-0"]);
}

#[tokio::test]
async fn a_lost_request_is_repeated_once_and_the_session_lives() {
    let world = World::new();
    let handle = world.expired().await;
    world.server.then(Turn::Fails(ProviderErrorKind::OutcomeUnknown));
    assert_eq!(token_of(&handle).await, "at-1");
    assert_eq!(world.server.presented(), ["rt-0", "rt-0"]);
}

#[tokio::test(start_paused = true)]
async fn two_lost_requests_leave_the_outcome_unknown_and_the_session_stored() {
    let world = World::new();
    let handle = world.expired().await;
    let lost = Turn::Fails(ProviderErrorKind::OutcomeUnknown);
    world.server.then(lost.clone()).then(lost);
    let error = handle.refresh_if_expired().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (SessionErrorKind::Unavailable, "outcome_unknown"));
    assert!(error.retry_in().is_some());

    // Nobody hammers: another process is held off by the store.
    assert!(world.process().refresh_if_expired().await.is_err());
    assert_eq!(world.server.presented().len(), 2);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(token_of(&world.process()).await, "at-1");
}

#[tokio::test(start_paused = true)]
async fn whoever_lost_the_answer_itself_waits_for_nobody_and_others_give_way() {
    for is_another in [false, true] {
        let world = World::new();
        let handle = world.expired().await;
        let lost = Turn::Fails(ProviderErrorKind::OutcomeUnknown);
        world.server.then(lost.clone()).then(lost);
        handle.refresh_if_expired().await.unwrap_err();
        world.clock.advance(Duration::from_secs(30));

        let next = if is_another { world.process() } else { handle };
        let one_call_and_a_second = Duration::from_secs(6);
        let took = elapsed(async { assert_eq!(token_of(&next).await, "at-1") }).await;
        assert_eq!(took >= one_call_and_a_second, is_another, "{took:?}");
    }
}

/// How much of the runtime's time passes.
#[expect(clippy::disallowed_methods, reason = "the runtime is paused, so this is no clock")]
async fn elapsed(what: impl Future<Output = ()>) -> Duration {
    let begun = tokio::time::Instant::now();
    what.await;
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_at_the_commit_loses_nothing_and_the_token_is_served_meanwhile() {
    let world = World::new();
    world.expired().await;
    let store = Unruly::new(&world);
    let manager = world.over(&store);
    store.fail_commits(5);

    let handle = manager.session(&id());
    assert_eq!(token_of(&handle).await, "at-1");
    assert_eq!(world.stored_session().await.tokens.refresh_token.unwrap().expose(), "rt-0");

    manager.drain().await;
    assert_eq!(world.stored_session().await.tokens.refresh_token.unwrap().expose(), "rt-1");
    assert_eq!(world.server.presented(), ["rt-0"]);
}

#[tokio::test(start_paused = true)]
async fn while_a_commit_is_retried_its_lease_is_renewed_and_nobody_else_refreshes() {
    let world = World::new();
    world.expired().await;
    let store = Unruly::new(&world);
    let manager = world.over(&store);
    store.fail_commits(u32::MAX);
    assert_eq!(token_of(&manager.session(&id())).await, "at-1");

    // Three leases long, in which the holder's is renewed again and again.
    for _ in 0..60 {
        world.clock.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let asked = world.store.try_lease(&id().store_key(), HolderId::random(), Duration::from_secs(15)).await;
        assert!(matches!(asked.unwrap(), Lease::Held { .. }));
    }
    store.fail_commits(0);
    manager.drain().await;
    assert_eq!(token_of(&world.process()).await, "at-1");
    assert_eq!(world.server.presented(), ["rt-0"]);
}

#[tokio::test(start_paused = true)]
async fn the_lease_is_renewed_before_a_lost_request_is_repeated() {
    let world = World::new();
    let handle = world.expired().await;
    world.server.then(Turn::Hangs);
    let gate = world.server.holds_the_answer();
    let flight = tokio::spawn(async move { handle.refresh_if_expired().await.unwrap() });
    world.server.has_seen(1).await;
    // The first request takes all its time, and most of the lease with it.
    world.clock.advance(Duration::from_secs(10));
    tokio::time::sleep(Duration::from_secs(10)).await;
    world.server.has_seen(2).await;
    world.clock.advance(Duration::from_secs(15));
    let asked = world.store.try_lease(&id().store_key(), HolderId::random(), Duration::from_secs(15)).await;
    assert!(matches!(asked.unwrap(), Lease::Held { .. }));
    gate.add_permits(1);
    assert_eq!(flight.await.unwrap(), Outcome::Refreshed);
}

#[tokio::test]
async fn a_server_that_says_when_to_come_back_is_left_alone_until_then_by_every_process() {
    let world = World::new();
    let handle = world.expired().await;
    let wait = Duration::from_secs(120);
    world.server.then(Turn::TryLater(wait));
    assert_eq!(handle.access_token().await.unwrap_err().retry_in(), Some(wait));
    for _ in 0..119 {
        world.clock.advance(Duration::from_secs(1));
        for process in [&handle, &world.process()] {
            assert_eq!(process.access_token().await.unwrap_err().kind(), SessionErrorKind::Unavailable);
        }
    }
    assert_eq!(world.server.presented().len(), 1);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(token_of(&world.process()).await, "at-1");
}

/// A process that freezes in a call of the store, and so does not find it too slow.
fn patient(world: &World, store: &Unruly) -> SessionManager {
    let builder = SessionManager::builder(world.server.clone(), store.clone()).clock(world.clock.clone());
    builder.store_budget(Duration::from_secs(9)).lease(Duration::from_secs(20)).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_process_frozen_between_lease_and_request_does_not_send_when_it_wakes() {
    let world = World::new();
    world.expired().await;
    let store = Unruly::new(&world);
    let gate = store.hold_lease();
    let frozen = patient(&world, &store).session(&id());
    let flight = tokio::spawn(async move { (frozen.refresh_if_expired().await.unwrap(), token_of(&frozen).await) });
    store.holds_somebody().await;

    // Its lease ends, and another process takes over.
    world.clock.advance(Duration::from_secs(21));
    assert_eq!(world.process().refresh_if_expired().await.unwrap(), Outcome::Refreshed);
    gate.add_permits(1);
    assert_eq!(flight.await.unwrap(), (Outcome::Adopted, "at-1".to_owned()));
    assert_eq!(world.server.presented(), ["rt-0"]);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_not_looked_for_on_every_call() {
    let world = World::new();
    let handle = world.expired().await;
    world.server.set_reachable(false);
    for _ in 0..5 {
        assert_eq!(handle.access_token().await.unwrap_err().kind(), SessionErrorKind::Unavailable);
    }
    assert_eq!(world.server.prepared(), 1);
    // The pauses grow with each failure in a row …
    for _ in 0..10 {
        world.clock.advance(Duration::from_secs(1));
        let _ = handle.access_token().await;
    }
    let looked = world.server.prepared();
    assert!((3..=5).contains(&looked), "{looked}");
    // … and start over after a success.
    world.server.set_reachable(true);
    world.clock.advance(LIFETIME);
    assert_eq!(token_of(&handle).await, "at-1");
    world.server.set_reachable(false);
    world.clock.advance(LIFETIME);
    let before = world.server.prepared();
    let _ = handle.access_token().await;
    world.clock.advance(Duration::from_secs(2));
    let _ = handle.access_token().await;
    assert_eq!(world.server.prepared(), before + 2);
}

#[tokio::test]
async fn expiring_a_session_keeps_the_journal_of_attempts_nobody_finished() {
    let world = World::new();
    let handle = world.signed_in().await;
    let _ = world.store.try_lease(&id().store_key(), HolderId::random(), Duration::from_secs(15)).await.unwrap();
    world.clock.advance(Duration::from_secs(16));
    handle.expire().await.unwrap();
    assert_eq!(world.stored_session().await.unsettled_attempts, 1);

    // So a verdict on the next refresh is not taken for a plain one.
    world.server.kill();
    tokio::time::pause();
    let outcome = handle.refresh_if_expired().await.unwrap();
    assert_eq!(outcome, Outcome::Ended(EndReason::RejectedAfterUnknownOutcome));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up_after_the_request_budget() {
    let world = World::new();
    let handle = world.expired().await;
    world.server.then(Turn::Hangs).then(Turn::Hangs);
    #[expect(clippy::disallowed_methods, reason = "paused time is what is measured")]
    let started = tokio::time::Instant::now();
    let error = handle.refresh_if_expired().await.unwrap_err();
    assert_eq!(error.outcome(), "outcome_unknown");
    assert_eq!(started.elapsed().as_secs(), 20); // the attempt and its one repeat
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_is_given_up_and_the_session_is_kept() {
    let world = World::new();
    world.signed_in().await;
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    store.hang();
    assert_eq!(handle.access_token().await.unwrap_err().kind(), SessionErrorKind::Unavailable);
    assert_eq!(world.stored_session().await.tokens.refresh_token.unwrap().expose(), "rt-0");
}

#[tokio::test]
async fn a_lease_that_a_slow_server_and_a_slow_store_could_outlive_is_refused() {
    let world = World::new();
    let builder = || world.builder().store_budget(Duration::from_secs(2));
    let error = builder().lease(Duration::from_secs(12)).build().unwrap_err();
    assert!(error.to_string().contains("13s"), "{error}");
    assert!(builder().lease(Duration::from_secs(13)).build().is_ok());
    // No budget is too large to be told so.
    assert!(builder().store_budget(Duration::MAX).lease(Duration::from_secs(60)).build().is_err());
}

#[tokio::test(start_paused = true)]
async fn the_lease_outlives_a_slow_answer_and_a_slow_commit() {
    let world = World::new();
    world.expired().await;
    let store = Unruly::new(&world);
    let handle = world.over(&store).session(&id());
    let (answer, commit) = (world.server.holds_the_answer(), store.hold_commit_request());
    let flight = tokio::spawn(async move { handle.refresh_if_expired().await.unwrap() });
    world.server.has_seen(1).await;
    world.clock.advance(Duration::from_secs(9));
    answer.add_permits(1);
    store.holds_somebody().await;
    world.clock.advance(Duration::from_secs(4));
    let lease = world.store.try_lease(&id().store_key(), HolderId::random(), Duration::from_secs(15)).await.unwrap();
    assert!(matches!(lease, Lease::Held { .. }));
    commit.add_permits(1);
    assert_eq!(flight.await.unwrap(), Outcome::Refreshed);
    assert_eq!(world.server.presented(), ["rt-0"]);
}

#[tokio::test(start_paused = true)]
async fn a_machine_suspended_between_lease_and_request_does_not_send_when_it_wakes() {
    // The store runs on another machine, whose time goes on.
    let elsewhere = World::new();
    let world = World { clock: ManualClock::new(), server: elsewhere.server.clone(), store: elsewhere.store.clone() };
    elsewhere.expired().await;
    world.clock.advance(LIFETIME);
    let store = Unruly::new(&world);
    let gate = store.hold_lease();
    let suspended = patient(&world, &store).session(&id());
    let flight = tokio::spawn(async move { suspended.refresh_if_expired().await.unwrap() });
    store.holds_somebody().await;

    world.clock.suspend(Duration::from_secs(60));
    elsewhere.clock.advance(Duration::from_secs(60));
    assert_eq!(elsewhere.process().refresh_if_expired().await.unwrap(), Outcome::Refreshed);
    gate.add_permits(1);
    assert_eq!(flight.await.unwrap(), Outcome::Adopted);
    assert_eq!(elsewhere.server.presented(), ["rt-0"]);
}

#[test]
fn a_call_without_a_living_runtime_fails_and_does_not_hang() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = World::new();
    let handle = runtime.block_on(world.expired());
    let context = runtime.handle().clone();
    drop(runtime);
    for inside in [true, false] {
        let (handle, context) = (handle.clone(), context.clone());
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let _context = inside.then(|| context.enter());
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                futures_util::FutureExt::now_or_never(handle.refresh_if_expired())
            }));
            tell.send(()).unwrap();
        });
        assert!(told.recv_timeout(Duration::from_secs(10)).is_ok(), "the thread hangs");
    }
}

#[tokio::test]
async fn a_token_that_is_due_but_cannot_be_refreshed_does_not_cost_a_read_on_every_call() {
    for has_refresh_token in [false, true] {
        let world = World::new();
        let store = Unruly::new(&world);
        let manager = SessionManager::builder(world.server.clone(), store.clone())
            .clock(world.clock.clone())
            .policy(Preemptive::skew(Duration::from_secs(60)))
            .build()
            .unwrap();
        let handle = manager.session(&id());
        let mut session = world.session();
        session.tokens.refresh_token = session.tokens.refresh_token.filter(|_| has_refresh_token);
        handle.sign_in(session).await.unwrap();
        world.clock.advance(LIFETIME - Duration::from_secs(30));
        // Somebody else has the lease.
        let _ = world.store.try_lease(&id().store_key(), HolderId::random(), Duration::from_secs(15)).await.unwrap();

        let before = store.calls();
        for _ in 0..100 {
            assert_eq!(token_of(&handle).await, "at-0");
            assert!(handle.refresh_if_expired().await.unwrap().is_usable());
            manager.drain().await;
        }
        assert!(store.calls() - before < 5, "{} calls", store.calls() - before);
    }
}

#[tokio::test]
async fn every_outcome_is_announced_after_its_commit() {
    let world = World::new();
    let handle = world.process();
    let mut events = handle.subscribe();
    handle.sign_in(world.session()).await.unwrap();
    world.clock.advance(LIFETIME);
    handle.refresh_if_expired().await.unwrap();
    world.clock.advance(LIFETIME);
    world.server.then(Turn::Fails(ProviderErrorKind::TryLater));
    handle.refresh_if_expired().await.unwrap_err();
    world.clock.advance(LIFETIME);
    world.server.kill();
    handle.refresh_if_expired().await.unwrap();

    let mut kinds = Vec::new();
    while let Ok(event) = events.try_recv() {
        kinds.push(event.kind);
    }
    assert_eq!(
        kinds,
        [
            SessionEventKind::SignedIn,
            SessionEventKind::Refreshed,
            SessionEventKind::Unavailable("unavailable"),
            SessionEventKind::Ended(EndReason::Rejected),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_that_can_be_printed_shows_a_token() {
    let world = World::new();
    let handle = world.expired().await;
    let mut shown = format!("{handle:?} {:?} {:?}", world.session(), handle.snapshot().await.unwrap());
    let served = handle.token_for(Duration::ZERO).await.unwrap();
    let header = handle.authorization().await.unwrap();
    assert_eq!(header.to_str().unwrap(), "Bearer at-1");
    shown += &format!("{served:?} {header:?} {:?}", world.stored().await);
    world.clock.advance(LIFETIME);
    world.server.then(Turn::Fails(ProviderErrorKind::OutcomeUnknown));
    world.server.kill();
    shown += &format!("{:?} {:?}", handle.refresh_if_expired().await, handle.access_token().await.unwrap_err());
    for secret in ["at-", "rt-"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(matches!(handle.snapshot().await.unwrap(), Snapshot::Ended { .. }));
}

#[tokio::test]
async fn whoever_comes_while_nobody_tries_is_told_the_cause_too() {
    let world = World::new();
    let handle = world.expired().await;
    world.server.then(Turn::Fails(ProviderErrorKind::InteractionRequired));
    let first = handle.access_token().await.unwrap_err();
    world.clock.advance(Duration::from_secs(1));
    let later = handle.access_token().await.unwrap_err();
    assert_eq!(world.server.presented().len(), 1);
    assert_eq!((first.outcome(), later.outcome()), ("interaction_required", "interaction_required"));
    assert_eq!(later.kind(), SessionErrorKind::SignInNeeded);
    assert!(later.retry_in().unwrap() < first.retry_in().unwrap(), "{later:?}");
}
