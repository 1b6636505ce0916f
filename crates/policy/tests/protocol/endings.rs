//! Verdicts, and tombstones.

use oidc_session_core::{EndReason, ProviderErrorKind};
use oidc_session_policy::Phase;
use oidc_session_policy::protocol::{Action, Event, FailureCause, Outcome, SessionView, Trigger};

use crate::dialogue::{
    CONFLICT, Dialogue, LEASE, RENEWED, STORE_DOWN, at, committed, due, end, expired, failed, fresh, granted, loaded,
    millis, refreshed_by_another, seconds, session, tombstone, unavailable,
};

const REJECTED: ProviderErrorKind = ProviderErrorKind::Rejected;
const UNKNOWN: ProviderErrorKind = ProviderErrorKind::OutcomeUnknown;
const STORE_FAILS: Event = Event::Committed(Err(STORE_DOWN));

#[test]
fn a_verdict_ends_the_session_if_the_record_still_holds_the_rejected_token() {
    for record in [expired(), due()] {
        Dialogue::presenting(record)
            .says(failed(REJECTED))
            .expects(Action::Load)
            .says(loaded(record))
            .expects(end(1, EndReason::Rejected))
            .says(committed(2))
            .ends(Outcome::Ended(EndReason::Rejected));
    }
}

#[test]
fn a_verdict_on_a_token_that_is_no_longer_in_force_means_nothing() {
    let rejected = || Dialogue::presenting(expired()).says(failed(REJECTED)).expects(Action::Load);
    rejected().says(loaded(refreshed_by_another())).ends(Outcome::Adopted);
    rejected().says(Event::Loaded(Ok(None))).ends(Outcome::NoSession);
    rejected().says(loaded(tombstone(2, EndReason::LoggedOut))).ends(Outcome::Ended(EndReason::LoggedOut));
    // What another refreshed has expired too: refresh that, under a lease of its own.
    let other = at(2, session(Phase::Expired, 2));
    rejected().says(loaded(other)).expects(LEASE).says(granted(other, 0)).refreshes();
}

#[test]
fn a_verdict_does_not_count_while_the_record_cannot_be_read() {
    Dialogue::presenting(expired())
        .says(failed(REJECTED))
        .says(Event::Loaded(Err(STORE_DOWN)))
        .ends(unavailable(FailureCause::Store(STORE_DOWN), None));
}

#[test]
fn verdicts_that_never_count_are_given_up() {
    let mut dialogue = Dialogue::presenting(expired());
    for version in 2..5 {
        let moved = at(version, session(Phase::Expired, u8::try_from(version).unwrap()));
        dialogue = dialogue.says(failed(REJECTED)).expects(Action::Load).says(loaded(moved));
        dialogue = dialogue.expects(LEASE).says(granted(moved, 0)).refreshes();
    }
    dialogue
        .says(failed(REJECTED))
        .says(loaded(at(5, session(Phase::Expired, 5))))
        .ends(unavailable(FailureCause::Contention, None));
}

#[test]
fn a_verdict_after_an_unknown_outcome_waits_for_the_answer_that_was_lost() {
    let repeated = || {
        Dialogue::presenting(expired())
            .says(failed(UNKNOWN))
            .says(RENEWED)
            .refreshes()
            .says(failed(REJECTED))
            .waits(seconds(1))
            .expects(Action::Load)
    };
    repeated()
        .says(loaded(expired()))
        .expects(end(1, EndReason::RejectedAfterUnknownOutcome))
        .says(committed(2))
        .ends(Outcome::Ended(EndReason::RejectedAfterUnknownOutcome));
    repeated().says(loaded(refreshed_by_another())).ends(Outcome::Adopted);
}

