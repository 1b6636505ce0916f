//! Before the lease: what the record calls for.

use oidc_session_core::{EndReason, ProviderErrorKind, StoreErrorKind};
use oidc_session_policy::protocol::{Action, Event, FailureCause, Flight, Outcome, SessionView, Trigger};
use oidc_session_policy::{OnRefreshFailure, Phase, Schedule};

use crate::dialogue::{
    Dialogue, LEASE, PREPARED, STORE_DOWN, WALL, at, committed, due, end, expired, fault, fresh, granted, held, loaded,
    millis, monotonic, postponed, refreshed_by_another, release, rules, rules_with, seconds, session, token, tombstone,
    unavailable,
};

#[test]
fn a_fresh_session_needs_one_look_and_nothing_else() {
    Dialogue::of(Trigger::IfDue).expects(Action::Load).says(loaded(fresh())).ends(Outcome::Fresh);
}

#[test]
fn a_session_of_unknown_expiry_is_fresh() {
    let record = at(1, SessionView { schedule: Schedule::Unknown, ..session(Phase::Fresh, 1) });
    Dialogue::of(Trigger::IfDue).says(loaded(record)).ends(Outcome::Fresh);
}

#[test]
fn a_session_without_an_access_token_gets_one() {
    let record = at(1, SessionView { schedule: Schedule::NoAccessToken, access: None, ..session(Phase::Fresh, 1) });
    Dialogue::of(Trigger::IfDue).says(loaded(record)).expects(Action::Prepare);
}

#[test]
fn a_fresh_session_at_a_version_this_process_did_not_know_is_adopted() {
    let flight = |known| Flight::new(rules(), Trigger::IfDue, Some(known));
    Dialogue::with(flight(expired())).says(loaded(refreshed_by_another())).ends(Outcome::Adopted);
    Dialogue::with(flight(refreshed_by_another())).says(loaded(refreshed_by_another())).ends(Outcome::Fresh);
}

#[test]
fn no_record_is_no_session() {
    Dialogue::of(Trigger::IfDue).says(Event::Loaded(Ok(None))).ends(Outcome::NoSession);
    Dialogue::of(Trigger::Force).says(Event::Loaded(Ok(None))).ends(Outcome::NoSession);
}

#[test]
fn a_tombstone_says_why_the_session_ended() {
    for trigger in [Trigger::IfDue, Trigger::Force, Trigger::IfCurrentIs(token("at-1"))] {
        let ended = tombstone(2, EndReason::LoggedOut);
        Dialogue::of(trigger).says(loaded(ended)).ends(Outcome::Ended(EndReason::LoggedOut));
    }
}

#[test]
fn a_store_that_fails_takes_no_valid_token_away() {
    let cause = FailureCause::Store(StoreErrorKind::Denied);
    let fails = Event::Loaded(Err(StoreErrorKind::Denied));
    let knowing = |known| Dialogue::with(Flight::new(rules(), Trigger::IfDue, Some(known)));
    Dialogue::of(Trigger::IfDue).says(fails).ends(unavailable(cause, None));
    knowing(expired()).says(fails).ends(unavailable(cause, None));
    knowing(due()).says(fails).ends(postponed(cause, None));
}

#[test]
fn the_server_is_prepared_for_before_the_lease_is_taken() {
    Dialogue::of(Trigger::IfDue)
        .says(loaded(expired()))
        .expects(Action::Prepare)
        .says(PREPARED)
        .expects(LEASE)
        .says(granted(expired(), 0))
        .refreshes();
}

#[test]
fn a_failed_preparation_costs_nothing_while_the_token_is_valid() {
    let fails = Event::Prepared(Err(fault(ProviderErrorKind::NotSent)));
    let cause = FailureCause::Provider(ProviderErrorKind::NotSent);
    Dialogue::of(Trigger::IfDue).says(loaded(due())).says(fails).ends(postponed(cause, Some(seconds(1))));
    Dialogue::of(Trigger::IfDue).says(loaded(expired())).says(fails).ends(unavailable(cause, Some(seconds(1))));
}

#[test]
fn a_failed_preparation_tells_how_long_the_server_asked_to_wait() {
    let mut fails = fault(ProviderErrorKind::TryLater);
    fails.retry_after = Some(seconds(7));
    let cause = FailureCause::Provider(ProviderErrorKind::TryLater);
    Dialogue::of(Trigger::IfDue)
        .says(loaded(expired()))
        .says(Event::Prepared(Err(fails)))
        .ends(unavailable(cause, Some(seconds(7))));
}

