//! The limit that no refresh moves.

use oidc_session_core::{EndReason, SessionEnd, StoreErrorKind};
use oidc_session_policy::protocol::{Action, Event, FailureCause, Flight, Outcome, RecordView, SessionView, Trigger};
use oidc_session_policy::{Phase, Schedule};

use crate::dialogue::{
    CONFLICT, Dialogue, LEASE, PREPARED, WALL, at, committed, end, granted, loaded, millis, monotonic, release, rules,
    seconds, session, token, tokens, tombstone, unavailable,
};

const LIMIT: EndReason = EndReason::LimitReached;

fn triggers() -> [Trigger; 4] {
    let [current, older] = ["at-1", "at-0"].map(|name| Trigger::IfCurrentIs(token(name)));
    [Trigger::IfDue, Trigger::Force, current, older]
}

/// The flight for the session's own access token, and the one for a further target.
fn flights(trigger: Trigger) -> [Flight; 2] {
    let flight = Flight::new(rules(), trigger, None);
    [flight.clone(), flight.for_further_target()]
}

fn limit(after_millis: u64) -> SessionEnd {
    SessionEnd { at: WALL + millis(after_millis), reason: LIMIT }
}

/// Version 1, which ends so long after the dialogue began.
fn ending(session: SessionView, after_millis: u64) -> RecordView {
    at(1, SessionView { end: Some(limit(after_millis)), ..session })
}

#[test]
fn a_session_ends_at_its_limit_whatever_is_asked_of_it() {
    let sessions = [
        session(Phase::Fresh, 1),
        session(Phase::Due, 1),
        session(Phase::Expired, 1),
        SessionView { refresh: None, ..session(Phase::Fresh, 1) },
        SessionView { refresh: None, ..session(Phase::Expired, 1) },
        SessionView { schedule: Schedule::Unknown, ..session(Phase::Fresh, 1) },
        SessionView { schedule: Schedule::NoAccessToken, access: None, ..session(Phase::Fresh, 1) },
    ];
    for (trigger, session) in triggers().into_iter().flat_map(|trigger| sessions.map(|session| (trigger, session))) {
        for flight in flights(trigger) {
            Dialogue::with(flight)
                .says(loaded(ending(session, 0)))
                .expects(end(1, LIMIT))
                .says(committed(2))
                .ends(Outcome::Ended(LIMIT));
        }
    }
}

#[test]
fn a_session_that_nobody_used_ends_as_idle() {
    let end = SessionEnd { at: WALL, reason: EndReason::Idle };
    for flight in triggers().into_iter().flat_map(flights) {
        Dialogue::with(flight)
            .says(loaded(at(1, SessionView { end: Some(end), ..session(Phase::Fresh, 1) })))
            .expects(self::end(1, EndReason::Idle))
            .says(committed(2))
            .ends(Outcome::Ended(EndReason::Idle));
    }
}

#[test]
fn a_token_does_not_serve_on_because_the_end_of_its_session_cannot_be_stored() {
    let idle = SessionEnd { at: WALL, reason: EndReason::Idle };
    let record = at(1, SessionView { end: Some(idle), ..session(Phase::Fresh, 1) });
    let mut dialogue = Dialogue::of(Trigger::IfDue).says(loaded(record)).expects(end(1, EndReason::Idle));
    for pause in [20, 40, 80] {
        dialogue = dialogue
            .says(Event::Committed(Err(StoreErrorKind::Unavailable)))
            .expects(Action::Wait(millis(pause)))
            .says(Event::Waited)
            .expects(end(1, EndReason::Idle));
    }
    let failed = unavailable(FailureCause::Store(StoreErrorKind::Unavailable), None);
    dialogue.says(Event::Committed(Err(StoreErrorKind::Unavailable))).ends(failed);
}

#[test]
fn a_session_that_another_process_used_meanwhile_lives_on() {
    let idle_at = |number, at_millis| {
        let end = SessionEnd { at: WALL + millis(at_millis), reason: EndReason::Idle };
        at(number, SessionView { end: Some(end), ..session(Phase::Fresh, 1) })
    };
    Dialogue::of(Trigger::IfDue)
        .says(loaded(idle_at(1, 0)))
        .expects(end(1, EndReason::Idle))
        .says(CONFLICT)
        .expects(Action::Load)
        .says(loaded(idle_at(2, 60_000)))
        .ends(Outcome::Adopted);
}