#[test]
fn a_verdict_on_an_attempt_taken_over_is_one_after_an_unknown_outcome() {
    let told_by_the_record = at(1, SessionView { unsettled: 1, ..session(Phase::Expired, 1) });
    for (record, told_by_the_store) in [(expired(), 1), (told_by_the_record, 0)] {
        Dialogue::of(Trigger::IfDue)
            .presents(record, told_by_the_store)
            .takes_over(record, told_by_the_store)
            .says(failed(REJECTED))
            .waits(seconds(1))
            .expects(Action::Load)
            .says(loaded(record))
            .expects(end(1, EndReason::RejectedAfterUnknownOutcome));
    }
}

#[test]
fn a_verdict_replaces_the_version_that_was_read_after_it() {
    // Something beside the tokens changed meanwhile.
    Dialogue::presenting(expired())
        .says(failed(REJECTED))
        .says(loaded(at(2, session(Phase::Expired, 1))))
        .expects(end(2, EndReason::Rejected));
}

#[test]
fn a_tombstone_that_conflicts_looks_again() {
    let conflicted = || {
        Dialogue::presenting(expired())
            .says(failed(REJECTED))
            .says(loaded(expired()))
            .expects(end(1, EndReason::Rejected))
            .says(CONFLICT)
            .expects(Action::Load)
    };
    conflicted().says(loaded(refreshed_by_another())).ends(Outcome::Adopted);
    conflicted()
        .says(loaded(at(2, session(Phase::Expired, 1))))
        .expects(end(2, EndReason::Rejected))
        .says(committed(3))
        .ends(Outcome::Ended(EndReason::Rejected));
}

#[test]
fn a_tombstone_that_always_conflicts_is_given_up() {
    let mut dialogue = Dialogue::presenting(expired()).says(failed(REJECTED)).says(loaded(expired()));
    for version in 2..5 {
        // Something beside the tokens changes again and again.
        dialogue = dialogue.says(CONFLICT).expects(Action::Load).says(loaded(at(version, session(Phase::Expired, 1))));
        dialogue = dialogue.expects(end(version, EndReason::Rejected));
    }
    dialogue.says(CONFLICT).ends(unavailable(FailureCause::Contention, None));
}

#[test]
fn a_tombstone_without_a_verdict_that_conflicts_starts_over() {
    let without = at(1, SessionView { refresh: None, ..session(Phase::Expired, 1) });
    Dialogue::of(Trigger::IfDue)
        .says(loaded(without))
        .expects(end(1, EndReason::NoRefreshToken))
        .says(CONFLICT)
        .expects(Action::Load)
        .says(loaded(at(2, session(Phase::Fresh, 2))))
        .ends(Outcome::Adopted);
}

#[test]
fn a_tombstone_that_the_store_does_not_take_is_tried_three_more_times() {
    let mut dialogue = Dialogue::presenting(expired()).says(failed(REJECTED)).says(loaded(expired()));
    for pause in [20, 40, 80] {
        dialogue = dialogue.expects(end(1, EndReason::Rejected)).says(STORE_FAILS).waits(millis(pause));
    }
    dialogue
        .expects(end(1, EndReason::Rejected))
        .says(STORE_FAILS)
        .ends(unavailable(FailureCause::Store(STORE_DOWN), None));
}

#[test]
fn a_tombstone_that_was_written_after_all_is_found_on_the_next_look() {
    // The store took the first try, but its answer was lost.
    Dialogue::presenting(expired())
        .says(failed(REJECTED))
        .says(loaded(expired()))
        .says(STORE_FAILS)
        .waits(millis(20))
        .expects(end(1, EndReason::Rejected))
        .says(CONFLICT)
        .expects(Action::Load)
        .says(loaded(tombstone(2, EndReason::Rejected)))
        .ends(Outcome::Ended(EndReason::Rejected));
}

#[test]
fn a_verdict_ends_a_valid_session_too_if_it_was_forced() {
    Dialogue::of(Trigger::Force)
        .presents(fresh(), 0)
        .says(failed(REJECTED))
        .says(loaded(fresh()))
        .expects(end(1, EndReason::Rejected));
}
