//! Taking over from a holder whose lease is over: it may be alive, with tokens that it could not commit.

use oidc_session_core::{EndReason, ProviderErrorKind, Version};
use oidc_session_policy::protocol::{Event, FailureCause, Flight, Journal, Outcome, RecordView, SessionView, Trigger};
use oidc_session_policy::{OnRefreshFailure, Phase};

use crate::dialogue::{
    Dialogue, GRACE, LEASE, RENEWED, STORE_DOWN, at, committed, due, expired, failed, granted, held, loaded, millis,
    postponed, refreshed_by_another, release, rules, rules_with, seconds, session, tokens, tombstone, unavailable,
};

/// A flight that is granted the lease of `record`, which another holder never gave back.
#[track_caller]
fn taking_over(record: RecordView) -> Dialogue {
    Dialogue::of(Trigger::IfDue).presents(record, 1)
}

#[test]
fn what_the_holder_commits_after_all_is_adopted() {
    taking_over(expired())
        .waits(GRACE)
        .expects(LEASE)
        .says(granted(refreshed_by_another(), 0))
        .expects(release(seconds(0), false))
        .says(Event::Released)
        .ends(Outcome::Adopted);
}

#[test]
fn what_the_holder_never_commits_is_presented_again_under_a_lease_that_is_young() {
    for record in [expired(), due()] {
        taking_over(record).takes_over(record, 1).refreshes_under_a_lease_since(GRACE);
    }
}

#[test]
fn a_reuse_window_is_no_reason_to_hurry() {
    let rules = rules_with(Some(seconds(8)), OnRefreshFailure::DiscardOnVerdict);
    let flight = Flight::new(rules, Trigger::IfDue, None);
    Dialogue::with(flight).presents(expired(), 1).takes_over(expired(), 1).refreshes();
}

#[test]
fn whoever_knows_that_nobody_has_anything_to_commit_does_not_wait() {
    // Its own two presentations came to nothing, and it told the store.
    let unknown = || failed(ProviderErrorKind::OutcomeUnknown);
    let gives_up = Dialogue::presenting(expired()).says(unknown()).says(RENEWED).refreshes().says(unknown());
    let given_up = gives_up.expects(release(seconds(5), true)).says(Event::Released).given_up();
    assert_eq!(given_up, Some(Journal { version: Version::from_u64(1), unsettled: 1 }));

    let next = || Dialogue::with(Flight::new(rules(), Trigger::IfDue, None).having_given_up(given_up));
    next().presents(expired(), 1).refreshes();
    // Since then somebody else began an attempt, or the tokens of another version.
    next().presents(expired(), 2).takes_over(expired(), 2).refreshes();
    let other = at(2, session(Phase::Expired, 2));
    next().presents(other, 1).takes_over(other, 1).refreshes();
}

#[test]
fn an_attempt_that_ended_well_is_nothing_to_give_up() {
    let granted = Dialogue::presenting(expired()).says(tokens()).says(committed(2));
    assert_eq!(granted.given_up(), None);
    let refused = Dialogue::presenting(expired()).says(failed(ProviderErrorKind::NotSent)).says(Event::Released);
    assert_eq!(refused.given_up(), None);
}

#[test]
fn a_third_that_came_between_is_given_time_as_well() {
    taking_over(expired()).takes_over(expired(), 2).takes_over(expired(), 2).refreshes();
    taking_over(expired())
        .waits(GRACE)
        .expects(LEASE)
        .says(held(seconds(20)))
        .waits(millis(20))
        .says(loaded(expired()))
        .expects(LEASE)
        .says(granted(expired(), 2))
        .takes_over(expired(), 2)
        .refreshes();
}

#[test]
fn somebody_always_comes_between_for_so_long_only() {
    taking_over(expired())
        .takes_over(expired(), 2)
        .takes_over(expired(), 3)
        .takes_over(expired(), 4)
        .waits(GRACE)
        .expects(release(seconds(0), false))
        .says(Event::Released)
        .ends(unavailable(FailureCause::Contention, None));
}

#[test]
fn a_logout_meanwhile_is_final() {
    taking_over(expired())
        .takes_over(tombstone(2, EndReason::LoggedOut), 0)
        .expects(release(seconds(0), false))
        .says(Event::Released)
        .ends(Outcome::Ended(EndReason::LoggedOut));
}

#[test]
fn nothing_is_presented_while_the_store_is_out_of_reach() {
    for (record, ends) in [(expired(), unavailable as fn(_, _) -> _), (due(), postponed)] {
        taking_over(record)
            .waits(GRACE)
            .expects(LEASE)
            .says(Event::Leased(Err(STORE_DOWN)))
            .expects(release(seconds(0), false))
            .says(Event::Released)
            .ends(ends(FailureCause::Store(STORE_DOWN), None));
    }
}

#[test]
fn a_grace_that_no_store_confirmed_counts_for_nothing() {
    let unconfirmed = taking_over(expired()).waits(GRACE).says(Event::Leased(Err(STORE_DOWN))).says(Event::Released);
    assert_eq!(unconfirmed.given_up(), None);
    let confirmed = taking_over(expired()).takes_over(expired(), 1).says(failed(ProviderErrorKind::NotSent));
    assert!(confirmed.says(Event::Released).given_up().is_some());
    let contended = taking_over(expired()).takes_over(expired(), 2).takes_over(expired(), 3).takes_over(expired(), 4);
    assert_eq!(contended.waits(GRACE).says(Event::Released).given_up(), None);
}

#[test]
fn an_attempt_that_is_unsettled_in_the_record_is_taken_over_just_so() {
    let unsettled = at(1, SessionView { unsettled: 1, ..session(Phase::Expired, 1) });
    Dialogue::of(Trigger::IfDue)
        .presents(unsettled, 0)
        .takes_over(unsettled, 0)
        .says(failed(ProviderErrorKind::NotSent))
        .expects(release(seconds(1), false));
}
