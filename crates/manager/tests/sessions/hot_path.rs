//! A fresh token without a wait: never one that the exact clocks would refuse.

use std::time::Duration;

use oidc_session_core::{Clock as _, SessionId};
use oidc_session_manager::{Preemptive, Snapshot};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;

use crate::support::{LIFETIME, World, id, token_of};

/// What happens to the clocks.
#[derive(Clone, Copy, Debug)]
enum Move {
    Advance(Duration),
    SetBack(Duration),
    SetForward(Duration),
    Suspend(Duration),
    Nothing,
}

fn moves() -> impl Strategy<Value = Move> {
    // By more than the time for which a reading is believed.
    let time = (1_u64..400).prop_map(Duration::from_secs);
    prop_oneof![
        4 => time.clone().prop_map(Move::Advance),
        4 => (0_u64..400).prop_map(|millis| Move::Advance(Duration::from_millis(millis))),
        2 => time.clone().prop_map(Move::SetBack),
        1 => time.clone().prop_map(Move::SetForward),
        1 => time.prop_map(Move::Suspend),
        1 => Just(Move::Nothing),
    ]
}

proptest! {
    #[test]
    fn whatever_the_clocks_do_nothing_is_served_that_one_of_them_refuses(
        moves in proptest::collection::vec((moves(), any::<bool>()), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(serve_through(&moves))?;
    }
}

async fn serve_through(moves: &[(Move, bool)]) -> Result<(), TestCaseError> {
    let world = World::new();
    let skew = Duration::from_secs(30);
    let manager = world.builder().policy(Preemptive::skew(skew)).build().unwrap();
    let handle = manager.session(&id());
    handle.sign_in(world.session()).await.unwrap();
    let Snapshot::Active { schedule, .. } = handle.snapshot().await.unwrap() else {
        return Err(TestCaseError::fail("it was signed in"));
    };
    let refresh_at = schedule.refresh_at().unwrap();
    let by_monotonic = world.clock.monotonic() + refresh_at.saturating_since(world.clock.now());
    let requested_at = world.clock.now();
    for (step, by_id) in moves {
        match *step {
            Move::Advance(time) => world.clock.advance(time),
            Move::SetBack(time) => world.clock.set_back(time),
            Move::SetForward(time) => world.clock.set_forward(time),
            Move::Suspend(time) => world.clock.suspend(time),
            Move::Nothing => {}
        }
        let served = if *by_id { manager.try_authorization(&id()) } else { handle.try_authorization() };
        let now = world.clock.now();
        let fresh =
            now < refresh_at && world.clock.monotonic() < by_monotonic && now + Duration::from_secs(60) >= requested_at;
        prop_assert_eq!(served.is_some(), fresh, "after {:?} at {:?}", step, now);
        prop_assert!(served.is_none_or(|value| value == "Bearer at-0" && value.is_sensitive()));
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_at_hand_before_the_store_was_looked_at_nor_when_the_token_is_due() {
    let world = World::new();
    world.signed_in().await;
    let manager = world.builder().build().unwrap();
    let handle = manager.session(&id());
    assert!(handle.try_authorization().is_none() && !handle.is_fresh() && manager.try_authorization(&id()).is_none());
    assert_eq!(token_of(&handle).await, "at-0");
    assert_eq!(manager.try_authorization(&id()).unwrap(), "Bearer at-0");
    assert!(handle.is_fresh());
    world.clock.advance(LIFETIME);
    assert!(handle.try_authorization().is_none() && !handle.is_fresh() && manager.try_authorization(&id()).is_none());
    assert_eq!(token_of(&handle).await, "at-1");
    assert_eq!(manager.try_authorization(&id()).unwrap(), "Bearer at-1");
}

#[tokio::test]
async fn a_session_that_has_ended_is_not_at_hand() {
    let world = World::new();
    world.signed_in().await;
    let manager = world.builder().build().unwrap();
    let handle = manager.session(&id());
    assert_eq!(token_of(&handle).await, "at-0");
    assert!(handle.try_authorization().is_some() && manager.try_authorization(&id()).is_some());
    handle.logout().await.unwrap();
    assert!(handle.try_authorization().is_none() && !handle.is_fresh() && manager.try_authorization(&id()).is_none());
}

#[tokio::test]
async fn a_new_sign_in_and_a_refresh_replace_what_is_at_hand() {
    let world = World::new();
    world.signed_in().await;
    let manager = world.builder().build().unwrap();
    let handle = manager.session(&id());
    let at_hand = || (handle.try_authorization().unwrap(), manager.try_authorization(&id()).unwrap());
    assert_eq!(token_of(&handle).await, "at-0");
    assert_eq!(at_hand(), ("Bearer at-0".parse().unwrap(), "Bearer at-0".parse().unwrap()));
    handle.refresh().await.unwrap();
    assert_eq!(at_hand(), ("Bearer at-1".parse().unwrap(), "Bearer at-1".parse().unwrap()));
    handle.sign_in(world.session_with("other", "rt-other")).await.unwrap();
    assert_eq!(at_hand(), ("Bearer other".parse().unwrap(), "Bearer other".parse().unwrap()));
}

#[tokio::test]
async fn a_stranger_is_not_at_hand_and_leaves_nothing_behind() {
    let world = World::new();
    let manager = world.builder().build().unwrap();
    assert!(manager.try_authorization(&SessionId::random()).is_none());
}

#[tokio::test]
async fn a_token_that_no_header_may_carry_is_served_as_text_only() {
    let world = World::new();
    let handle = world.process();
    handle.sign_in(world.session_with("two\nlines", "rt-0")).await.unwrap();
    assert!(handle.try_authorization().is_none() && handle.authorization().await.is_err());
    assert_eq!(handle.access_token().await.unwrap().expose(), "two\nlines");
}

#[test]
fn what_is_at_hand_is_served_without_a_runtime_also_when_the_use_ought_to_be_written_down() {
    let world = World::new();
    let limit = LIFETIME / 2;
    let manager = world.builder().idle_limit(limit).build().unwrap();
    let handle = manager.session(&id());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(handle.sign_in(world.session())).unwrap();
    for _ in 0..3 {
        world.clock.advance(limit / 3);
        assert!(handle.try_authorization().is_some(), "each use puts the end off");
    }
    world.clock.advance(limit);
    assert!(handle.try_authorization().is_none(), "nobody used it");
}

#[tokio::test]
async fn a_clock_that_is_put_back_a_little_right_before_the_deadline_makes_no_token_last_longer() {
    let world = World::new();
    let handle = world.signed_in().await;
    let millis = Duration::from_millis;
    world.clock.advance(LIFETIME / 2);
    assert!(handle.try_authorization().is_some(), "believed from now on, whatever is decided later");
    world.clock.advance(LIFETIME / 2 - millis(400));
    assert!(handle.try_authorization().is_some());
    // Not by enough to be noticed.
    world.clock.advance(millis(300));
    world.clock.set_back(millis(200));
    assert!(handle.try_authorization().is_some());
    world.clock.advance(millis(150));
    assert!(handle.try_authorization().is_none(), "it expired 50 ms ago, though the wall clock says otherwise");
}
