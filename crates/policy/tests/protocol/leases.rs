//! The lease: held by another, paused, granted, and what came with it.

use std::time::Duration;

use oidc_session_core::{EndReason, ProviderErrorKind, ProviderId, ProviderProfile, StoreErrorKind};
use oidc_session_policy::protocol::{
    Action, Answer, Event, FailureCause, Fault, Flight, LeaseTooShort, LeaseView, Now, Outcome, RecordView, Rules,
    Trigger,
};
use oidc_session_policy::{OnRefreshFailure, Phase};

use crate::dialogue::{
    Dialogue, LEASE, LOST, PREPARED, RENEW, RENEWED, STORE_BUDGET, STORE_DOWN, at, commit, due, expired, fresh,
    granted, held, loaded, millis, now, postponed, refreshed_by_another, release, seconds, session, token, tokens,
    tombstone, unavailable,
};

const TOO_LATE: Event = Event::Answered(Answer::TooLate);
const UNKNOWN: Event = Event::Answered(Answer::Failed(Fault {
    kind: ProviderErrorKind::OutcomeUnknown,
    retry_after: None,
    presented: true,
}));

/// A flight that has asked for the lease of `record`.
#[track_caller]
fn asking(trigger: Trigger, record: RecordView) -> Dialogue {
    Dialogue::of(trigger).says(loaded(record)).expects(Action::Prepare).says(PREPARED).expects(LEASE)
}

#[test]
fn a_valid_token_serves_while_another_process_refreshes() {
    asking(Trigger::IfDue, due()).says(held(seconds(20))).ends(Outcome::ServedWhileRefreshing);
}

#[test]
fn whoever_has_no_valid_token_waits_for_the_other_and_adopts() {
    asking(Trigger::IfDue, expired())
        .says(held(seconds(20)))
        .waits(millis(20))
        .expects(Action::Load)
        .says(loaded(refreshed_by_another()))
        .ends(Outcome::Adopted);
}

#[test]
fn whoever_wants_another_token_waits_even_if_the_old_one_is_valid() {
    for trigger in [Trigger::Force, Trigger::IfCurrentIs(token("at-1"))] {
        asking(trigger, fresh())
            .says(held(seconds(20)))
            .waits(millis(20))
            .says(loaded(refreshed_by_another()))
            .ends(Outcome::Adopted);
    }
}

#[test]
fn waiting_backs_off_to_a_third_of_a_second() {
    let mut dialogue = asking(Trigger::IfDue, expired());
    for pause in [20, 40, 80, 160, 320, 320, 320] {
        dialogue = dialogue.says(held(seconds(20))).waits(millis(pause)).expects(Action::Load);
        // The provider was prepared for once; that is enough.
        dialogue = dialogue.says(loaded(expired())).expects(LEASE);
    }
}

#[test]
fn waiting_never_outlasts_the_other_lease_and_never_spins() {
    asking(Trigger::IfDue, expired()).says(held(millis(7))).expects(Action::Wait(millis(7)));
    asking(Trigger::IfDue, expired()).says(held(seconds(0))).expects(Action::Wait(millis(1)));
}

#[test]
fn patience_ends_one_lease_a_grace_and_one_request_after_the_flight_began() {
    let held_at = |elapsed| {
        let waiting = asking(Trigger::IfDue, expired()).says(held(seconds(20))).expects(Action::Wait(millis(20)));
        waiting.after(elapsed).says(Event::Waited).says(loaded(expired())).expects(LEASE).says(held(seconds(3)))
    };
    held_at(millis(45_999)).expects(Action::Wait(millis(40)));
    held_at(millis(46_000)).ends(unavailable(FailureCause::LeaseHeld, Some(seconds(3))));
}

#[test]
fn the_wait_for_a_turn_is_no_time_of_the_lease() {
    let mut dialogue = asking(Trigger::IfDue, expired()).has_its_turn_after(seconds(100));
    dialogue = dialogue.says(granted(expired(), 0)).refreshes();
    // And a turn that nobody waits for changes nothing.
    dialogue.has_its_turn_after(seconds(100)).says(TOO_LATE).expects(RENEW);
}

