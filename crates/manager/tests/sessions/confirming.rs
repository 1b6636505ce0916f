//! Where nobody tells of changes, what is known is confirmed by looking: often enough, and at nobody's cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use oidc_session_core::{Commit, Custody, EndReason, Expected, Record, SessionStore as _, Stored, Version};
use oidc_session_manager::{FeedState, Outcome, SessionEventKind, SessionHandle, SessionManager};
use tracing::span;

use crate::machine::{Line, Wire, follows, runtime_now, settle};
use crate::support::{LIFETIME, Unruly, World, id, token_of};

const SECOND: Duration = Duration::from_secs(1);
/// What others can change is looked at this often.
const USUALLY: Duration = Duration::from_secs(30);

/// A machine without a feed that knows the session which is signed in.
async fn machine(world: &World) -> (SessionHandle, SessionManager, Line) {
    world.signed_in().await;
    let line = Line::without_feed(world);
    let manager = line.builder(world).build().unwrap();
    let handle = manager.session(&id());
    token_of(&handle).await;
    (handle, manager, line)
}

#[tokio::test]
async fn without_a_feed_the_store_is_asked_after_a_time_and_not_before() {
    let world = World::new();
    let (handle, _, line) = machine(&world).await;
    let loads = line.loads();
    for asked in 1..=3 {
        world.clock.advance(USUALLY - Duration::from_millis(1));
        assert_eq!(token_of(&handle).await, "at-0");
        assert_eq!(line.loads() - loads, asked - 1);
        world.clock.advance(Duration::from_millis(1));
        for _ in 0..3 {
            assert_eq!(token_of(&handle).await, "at-0");
            assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Fresh);
        }
        assert_eq!(line.loads() - loads, asked);
    }
}

#[tokio::test]
async fn what_others_did_is_found_by_looking_and_told() {
    let world = World::new();
    let (handle, ..) = machine(&world).await;
    let mut events = handle.subscribe();
    world.process().refresh().await.unwrap();
    assert_eq!(token_of(&handle).await, "at-0");
    world.clock.advance(USUALLY);
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Adopted);
    assert_eq!(token_of(&handle).await, "at-1");
    assert_eq!(events.try_recv().unwrap().kind, SessionEventKind::Adopted);

    world.process().logout().await.unwrap();
    world.clock.advance(USUALLY);
    assert_eq!(handle.access_token().await.unwrap_err().end_reason(), Some(EndReason::LoggedOut));
    assert_eq!(events.try_recv().unwrap().kind, SessionEventKind::Ended(EndReason::LoggedOut));
    assert!(events.try_recv().is_err());
    assert_eq!(world.server.presented(), ["rt-0"]);
}

#[tokio::test]
async fn how_often_is_for_the_program_to_say_and_never_where_nobody_else_can_reach_the_store() {
    for (custody, confirm_after, asked) in [
        (Custody::Server, Some(Duration::MAX), 0),
        (Custody::Server, Some(SECOND * 100), 1),
        (Custody::Server, Some(Duration::ZERO), 2),
        (Custody::Server, None, 2),
        (Custody::OperatingSystem, None, 2),
        (Custody::Process, None, 0),
        (Custody::Process, Some(SECOND), 2),
    ] {
        let world = World::new();
        world.signed_in().await;
        let line = Line::over(Unruly::new(&world), custody.clone(), false);
        let mut builder = line.builder(&world);
        if let Some(confirm_after) = confirm_after {
            builder = builder.confirm_after(confirm_after);
        }
        let handle = builder.build().unwrap().session(&id());
        token_of(&handle).await;
        let loads = line.loads();
        for _ in 0..2 {
            world.clock.advance(SECOND * 60);
            token_of(&handle).await;
        }
        assert_eq!(line.loads() - loads, asked, "{custody:?}, {confirm_after:?}");
    }
}

#[tokio::test]
async fn a_thousand_callers_at_once_share_one_look() {
    let world = World::new();
    let (handle, _, line) = machine(&world).await;
    world.clock.advance(USUALLY);
    let loads = line.loads();
    line.store_is(Wire::Slow);
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let handle = handle.clone();
            tokio::spawn(async move { token_of(&handle).await })
        })
        .collect();
    settle().await;
    line.store_is(Wire::Good);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "at-0");
    }
    assert_eq!(line.loads() - loads, 1);
}

#[tokio::test]
async fn a_thousand_callers_of_a_session_that_nobody_knows_share_one_look() {
    let world = World::new();
    world.signed_in().await;
    let line = Line::without_feed(&world);
    let handle = line.builder(&world).build().unwrap().session(&id());
    line.store_is(Wire::Slow);
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let handle = handle.clone();
            tokio::spawn(async move { token_of(&handle).await })
        })
        .collect();
    settle().await;
    line.store_is(Wire::Good);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "at-0");
    }
    assert_eq!(line.loads(), 1);
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_keeps_nobody_from_a_valid_token() {
    let world = World::new();
    let (handle, _, line) = machine(&world).await;
    line.store_is(Wire::Cut);
    world.clock.advance(USUALLY);
    let loads = line.loads();
    for asked in 1..=5 {
        for _ in 0..100 {
            assert_eq!(token_of(&handle).await, "at-0");
            assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Fresh);
        }
        settle().await;
        // Once a second, not once per call.
        assert_eq!(line.loads() - loads, asked);
        world.clock.advance(SECOND);
    }
    world.clock.advance(LIFETIME);
    assert_eq!(handle.access_token().await.unwrap_err().outcome(), "unavailable");
}

