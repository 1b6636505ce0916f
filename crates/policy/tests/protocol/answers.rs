//! The token endpoint's answer, as far as it is no verdict.

use std::time::Duration;

use oidc_session_core::{EndReason, ProviderErrorKind};
use oidc_session_policy::protocol::{
    Action, Answer, Event, FailureCause, Fault, Flight, Outcome, SessionView, Trigger,
};
use oidc_session_policy::{OnRefreshFailure, Phase};

use crate::dialogue::{
    CONFLICT, Dialogue, LEASE, LOST, RENEW, RENEWED, STORE_DOWN, at, commit, committed, due, end, expired, failed,
    granted, loaded, millis, postponed, refreshed_by_another, release, rules_with, seconds, session, tokens,
    unavailable,
};

const UNKNOWN: ProviderErrorKind = ProviderErrorKind::OutcomeUnknown;

fn retry_after(kind: ProviderErrorKind, wait: u64) -> Event {
    Event::Answered(Answer::Failed(Fault { kind, retry_after: Some(seconds(wait)), presented: true }))
}

/// How long everybody leaves the server alone after a failure that named no time.
const PAUSE: Duration = Duration::from_secs(1);

#[test]
fn tokens_are_committed_before_anything_else() {
    Dialogue::presenting(expired())
        .refreshes()
        .says(tokens())
        .expects(commit(1))
        .says(committed(2))
        .ends(Outcome::Refreshed);
}

#[test]
fn a_failure_without_a_verdict_pauses_everybody_and_keeps_the_session() {
    let rows = [
        (ProviderErrorKind::NotSent, 1),
        (ProviderErrorKind::TryLater, 1),
        (ProviderErrorKind::Refused, 1),
        (ProviderErrorKind::Misconfigured, 1),
        (ProviderErrorKind::InteractionRequired, 10),
    ];
    for (kind, pause) in rows {
        let (cause, pause) = (FailureCause::Provider(kind), seconds(pause));
        for (record, outcome) in [(expired(), unavailable(cause, Some(pause))), (due(), postponed(cause, Some(pause)))]
        {
            Dialogue::presenting(record)
                .says(failed(kind))
                .expects(release(pause, false))
                .says(Event::Released)
                .ends(outcome);
        }
    }
}

#[test]
fn the_server_may_ask_for_a_longer_pause_but_not_for_none_and_not_for_ever() {
    let kind = ProviderErrorKind::TryLater;
    for (asked, kept) in [(0, 1), (2, 2), (120, 120), (300, 300), (301, 300), (u64::MAX, 300)] {
        Dialogue::presenting(expired())
            .says(retry_after(kind, asked))
            .expects(release(seconds(kept), false))
            .says(Event::Released)
            .ends(unavailable(FailureCause::Provider(kind), Some(seconds(kept))));
    }
}

#[test]
fn a_failed_preparation_may_not_ask_for_a_pause_for_ever_either() {
    let kind = ProviderErrorKind::TryLater;
    let fault = Fault { kind, retry_after: Some(seconds(u64::MAX)), presented: true };
    Dialogue::of(Trigger::IfDue)
        .says(loaded(expired()))
        .says(Event::Prepared(Err(fault)))
        .ends(unavailable(FailureCause::Provider(kind), Some(seconds(300))));
}

#[test]
fn discard_always_ends_an_expired_session_for_any_failure() {
    let rules = rules_with(None, OnRefreshFailure::DiscardAlways);
    let presenting = |record| Dialogue::with(Flight::new(rules, Trigger::IfDue, None)).presents(record, 0);
    let ended = end(1, EndReason::RefreshFailed);
    for kind in [ProviderErrorKind::NotSent, ProviderErrorKind::TryLater, ProviderErrorKind::Misconfigured] {
        presenting(expired())
            .says(failed(kind))
            .expects(ended)
            .says(committed(2))
            .ends(Outcome::Ended(EndReason::RefreshFailed));
        presenting(due()).says(failed(kind)).expects(release(PAUSE, false));
    }
    // An unknown outcome is repeated first.
    presenting(expired()).says(failed(UNKNOWN)).expects(RENEW).says(RENEWED).says(failed(UNKNOWN)).expects(ended);
    // And somebody who refreshed meanwhile is adopted.
    presenting(expired())
        .says(failed(ProviderErrorKind::NotSent))
        .expects(ended)
        .says(CONFLICT)
        .expects(Action::Load)
        .says(loaded(refreshed_by_another()))
        .ends(Outcome::Adopted);
}