#[test]
fn the_wait_for_a_turn_costs_no_patience() {
    let held_at = |elapsed| {
        let waiting = asking(Trigger::IfDue, expired()).has_its_turn_after(seconds(100)).says(held(seconds(20)));
        let asking = waiting.waits(millis(20)).says(loaded(expired())).expects(LEASE);
        asking.has_its_turn_after(seconds(100)).after(elapsed).says(held(seconds(3)))
    };
    held_at(millis(45_979)).expects(Action::Wait(millis(40)));
    held_at(millis(45_980)).ends(unavailable(FailureCause::LeaseHeld, Some(seconds(3))));
}

#[test]
fn whoever_gets_no_turn_gives_up_and_holds_nothing() {
    let not_asked = Event::Leased(Ok(LeaseView::NotAsked));
    asking(Trigger::IfDue, expired()).says(not_asked).ends(unavailable(FailureCause::NoTurn, None));
    asking(Trigger::IfDue, due()).says(not_asked).ends(postponed(FailureCause::NoTurn, None));
}

#[test]
fn impatience_takes_no_valid_token_away() {
    asking(Trigger::Force, fresh())
        .after(seconds(46))
        .says(held(seconds(3)))
        .ends(postponed(FailureCause::LeaseHeld, Some(seconds(3))));
}

#[test]
fn a_pause_that_another_process_asked_for_is_kept() {
    let paused = Event::Leased(Ok(LeaseView::Paused { remaining: seconds(4) }));
    asking(Trigger::IfDue, expired()).says(paused).ends(unavailable(FailureCause::Paused, Some(seconds(4))));
    asking(Trigger::IfDue, due()).says(paused).ends(postponed(FailureCause::Paused, Some(seconds(4))));
    asking(Trigger::Force, fresh()).says(paused).ends(postponed(FailureCause::Paused, Some(seconds(4))));
}

#[test]
fn a_session_that_vanished_before_the_lease_is_no_session() {
    asking(Trigger::IfDue, expired()).says(Event::Leased(Ok(LeaseView::Absent))).ends(Outcome::NoSession);
}

#[test]
fn a_lease_that_may_have_been_granted_is_given_back() {
    let fails = Event::Leased(Err(StoreErrorKind::Unavailable));
    let cause = FailureCause::Store(StoreErrorKind::Unavailable);
    for (record, outcome) in [(expired(), unavailable(cause, None)), (due(), postponed(cause, None))] {
        asking(Trigger::IfDue, record)
            .says(fails)
            .expects(release(seconds(0), false))
            .says(Event::Released)
            .ends(outcome);
    }
}

#[test]
fn the_record_under_the_lease_decides_and_not_the_one_before_it() {
    let rows = [
        (refreshed_by_another(), Outcome::Adopted),
        (tombstone(2, EndReason::LoggedOut), Outcome::Ended(EndReason::LoggedOut)),
    ];
    for (record, outcome) in rows {
        asking(Trigger::IfDue, expired())
            .says(granted(record, 0))
            .expects(release(seconds(0), false))
            .says(Event::Released)
            .ends(outcome);
    }
    // It moved on and has expired again: the token that came with the lease is the one that is presented and replaced.
    asking(Trigger::IfDue, expired())
        .says(granted(at(5, session(Phase::Expired, 5)), 0))
        .refreshes()
        .says(tokens())
        .expects(commit(5));
}

#[test]
fn an_answer_has_to_fit_into_what_is_left_of_the_lease() {
    // The lease counts from the moment it was asked for, not from the moment it was granted.
    asking(Trigger::IfDue, expired())
        .after(seconds(3))
        .says(granted(expired(), 0))
        .refreshes_under_a_lease_since(seconds(0));
}

#[test]
fn a_request_that_would_come_too_late_renews_the_lease_first() {
    asking(Trigger::IfDue, expired())
        .says(granted(expired(), 0))
        .after(seconds(25))
        .says(TOO_LATE)
        .expects(RENEW)
        .says(RENEWED)
        .refreshes_under_a_lease_since(seconds(25))
        .says(tokens())
        .expects(commit(1));
}

#[test]
fn a_request_that_would_come_too_late_is_not_sent_if_the_lease_is_lost() {
    asking(Trigger::IfDue, expired())
        .says(granted(expired(), 0))
        .after(seconds(31))
        .says(TOO_LATE)
        .expects(RENEW)
        .says(LOST)
        .expects(Action::Load)
        .says(loaded(refreshed_by_another()))
        .ends(Outcome::Adopted);
}