#[tokio::test]
async fn an_outage_is_asked_about_once_a_second_for_all_sessions_together() {
    let world = World::new();
    let (_, manager, line) = machine(&world).await;
    let mut handles = Vec::new();
    for number in 0..50 {
        let handle = manager.session(&oidc_session_core::SessionId::named(format!("{number}")).unwrap());
        handle.sign_in(world.session()).await.unwrap();
        handles.push(handle);
    }
    line.store_is(Wire::Cut);
    world.clock.advance(USUALLY);
    let loads = line.loads();
    for asked in 1..=5 {
        for handle in &handles {
            assert_eq!(token_of(handle).await, "at-0");
        }
        settle().await;
        assert_eq!(line.loads() - loads, asked);
        world.clock.advance(SECOND);
    }
    // Once it is over, each is confirmed.
    line.store_is(Wire::Good);
    token_of(&handles[0]).await;
    settle().await;
    world.clock.advance(SECOND);
    let loads = line.loads();
    for handle in &handles {
        token_of(handle).await;
    }
    assert_eq!(line.loads() - loads, handles.len() - 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_holds_up_one_call_for_half_a_second_and_no_other() {
    let world = World::new();
    let (handle, _, line) = machine(&world).await;
    line.store_is(Wire::Slow);
    world.clock.advance(USUALLY);
    let began = runtime_now();
    assert_eq!(token_of(&handle).await, "at-0");
    assert!(began.elapsed() <= Duration::from_millis(500), "{:?}", began.elapsed());
    let began = runtime_now();
    for _ in 0..20 {
        assert_eq!(token_of(&handle).await, "at-0");
        world.clock.advance(SECOND);
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    // What hung arrives, and counts.
    world.process().refresh().await.unwrap();
    line.store_is(Wire::Good);
    settle().await;
    assert_eq!(token_of(&handle).await, "at-1");
}

#[tokio::test]
async fn an_outage_is_told_to_the_operator_once() {
    let warnings = Warnings::default();
    let _told = tracing::subscriber::set_default(warnings.clone());
    let world = World::new();
    let (handle, _, line) = machine(&world).await;
    for outages in 1..=2 {
        line.store_is(Wire::Cut);
        world.clock.advance(USUALLY);
        for _ in 0..10 {
            token_of(&handle).await;
            settle().await;
            world.clock.advance(SECOND);
        }
        assert_eq!(warnings.count(), outages);
        line.store_is(Wire::Good);
        token_of(&handle).await;
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_feed_is_lost_a_token_is_served_and_confirmed_after_its_time() {
    let world = World::new();
    world.signed_in().await;
    let line = Line::new(&world);
    let manager = line.builder(&world).build().unwrap();
    let handle = manager.session(&id());
    token_of(&handle).await;
    follows(&manager).await;
    token_of(&handle).await;
    line.feed_is(Wire::Cut);
    settle().await;
    world.process().logout().await.unwrap();

    let loads = line.loads();
    world.clock.advance(USUALLY - Duration::from_millis(1));
    assert_eq!(token_of(&handle).await, "at-0");
    assert_eq!(line.loads(), loads);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(handle.access_token().await.unwrap_err().end_reason(), Some(EndReason::LoggedOut));
    assert_eq!(manager.feed(), FeedState::NotFollowed);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_cut_off_altogether_serves_what_is_valid() {
    let world = World::new();
    world.signed_in().await;
    let line = Line::new(&world);
    let manager = line.builder(&world).build().unwrap();
    let handle = manager.session(&id());
    token_of(&handle).await;
    follows(&manager).await;
    token_of(&handle).await;
    line.feed_is(Wire::Cut);
    line.store_is(Wire::Cut);
    for _ in 0..29 {
        world.clock.advance(SECOND * 10);
        tokio::time::sleep(SECOND * 10).await;
        assert_eq!(token_of(&handle).await, "at-0");
    }
    // The feed is back before the store is: what is known is not thrown away for that.
    line.feed_is(Wire::Good);
    tokio::time::sleep(SECOND * 9).await;
    assert_eq!(manager.feed(), FeedState::Followed);
    assert_eq!(token_of(&handle).await, "at-0");
    world.process().refresh().await.unwrap();
    line.store_is(Wire::Good);
    settle().await;
    assert_eq!(token_of(&handle).await, "at-1");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_no_outage_and_ends_nothing() {
    let world = World::new();
    let (handle, manager, line) = machine(&world).await;
    let sound = world.stored().await.unwrap();
    let damaged = Stored { version: Version::from_u64(7), record: Record::from_bytes(b"damaged".to_vec()) };
    let committed = world.store.commit(&id().store_key(), Expected::At(sound.version), &damaged, None).await;
    assert_eq!(committed.unwrap(), Commit::Done);
    world.clock.advance(USUALLY);
    let loads = line.loads();
    for _ in 0..10 {
        assert_eq!(token_of(&handle).await, "at-0");
    }
    assert_eq!(line.loads() - loads, 1);
    // Others are confirmed at once meanwhile.
    let another = manager.session(&oidc_session_core::SessionId::named("another").unwrap());
    another.sign_in(world.session()).await.unwrap();
    world.clock.advance(USUALLY);
    token_of(&handle).await;
    let loads = line.loads();
    token_of(&another).await;
    assert_eq!(line.loads() - loads, 1);
}

/// Counts what is told to the operator.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl Warnings {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