fn discarding() -> Dialogue {
    let rules = rules_with(None, OnRefreshFailure::DiscardAlways);
    Dialogue::with(Flight::new(rules, Trigger::IfDue, None))
}

#[test]
fn discard_always_ends_an_unprepared_session_only_under_the_lease() {
    discarding()
        .says(loaded(expired()))
        .expects(Action::Prepare)
        .says(Event::Prepared(Err(fault(ProviderErrorKind::NotSent))))
        .expects(LEASE)
        .says(granted(expired(), 0))
        .expects(end(1, EndReason::RefreshFailed))
        .says(committed(2))
        .ends(Outcome::Ended(EndReason::RefreshFailed));
}

#[test]
fn discard_always_spares_an_unprepared_session_that_another_process_refreshed() {
    discarding()
        .says(loaded(expired()))
        .says(Event::Prepared(Err(fault(ProviderErrorKind::NotSent))))
        .expects(LEASE)
        .says(granted(refreshed_by_another(), 0))
        .expects(release(seconds(0), false))
        .says(Event::Released)
        .ends(Outcome::Adopted);
}

#[test]
fn discard_always_keeps_a_session_whose_token_is_still_valid() {
    let cause = FailureCause::Provider(ProviderErrorKind::NotSent);
    discarding()
        .says(loaded(due()))
        .says(Event::Prepared(Err(fault(ProviderErrorKind::NotSent))))
        .ends(postponed(cause, Some(seconds(1))));
}

#[test]
fn discard_always_forgets_a_failed_preparation_once_another_succeeds() {
    discarding()
        .says(loaded(expired()))
        .says(Event::Prepared(Err(fault(ProviderErrorKind::NotSent))))
        .expects(LEASE)
        .says(held(seconds(5)))
        .waits(millis(20))
        .expects(Action::Load)
        .says(loaded(expired()))
        .expects(Action::Prepare)
        .says(PREPARED)
        .expects(LEASE)
        .says(granted(expired(), 0))
        .refreshes();
}

#[test]
fn an_expired_session_without_a_refresh_token_ends() {
    let record = at(1, SessionView { refresh: None, ..session(Phase::Expired, 1) });
    for trigger in [Trigger::IfDue, Trigger::Force, Trigger::IfCurrentIs(token("at-1"))] {
        Dialogue::of(trigger)
            .says(loaded(record))
            .expects(end(1, EndReason::NoRefreshToken))
            .says(committed(2))
            .ends(Outcome::Ended(EndReason::NoRefreshToken));
    }
}

#[test]
fn a_valid_session_without_a_refresh_token_cannot_be_refreshed_and_serves_on() {
    let without = |phase| at(1, SessionView { refresh: None, ..session(phase, 1) });
    let cause = FailureCause::NoRefreshToken;
    Dialogue::of(Trigger::Force).says(loaded(without(Phase::Fresh))).ends(postponed(cause, None));
    Dialogue::of(Trigger::IfDue).says(loaded(without(Phase::Due))).ends(postponed(cause, None));
    Dialogue::of(Trigger::IfDue).says(loaded(without(Phase::Fresh))).ends(Outcome::Fresh);
}

#[test]
fn a_token_that_was_refused_does_not_serve_on() {
    let record = at(1, SessionView { refresh: None, ..session(Phase::Fresh, 1) });
    let refused = Trigger::IfCurrentIs(token("at-1"));
    Dialogue::of(refused).says(loaded(record)).ends(unavailable(FailureCause::NoRefreshToken, None));
}

#[test]
fn the_server_is_left_alone_right_after_its_answer() {
    let arrived = |phase, not_before| {
        let mut session = session(phase, 1);
        if let Schedule::Known { not_before: rest, .. } = &mut session.schedule {
            *rest = not_before;
        }
        loaded(at(1, session))
    };
    let (rest, soon) = (Some(millis(400)), WALL + millis(400));
    let too_soon = FailureCause::TooSoon;
    Dialogue::of(Trigger::IfDue).says(arrived(Phase::Due, soon)).ends(postponed(too_soon, rest));
    Dialogue::of(Trigger::IfDue).says(arrived(Phase::Expired, soon)).ends(unavailable(too_soon, rest));
    Dialogue::of(Trigger::IfDue).says(arrived(Phase::Due, WALL)).expects(Action::Prepare);
    Dialogue::of(Trigger::Force).says(arrived(Phase::Due, soon)).expects(Action::Prepare);
}

