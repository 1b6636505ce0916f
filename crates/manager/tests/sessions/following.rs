//! What one machine does to a session reaches the other, and nothing of it is lost.

use std::time::Duration;

use oidc_session_core::{Clock as _, Custody, EndReason, Session, SessionId, SessionStore as _};
use oidc_session_manager::{FeedState, KeyRing, Outcome, SessionEventKind, SessionHandle, SessionManager};
use tokio::runtime::Runtime;

use crate::machine::{Line, Wire, follows, runtime_now, settle};
use crate::support::{LIFETIME, Unruly, World, id, meanwhile, token_of};

const MINUTE: Duration = Duration::from_secs(60);

/// A machine that follows the feed, and knows the session that is signed in.
async fn machine(world: &World) -> (SessionHandle, SessionManager, Line) {
    let line = Line::new(world);
    let manager = line.builder(world).confirm_after(Duration::MAX).build().unwrap();
    let handle = manager.session(&id());
    handle.snapshot().await.unwrap();
    follows(&manager).await;
    token_of(&handle).await;
    (handle, manager, line)
}

async fn two_machines(world: &World) -> (SessionHandle, SessionHandle, Line) {
    world.signed_in().await;
    let (one, ..) = machine(world).await;
    let (other, _, line) = machine(world).await;
    (one, other, line)
}

#[tokio::test]
async fn a_logout_on_one_machine_ends_the_session_in_the_memory_of_the_other() {
    let world = World::new();
    let (one, other, line) = two_machines(&world).await;
    let mut events = other.subscribe();
    one.logout().await.unwrap();
    settle().await;

    let loads = line.loads();
    let error = other.access_token().await.unwrap_err();
    assert_eq!(error.end_reason(), Some(EndReason::LoggedOut));
    assert!(line.loads() > loads);
    assert_eq!(events.try_recv().unwrap().kind, SessionEventKind::Ended(EndReason::LoggedOut));
    assert!(events.try_recv().is_err());
}

#[tokio::test]
async fn a_refresh_on_one_machine_is_adopted_by_the_other_with_one_look_and_no_refresh() {
    let world = World::new();
    let (one, other, line) = two_machines(&world).await;
    let mut events = other.subscribe();
    assert_eq!(one.refresh().await.unwrap(), Outcome::Refreshed);
    settle().await;

    let loads = line.loads();
    for _ in 0..5 {
        assert_eq!(token_of(&other).await, "at-1");
        assert_eq!(other.refresh_if_expired().await.unwrap(), Outcome::Fresh);
    }
    assert_eq!(line.loads() - loads, 1);
    assert_eq!(world.server.presented(), ["rt-0"]);
    assert_eq!(events.try_recv().unwrap().kind, SessionEventKind::Adopted);
    assert!(events.try_recv().is_err());
}

#[tokio::test]
async fn the_documented_flow_says_that_it_adopted_what_another_machine_refreshed() {
    let world = World::new();
    let (one, other, _) = two_machines(&world).await;
    let mut events = other.subscribe();
    one.refresh().await.unwrap();
    settle().await;
    assert_eq!(other.refresh_if_expired().await.unwrap(), Outcome::Adopted);
    assert_eq!(events.try_recv().unwrap().kind, SessionEventKind::Adopted);
    assert!(events.try_recv().is_err());
}

#[tokio::test]
async fn a_sign_in_on_one_machine_replaces_what_the_other_knows() {
    let world = World::new();
    let (one, other, _) = two_machines(&world).await;
    let mut events = other.subscribe();
    one.sign_in(world.session_with("at-new", "rt-new")).await.unwrap();
    settle().await;
    assert_eq!(token_of(&other).await, "at-new");
    assert_eq!(events.try_recv().unwrap().kind, SessionEventKind::SignedIn);
}