#[test]
fn an_unknown_outcome_is_repeated_once_under_a_renewed_lease() {
    for kind in [UNKNOWN, ProviderErrorKind::InvalidAnswer] {
        Dialogue::presenting(expired())
            .refreshes()
            .after(seconds(10))
            .says(failed(kind))
            .expects(RENEW)
            .says(RENEWED)
            .refreshes()
            .says(tokens())
            .expects(commit(1))
            .says(committed(2))
            .ends(Outcome::Refreshed);
    }
}

#[test]
fn an_outcome_that_stays_unknown_is_told_to_whoever_comes_next() {
    for kind in [UNKNOWN, ProviderErrorKind::InvalidAnswer] {
        for (record, ends) in [(expired(), unavailable as fn(_, _) -> _), (due(), postponed)] {
            Dialogue::presenting(record)
                .says(failed(kind))
                .expects(RENEW)
                .says(RENEWED)
                .refreshes()
                .says(failed(kind))
                .expects(release(seconds(5), true))
                .says(Event::Released)
                .ends(ends(FailureCause::Provider(UNKNOWN), Some(seconds(5))));
        }
    }
}

#[test]
fn a_repeat_that_fails_otherwise_leaves_the_first_attempt_unsettled() {
    for kind in [ProviderErrorKind::NotSent, ProviderErrorKind::TryLater, ProviderErrorKind::Misconfigured] {
        Dialogue::presenting(expired())
            .says(failed(UNKNOWN))
            .says(RENEWED)
            .refreshes()
            .says(failed(kind))
            .expects(release(PAUSE, true));
    }
}

#[test]
fn there_is_no_repeat_if_somebody_took_over() {
    Dialogue::presenting(expired())
        .says(failed(UNKNOWN))
        .expects(RENEW)
        .says(LOST)
        .expects(Action::Load)
        .says(loaded(refreshed_by_another()))
        .ends(Outcome::Adopted);
    // Nobody else got through either: the lost attempt now counts for whoever is granted the lease.
    Dialogue::presenting(expired())
        .says(failed(UNKNOWN))
        .says(LOST)
        .expects(Action::Load)
        .says(loaded(expired()))
        .expects(LEASE)
        .says(granted(expired(), 1))
        .takes_over(expired(), 1)
        .refreshes()
        .says(failed(UNKNOWN))
        .expects(release(seconds(5), true));
}

#[test]
fn there_is_no_repeat_if_the_lease_cannot_be_renewed() {
    Dialogue::presenting(expired())
        .says(failed(UNKNOWN))
        .expects(RENEW)
        .says(Event::Renewed(Err(STORE_DOWN)))
        .expects(release(seconds(5), true))
        .says(Event::Released)
        .ends(unavailable(FailureCause::Provider(UNKNOWN), Some(seconds(5))));
}

#[test]
fn an_attempt_taken_over_is_the_repeat_and_is_not_repeated() {
    let told_by_the_record = at(1, SessionView { unsettled: 1, ..session(Phase::Expired, 1) });
    for (record, told_by_the_store) in [(expired(), 1), (told_by_the_record, 0)] {
        Dialogue::of(Trigger::IfDue)
            .presents(record, told_by_the_store)
            .takes_over(record, told_by_the_store)
            .refreshes()
            .says(failed(UNKNOWN))
            .expects(release(seconds(5), true));
    }
}

#[test]
fn there_is_no_repeat_outside_the_reuse_window() {
    let rules = rules_with(Some(seconds(8)), OnRefreshFailure::DiscardOnVerdict);
    let answered_after = |spent| {
        let presenting = Dialogue::with(Flight::new(rules, Trigger::IfDue, None)).presents(expired(), 0);
        presenting.refreshes().after(spent).says(failed(UNKNOWN))
    };
    answered_after(seconds(8) - millis(1)).expects(RENEW);
    answered_after(seconds(8)).expects(release(seconds(5), true));
}