#[test]
fn a_request_that_would_come_too_late_is_not_sent_if_the_store_fails() {
    // Nothing was sent: a lease that is not given back would count as an attempt.
    asking(Trigger::IfDue, expired())
        .says(granted(expired(), 0))
        .says(TOO_LATE)
        .expects(RENEW)
        .says(Event::Renewed(Err(STORE_DOWN)))
        .expects(release(seconds(0), false))
        .says(Event::Released)
        .ends(unavailable(FailureCause::Store(STORE_DOWN), None));
}

#[test]
fn a_repeat_that_comes_too_late_leaves_the_first_attempt_unsettled() {
    asking(Trigger::IfDue, expired())
        .says(granted(expired(), 0))
        .says(UNKNOWN)
        .says(RENEWED)
        .refreshes()
        .says(TOO_LATE)
        .expects(RENEW)
        .says(Event::Renewed(Err(STORE_DOWN)))
        .expects(release(seconds(0), true));
}

#[test]
fn a_repeat_that_always_comes_too_late_leaves_the_first_attempt_unsettled() {
    let mut dialogue =
        asking(Trigger::IfDue, expired()).says(granted(expired(), 0)).says(UNKNOWN).says(RENEWED).refreshes();
    for _ in 0..3 {
        dialogue = dialogue.after(seconds(25)).says(TOO_LATE).expects(RENEW).says(RENEWED).refreshes();
    }
    dialogue
        .says(TOO_LATE)
        .expects(release(seconds(0), true))
        .says(Event::Released)
        .ends(unavailable(FailureCause::Contention, None));
}

#[test]
fn a_request_that_always_comes_too_late_is_given_up() {
    let mut dialogue = asking(Trigger::IfDue, expired()).says(granted(expired(), 0)).refreshes();
    for _ in 0..3 {
        dialogue = dialogue.after(seconds(25)).says(TOO_LATE).expects(RENEW).says(RENEWED).refreshes();
    }
    dialogue
        .says(TOO_LATE)
        .expects(release(seconds(0), false))
        .says(Event::Released)
        .ends(unavailable(FailureCause::Contention, None));
}

#[test]
fn a_lease_that_is_lost_again_and_again_is_given_up() {
    let mut dialogue = asking(Trigger::IfDue, expired()).says(granted(expired(), 0)).refreshes();
    for _ in 0..3 {
        dialogue = dialogue.says(UNKNOWN).expects(RENEW).says(LOST).expects(Action::Load).says(loaded(expired()));
        dialogue = dialogue.expects(LEASE).says(granted(expired(), 0)).refreshes();
    }
    dialogue.says(UNKNOWN).expects(RENEW).says(LOST).ends(unavailable(FailureCause::Contention, None));
}

#[test]
fn a_lease_covers_a_request_and_a_commit() {
    let profile = ProviderProfile::new(ProviderId::new("oidc"));
    let rules = |lease_ttl| Rules::new(&profile, STORE_BUDGET, lease_ttl, OnRefreshFailure::DiscardOnVerdict);
    let shortest = Rules::shortest_lease(&profile, STORE_BUDGET);
    assert_eq!(shortest, profile.request_budget + STORE_BUDGET + seconds(1));
    assert!(rules(shortest).is_ok());
    let refused = rules(shortest - millis(1)).unwrap_err();
    assert_eq!(refused, LeaseTooShort { lease_ttl: shortest - millis(1), shortest });
    assert_eq!(refused.to_string(), "a lease of 15.999s is too short: a request and a commit may take up to 16s");
}

#[test]
fn no_lease_and_no_budget_is_long_enough_to_overflow() {
    for (request, store) in
        [(Duration::ZERO, Duration::ZERO), (Duration::MAX, Duration::ZERO), (seconds(1), Duration::MAX)]
    {
        let mut profile = ProviderProfile::new(ProviderId::new("oidc"));
        profile.request_budget = request;
        let rules = Rules::new(&profile, store, Duration::MAX, OnRefreshFailure::DiscardOnVerdict).unwrap();
        let flight = Dialogue::with(Flight::new(rules, Trigger::IfDue, None)).says(loaded(expired())).says(PREPARED);
        assert!(matches!(flight.says(granted(expired(), 0)).said(), Action::Refresh { .. }));
    }
}

#[test]
fn whatever_clock_stands_still_the_other_one_counts() {
    let (early, limit) = (now(seconds(14)), now(seconds(15)));
    assert!(early.is_before(limit));
    let suspended = Now { wall: limit.wall, ..early };
    let turned_back = Now { monotonic: limit.monotonic, ..early };
    assert!(!suspended.is_before(limit) && !turned_back.is_before(limit));
}