#[tokio::test]
async fn a_removal_is_seen() {
    let world = World::new();
    let (_, other, _) = two_machines(&world).await;
    let version = world.stored().await.unwrap().version;
    let _ = world.store.remove(&id().store_key(), version).await.unwrap();
    settle().await;
    assert_eq!(other.access_token().await.unwrap_err().outcome(), "no_session");
}

#[tokio::test]
async fn a_session_that_nobody_touched_is_not_asked_for() {
    let world = World::new();
    let (one, other, line) = two_machines(&world).await;
    let another = SessionId::named("another").unwrap();
    let manager = line.builder(&world).build().unwrap();
    let untouched = manager.session(&another);
    untouched.sign_in(world.session_with("at-x", "rt-x")).await.unwrap();
    follows(&manager).await;
    token_of(&untouched).await;
    token_of(&manager.session(&id())).await;

    one.refresh().await.unwrap();
    settle().await;
    let loads = line.loads();
    assert_eq!(token_of(&untouched).await, "at-x");
    assert_eq!(line.loads(), loads);
    assert_eq!(token_of(&other).await, "at-1");
}

#[tokio::test]
async fn sealed_sessions_are_followed_under_their_sealed_names() {
    let world = World::new();
    let ring = KeyRing::generate(world.clock.now());
    let mut handles = Vec::new();
    for _ in 0..2 {
        let manager = Line::new(&world).builder(&world).seal_with(ring.clone()).build().unwrap();
        let handle = manager.session(&id());
        if handles.is_empty() {
            handle.sign_in(world.session()).await.unwrap();
        }
        handle.snapshot().await.unwrap();
        follows(&manager).await;
        token_of(&handle).await;
        handles.push(handle);
    }
    handles[0].logout().await.unwrap();
    settle().await;
    assert_eq!(handles[1].access_token().await.unwrap_err().end_reason(), Some(EndReason::LoggedOut));
}

#[tokio::test]
async fn managers_over_one_store_in_memory_hear_of_each_other() {
    let world = World::new();
    let one = world.signed_in().await;
    let manager = world.builder().build().unwrap();
    let other = manager.session(&id());
    token_of(&other).await;
    follows(&manager).await;
    token_of(&other).await;
    one.logout().await.unwrap();
    settle().await;
    assert!(other.access_token().await.is_err());
}

/// The echo of a commit arrives before its answer does.
#[tokio::test]
async fn what_this_process_commits_costs_it_no_look() {
    let world = World::new();
    world.signed_in().await;
    let store = Unruly::new(&world);
    let line = Line::over(store.clone(), Custody::Server, true);
    let manager = line.builder(&world).build().unwrap();
    let handle = manager.session(&id());
    handle.snapshot().await.unwrap();
    follows(&manager).await;
    token_of(&handle).await;

    // A refresh looks once.
    let (loads, gate) = (line.loads(), store.hold_commit());
    let refresh = meanwhile(&handle, |handle| async move { handle.refresh().await.unwrap() });
    store.holds_somebody().await;
    settle().await;
    assert_eq!(token_of(&handle).await, "at-0");
    gate.add_permits(1);
    assert_eq!(refresh.await.unwrap(), Outcome::Refreshed);
    assert_eq!(token_of(&handle).await, "at-1");
    assert_eq!(line.loads() - loads, 1);

    // So does a sign-in.
    let (loads, gate) = (line.loads(), store.hold_commit());
    let session = world.session_with("at-new", "rt-1");
    let sign_in = meanwhile(&handle, |handle| async move { handle.sign_in(session).await.unwrap() });
    store.holds_somebody().await;
    settle().await;
    gate.add_permits(1);
    sign_in.await.unwrap();
    assert_eq!(token_of(&handle).await, "at-new");
    assert_eq!(line.loads() - loads, 1);

    // And a logout, and whoever asks whether it has ended.
    let (loads, gate) = (line.loads(), store.hold_commit());
    let logout = meanwhile(&handle, |handle| async move { handle.logout().await.unwrap() });
    store.holds_somebody().await;
    settle().await;
    gate.add_permits(1);
    logout.await.unwrap();
    assert!(handle.access_token().await.is_err());
    assert_eq!(line.loads() - loads, 2);
}