#[test]
fn a_use_elsewhere_is_not_taken_for_a_refresh() {
    let idle_at = |number, minutes: u64| {
        let end = SessionEnd { at: WALL + seconds(minutes * 60), reason: EndReason::Idle };
        at(number, SessionView { end: Some(end), ..session(Phase::Fresh, 1) })
    };
    // What is asked for outright is done, although the record came back changed.
    Dialogue::of(Trigger::Force)
        .says(loaded(idle_at(1, 10)))
        .says(PREPARED)
        .says(granted(idle_at(2, 20), 0))
        .refreshes();
}

#[test]
fn a_session_lives_until_its_limit_and_not_longer() {
    let asked_after =
        |passed| Dialogue::of(Trigger::IfDue).after(passed).says(loaded(ending(session(Phase::Fresh, 1), 5_000)));
    asked_after(millis(4_999)).ends(Outcome::Fresh);
    asked_after(millis(5_000)).expects(end(1, LIMIT));
    asked_after(millis(5_001)).expects(end(1, LIMIT));
}

#[test]
fn a_limit_reached_before_the_lease_was_granted_keeps_the_refresh_token_from_being_presented() {
    let record = ending(session(Phase::Expired, 1), 5_000);
    for flight in triggers().into_iter().flat_map(flights) {
        Dialogue::with(flight)
            .says(loaded(record))
            .expects(Action::Prepare)
            .says(PREPARED)
            .expects(LEASE)
            .after(seconds(5))
            .says(granted(record, 0))
            .expects(end(1, LIMIT))
            .says(committed(2))
            .ends(Outcome::Ended(LIMIT));
    }
}

#[test]
fn a_quiet_process_ends_a_session_at_its_limit_all_the_same() {
    for flight in flights(Trigger::IfDue) {
        Dialogue::with(flight.quiet_until(Some(monotonic(seconds(60)))))
            .says(loaded(ending(session(Phase::Expired, 1), 0)))
            .expects(end(1, LIMIT));
    }
}

#[test]
fn a_limit_gives_way_to_a_new_sign_in_and_to_a_logout() {
    let conflicted = || {
        Dialogue::of(Trigger::IfDue)
            .says(loaded(ending(session(Phase::Fresh, 1), 0)))
            .expects(end(1, LIMIT))
            .says(CONFLICT)
            .expects(Action::Load)
    };
    conflicted().says(loaded(at(2, session(Phase::Fresh, 2)))).ends(Outcome::Adopted);
    conflicted().says(loaded(tombstone(2, EndReason::LoggedOut))).ends(Outcome::Ended(EndReason::LoggedOut));
    // Something beside the limit changed.
    let moved = RecordView { version: at(2, session(Phase::Fresh, 1)).version, ..ending(session(Phase::Fresh, 1), 0) };
    conflicted().says(loaded(moved)).expects(end(2, LIMIT));
}

#[test]
fn tokens_of_a_session_that_another_process_ended_at_its_limit_are_revoked() {
    Dialogue::presenting(ending(session(Phase::Expired, 1), 5_000))
        .says(tokens())
        .says(CONFLICT)
        .says(loaded(tombstone(2, LIMIT)))
        .expects(Action::Revoke)
        .says(Event::Revoked)
        .ends(Outcome::Ended(LIMIT));
}

#[test]
fn a_limit_still_to_come_changes_nothing() {
    let record = ending(session(Phase::Expired, 1), 3_600_000);
    for flight in triggers().into_iter().flat_map(flights) {
        Dialogue::with(flight).presents(record, 0).refreshes();
    }
    let fresh = ending(session(Phase::Fresh, 1), 3_600_000);
    Dialogue::of(Trigger::Force)
        .says(loaded(fresh))
        .says(PREPARED)
        .says(granted(at(2, SessionView { end: Some(limit(3_600_000)), ..session(Phase::Fresh, 2) }), 0))
        .expects(release(seconds(0), false));
}