#[test]
fn a_quiet_process_starts_no_refresh_but_adopts() {
    let quiet = |trigger| {
        let flight = Flight::new(rules(), trigger, Some(fresh())).quiet_until(Some(monotonic(seconds(4))));
        Dialogue::with(flight)
    };
    let rest = Some(seconds(4));
    quiet(Trigger::IfDue).says(loaded(due())).ends(postponed(FailureCause::Paused, rest));
    quiet(Trigger::IfDue).says(loaded(expired())).ends(unavailable(FailureCause::Paused, rest));
    quiet(Trigger::IfDue).says(loaded(refreshed_by_another())).ends(Outcome::Adopted);
    quiet(Trigger::IfDue).after(seconds(4)).says(loaded(expired())).expects(Action::Prepare);
    // Asked outright, it goes.
    quiet(Trigger::Force).says(loaded(expired())).expects(Action::Prepare);
    quiet(Trigger::IfCurrentIs(token("at-1"))).says(loaded(expired())).expects(Action::Prepare);
}

#[test]
fn force_refreshes_even_a_fresh_session() {
    Dialogue::of(Trigger::Force).presents(fresh(), 0).refreshes();
}

#[test]
fn force_adopts_what_another_refreshed_between_the_look_and_the_lease() {
    Dialogue::of(Trigger::Force)
        .says(loaded(fresh()))
        .says(PREPARED)
        .expects(LEASE)
        .says(granted(refreshed_by_another(), 0))
        .expects(release(seconds(0), false))
        .says(Event::Released)
        .ends(Outcome::Adopted);
}

#[test]
fn force_refreshes_what_another_refreshed_if_that_has_expired_again() {
    Dialogue::of(Trigger::Force)
        .says(loaded(fresh()))
        .says(PREPARED)
        .says(granted(at(2, session(Phase::Expired, 2)), 0))
        .refreshes();
}

#[test]
fn force_is_not_satisfied_by_a_grant_for_another_target() {
    // Another refresh token, and the same access token: somebody was granted one for another target.
    let rotated = SessionView { refresh: Some(token("rt-2")), ..session(Phase::Fresh, 1) };
    Dialogue::with(Flight::new(rules(), Trigger::Force, None).for_further_target())
        .says(loaded(fresh()))
        .says(PREPARED)
        .says(held(seconds(30)))
        .waits(millis(20))
        .says(loaded(at(2, rotated)))
        .expects(LEASE)
        .says(granted(at(2, rotated), 0))
        .refreshes();
}

#[test]
fn force_adopts_a_later_grant_of_an_equal_access_token() {
    let mut again = session(Phase::Fresh, 1);
    if let Schedule::Known { requested_at, .. } = &mut again.schedule {
        *requested_at = WALL;
    }
    Dialogue::of(Trigger::Force)
        .says(loaded(fresh()))
        .says(PREPARED)
        .says(granted(at(2, again), 0))
        .says(Event::Released)
        .ends(Outcome::Adopted);
}

#[test]
fn force_refreshes_although_something_beside_the_tokens_changed_before_the_lease() {
    Dialogue::of(Trigger::Force)
        .says(loaded(fresh()))
        .says(PREPARED)
        .says(granted(at(2, session(Phase::Fresh, 1)), 0))
        .refreshes();
}

#[test]
fn a_refused_token_is_refreshed_if_it_is_still_the_current_one() {
    Dialogue::of(Trigger::IfCurrentIs(token("at-1"))).presents(fresh(), 0).refreshes();
}

#[test]
fn a_straggler_with_an_older_token_gets_the_current_one_without_a_lease() {
    let straggler = Trigger::IfCurrentIs(token("at-1"));
    let knowing = |known| Dialogue::with(Flight::new(rules(), straggler, Some(known)));
    knowing(fresh()).says(loaded(refreshed_by_another())).ends(Outcome::Adopted);
    knowing(refreshed_by_another()).says(loaded(refreshed_by_another())).ends(Outcome::Fresh);
    // Whether it is due does not matter, nobody refused it; but an expired token is of no use to anybody.
    knowing(fresh()).says(loaded(at(2, session(Phase::Due, 2)))).ends(Outcome::Adopted);
    knowing(fresh()).says(loaded(at(2, session(Phase::Expired, 2)))).expects(Action::Prepare);
}

#[test]
fn a_refused_token_is_unavailable_while_the_store_is_down() {
    let refused = Trigger::IfCurrentIs(token("at-1"));
    let down = Event::Loaded(Err(STORE_DOWN));
    Dialogue::with(Flight::new(rules(), refused, Some(fresh())))
        .says(down)
        .ends(unavailable(FailureCause::Store(STORE_DOWN), None));
}