#[tokio::test]
async fn an_echo_that_comes_late_is_old_news() {
    let world = World::new();
    world.signed_in().await;
    let (handle, _, line) = machine(&world).await;
    handle.refresh().await.unwrap();
    settle().await;
    let loads = line.loads();
    assert_eq!(token_of(&handle).await, "at-1");
    assert_eq!(line.loads(), loads);
}

#[tokio::test]
async fn an_old_change_does_not_throw_away_newer_knowledge() {
    let world = World::new();
    let (one, other, line) = two_machines(&world).await;
    line.feed_is(Wire::Slow);
    one.refresh().await.unwrap();
    one.refresh().await.unwrap();
    other.snapshot().await.unwrap();
    line.feed_is(Wire::Good);
    settle().await;
    let loads = line.loads();
    assert_eq!(token_of(&other).await, "at-2");
    assert_eq!(line.loads(), loads);
}

#[tokio::test]
async fn what_was_read_before_a_change_was_told_is_not_installed_after_it() {
    let world = World::new();
    let one = world.signed_in().await;
    let store = Unruly::new(&world);
    let line = Line::over(store.clone(), Custody::Server, true);
    let manager = line.builder(&world).build().unwrap();
    let other = manager.session(&id());
    manager.session(&SessionId::named("another").unwrap()).snapshot().await.unwrap();
    follows(&manager).await;

    let gate = store.hold_load();
    let call = meanwhile(&other, |other| async move { token_of(&other).await });
    store.holds_somebody().await;
    one.refresh().await.unwrap();
    settle().await;
    gate.add_permits(1);
    assert_eq!(call.await.unwrap(), "at-1");
    assert_eq!(token_of(&other).await, "at-1");
}

#[tokio::test]
async fn what_was_read_before_the_feed_was_followed_is_looked_at_again() {
    let world = World::new();
    let one = world.signed_in().await;
    let store = Unruly::new(&world);
    let line = Line::over(store.clone(), Custody::Server, true);
    let manager = line.builder(&world).confirm_after(Duration::MAX).build().unwrap();
    let other = manager.session(&id());
    // It is read, changed, and only then followed; and then the answer arrives.
    line.feed_is(Wire::Slow);
    let gate = store.hold_load();
    let call = meanwhile(&other, |other| async move { token_of(&other).await });
    line.feed_is(Wire::Cut);
    store.holds_somebody().await;
    one.refresh().await.unwrap();
    line.feed_is(Wire::Good);
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(manager.feed(), FeedState::Followed);
    gate.add_permits(1);
    assert_eq!(call.await.unwrap(), "at-0");
    assert_eq!(token_of(&other).await, "at-1");
}

#[tokio::test(start_paused = true)]
async fn a_logout_elsewhere_is_seen_while_a_refresh_is_under_way() {
    let world = World::new();
    let (one, other, _) = two_machines(&world).await;
    let gate = world.server.holds_the_answer();
    let refresh = meanwhile(&other, |other| async move { other.refresh().await.unwrap() });
    world.server.has_seen(1).await;
    one.logout().await.unwrap();
    settle().await;
    let began = runtime_now();
    assert_eq!(other.access_token().await.unwrap_err().end_reason(), Some(EndReason::LoggedOut));
    assert_eq!(began.elapsed(), Duration::ZERO);
    gate.add_permits(1);
    assert_eq!(refresh.await.unwrap(), Outcome::Ended(EndReason::LoggedOut));
}

#[tokio::test]
async fn a_logout_that_follows_an_own_commit_at_once_is_not_taken_for_its_echo() {
    let world = World::new();
    world.signed_in().await;
    let store = Unruly::new(&world);
    let line = Line::over(store.clone(), Custody::Server, true);
    let manager = line.builder(&world).build().unwrap();
    let handle = manager.session(&id());
    handle.snapshot().await.unwrap();
    follows(&manager).await;

    let gate = store.hold_commit();
    let refresh = meanwhile(&handle, |handle| async move { handle.refresh().await.unwrap() });
    store.holds_somebody().await;
    world.process().logout().await.unwrap();
    settle().await;
    gate.add_permits(1);
    refresh.await.unwrap();
    assert_eq!(handle.access_token().await.unwrap_err().end_reason(), Some(EndReason::LoggedOut));
}

#[test]
fn an_own_commit_whose_flight_died_is_not_forgotten_with_it() {
    let world = World::new();
    let (following, flying) = (runtime(), runtime());
    let store = Unruly::new(&world);
    let (handle, refresh_line) = following.block_on(async {
        world.signed_in().await;
        let line = Line::over(store.clone(), Custody::Server, true);
        let manager = line.builder(&world).build().unwrap();
        let handle = manager.session(&id());
        handle.snapshot().await.unwrap();
        follows(&manager).await;
        token_of(&handle).await;
        (handle, line)
    });
    let _gate = store.hold_commit();
    let flight = handle.clone();
    flying.spawn(async move { flight.refresh().await });
    flying.block_on(store.holds_somebody());
    // The commit has taken effect, and its echo is heard, and taken for what it is.
    following.block_on(settle());
    drop(flying);
    let loads = refresh_line.loads();
    assert_eq!(following.block_on(token_of(&handle)), "at-1");
    assert_eq!(refresh_line.loads() - loads, 1);
}

/// Nothing else would ever correct what one of them got wrong: no time passes, and nothing is confirmed by looking.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_two_machines_do_at_once_both_end_up_with_what_the_store_has() {
    for _ in 0..20 {
        let world = World::new();
        let (one, other, line) = two_machines(&world).await;
        let calls: Vec<_> = (0..24)
            .map(|call| {
                let handle = if call % 2 == 0 { one.clone() } else { other.clone() };
                tokio::spawn(async move {
                    match call / 2 % 3 {
                        0 => drop(handle.refresh().await),
                        1 => drop(handle.snapshot().await),
                        _ => drop(handle.access_token().await),
                    }
                })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
        let stored = world.stored_session().await.tokens.access_token.unwrap();
        for handle in [&one, &other] {
            let mut tries = 0;
            while token_of(handle).await != stored.expose() {
                tries += 1;
                assert!(tries < 5_000, "one of them never learns of {}", stored.expose());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        assert_eq!(line.listeners(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_happened_while_the_feed_was_lost_is_looked_for_once_it_is_followed_again() {
    let world = World::new();
    world.signed_in().await;
    let (one, ..) = machine(&world).await;
    let (other, manager, line) = machine(&world).await;
    line.feed_is(Wire::Cut);
    settle().await;
    assert_eq!(manager.feed(), FeedState::NotFollowed);
    one.refresh().await.unwrap();
    settle().await;
    assert_eq!(token_of(&other).await, "at-0");

    line.feed_is(Wire::Good);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(manager.feed(), FeedState::Followed);
    let loads = line.loads();
    for _ in 0..3 {
        assert_eq!(token_of(&other).await, "at-1");
    }
    assert_eq!(line.loads() - loads, 1);
    one.logout().await.unwrap();
    settle().await;
    assert!(other.access_token().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_stays_lost_is_sought_ever_less_often() {
    let world = World::new();
    world.signed_in().await;
    let (_handle, manager, line) = machine(&world).await;
    line.feed_is(Wire::Cut);
    settle().await;
    let before = line.subscriptions();
    tokio::time::sleep(MINUTE).await;
    // 100 ms doubling to 5 s, and up to half of that more.
    let tries = line.subscriptions() - before;
    assert!((11..=18).contains(&tries), "{tries}");
    line.feed_is(Wire::Good);
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(manager.feed(), FeedState::Followed);
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_fails_as_soon_as_it_is_followed_is_not_followed_in_a_loop() {
    let world = World::new();
    world.signed_in().await;
    let (_handle, _manager, line) = machine(&world).await;
    let before = line.subscriptions();
    let last = runtime_now() + MINUTE;
    while runtime_now() < last {
        line.feed_is(Wire::Cut);
        line.feed_is(Wire::Good);
        line.feed_is(Wire::Cut);
        settle().await;
        line.feed_is(Wire::Good);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(line.subscriptions() - before <= 20, "{}", line.subscriptions() - before);
}

#[tokio::test(start_paused = true)]
async fn with_a_feed_nothing_is_asked_for_again_however_long_it_is_silent() {
    let world = World::new();
    let line = Line::new(&world);
    let manager = line.builder(&world).build().unwrap();
    let handle = manager.session(&id());
    handle.sign_in(long_lived(&world)).await.unwrap();
    follows(&manager).await;
    token_of(&handle).await;
    let loads = line.loads();
    for _ in 0..60 {
        world.clock.advance(Duration::from_secs(10));
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(token_of(&handle).await, "at-0");
    }
    assert_eq!(line.loads(), loads);
}

#[tokio::test]
async fn a_follower_that_does_not_run_is_not_believed_for_long() {
    let world = World::new();
    let line = Line::new(&world);
    let manager = line.builder(&world).build().unwrap();
    let handle = manager.session(&id());
    handle.sign_in(long_lived(&world)).await.unwrap();
    follows(&manager).await;
    token_of(&handle).await;
    // It hears nothing, and cannot say so.
    line.feed_is(Wire::Slow);
    world.process().logout().await.unwrap();
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(manager.feed(), FeedState::NotFollowed);
    assert!(handle.access_token().await.is_err());
}

#[tokio::test]
async fn the_follower_ends_with_its_manager_and_nobody_waits_for_it() {
    let world = World::new();
    world.signed_in().await;
    let (handle, manager, line) = machine(&world).await;
    manager.drain().await;
    drop(manager);
    settle().await;
    assert_eq!(line.listeners(), 1);
    drop(handle);
    settle().await;
    assert_eq!(line.listeners(), 0);
}

#[tokio::test]
async fn however_many_call_there_is_one_follower_and_none_before_the_first_call() {
    let world = World::new();
    world.signed_in().await;
    let line = Line::new(&world);
    let manager = line.builder(&world).build().unwrap();
    settle().await;
    assert_eq!((line.subscriptions(), manager.feed()), (0, FeedState::NotFollowed));
    for name in ["one", "two", "three"] {
        manager.session(&SessionId::named(name).unwrap()).snapshot().await.unwrap();
    }
    settle().await;
    assert_eq!((line.subscriptions(), manager.feed()), (1, FeedState::Followed));
    let manager = Line::without_feed(&world).builder(&world).build().unwrap();
    assert_eq!(manager.feed(), FeedState::Absent);
}

#[test]
fn a_follower_whose_runtime_died_is_followed_by_another() {
    let world = World::new();
    let (first, second) = (runtime(), runtime());
    let (handle, manager, line) = first.block_on(async {
        world.signed_in().await;
        machine(&world).await
    });
    drop(first);
    assert_eq!(manager.feed(), FeedState::NotFollowed);
    second.block_on(async {
        let one = world.process();
        one.refresh().await.unwrap();
        assert_eq!(token_of(&handle).await, "at-1");
        follows(&manager).await;
        assert_eq!(line.listeners(), 1);
        one.logout().await.unwrap();
        settle().await;
        assert!(handle.access_token().await.is_err());
    });
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A session whose access token outlives the test.
fn long_lived(world: &World) -> Session {
    let mut session = world.session();
    session.tokens.expires_in = Some(LIFETIME * 100);
    session
}
