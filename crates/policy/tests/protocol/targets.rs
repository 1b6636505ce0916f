//! Further targets: several access tokens over one refresh token.

use oidc_session_core::{EndReason, ProviderErrorKind, ProviderId, ProviderProfile, ReuseReaction};
use oidc_session_policy::protocol::{
    Action, Answer, Event, FailureCause, Fault, Flight, Outcome, RecordView, Rules, SessionView, Trigger,
};
use oidc_session_policy::{OnRefreshFailure, Phase, Schedule};

use crate::dialogue::{
    CONFLICT, Dialogue, LEASE, LEASE_TTL, PREPARED, RENEW, RENEWED, REQUEST_BUDGET, STORE_BUDGET, at, commit,
    committed, due, end, expired, failed, fault, fresh, granted, loaded, postponed, release, rules, rules_with,
    seconds, session, token, tokens, unavailable,
};

const UNKNOWN: ProviderErrorKind = ProviderErrorKind::OutcomeUnknown;
/// What the server says of a target that this client may not have, or not in this way.
const REFUSALS: [(ProviderErrorKind, u64); 3] = [
    (ProviderErrorKind::InteractionRequired, 10),
    (ProviderErrorKind::Misconfigured, 1),
    (ProviderErrorKind::Refused, 1),
];

fn further(trigger: Trigger) -> Dialogue {
    Dialogue::with(Flight::new(rules(), trigger, None).for_further_target())
}

fn discarding() -> Dialogue {
    let rules = rules_with(None, OnRefreshFailure::DiscardAlways);
    Dialogue::with(Flight::new(rules, Trigger::IfDue, None).for_further_target())
}

/// A session that holds no access token for the target yet.
fn without_token() -> SessionView {
    SessionView { schedule: Schedule::NoAccessToken, access: None, ..session(Phase::Fresh, 1) }
}

/// Version 1 without a refresh token.
fn unrefreshable(session: SessionView) -> RecordView {
    at(1, SessionView { refresh: None, ..session })
}

/// Version 2: the refresh token was replaced for the sake of another target.
fn rotated_for_another(phase: Phase) -> RecordView {
    at(2, SessionView { refresh: Some(token("rt-2")), ..session(phase, 1) })
}

#[test]
fn a_target_gets_its_first_token_over_the_refresh_token_of_the_session() {
    further(Trigger::IfDue)
        .presents(at(1, without_token()), 0)
        .refreshes()
        .says(tokens())
        .expects(commit(1))
        .says(committed(2))
        .ends(Outcome::Refreshed);
}

#[test]
fn a_target_without_a_refresh_token_gets_no_token_and_ends_nothing() {
    let cause = FailureCause::NoRefreshToken;
    for trigger in [Trigger::IfDue, Trigger::Force, Trigger::IfCurrentIs(token("at-1"))] {
        for session in [without_token(), session(Phase::Expired, 1)] {
            further(trigger).says(loaded(unrefreshable(session))).ends(unavailable(cause, None));
        }
    }
    further(Trigger::IfDue).says(loaded(unrefreshable(session(Phase::Due, 1)))).ends(postponed(cause, None));
    further(Trigger::IfDue).says(loaded(unrefreshable(session(Phase::Fresh, 1)))).ends(Outcome::Fresh);
    // The refresh token vanished between the look and the lease.
    further(Trigger::IfDue)
        .says(loaded(expired()))
        .says(PREPARED)
        .expects(LEASE)
        .says(granted(unrefreshable(session(Phase::Expired, 1)), 0))
        .expects(release(seconds(0), false))
        .says(Event::Released)
        .ends(unavailable(cause, None));
}

#[test]
fn a_target_that_is_refused_pauses_nobody_else() {
    for (kind, pause) in REFUSALS {
        let (cause, retry_in) = (FailureCause::Provider(kind), Some(seconds(pause)));
        let rows = [
            (at(1, without_token()), unavailable(cause, retry_in)),
            (expired(), unavailable(cause, retry_in)),
            (due(), postponed(cause, retry_in)),
        ];
        for (record, outcome) in rows {
            further(Trigger::IfDue)
                .presents(record, 0)
                .says(failed(kind))
                .expects(release(seconds(0), true))
                .says(Event::Released)
                .ends(outcome);
        }
    }
}

/// A widely used server spends the refresh token before it refuses the target.
#[test]
fn a_refused_target_leaves_its_attempt_unsettled_where_the_refresh_token_may_be_spent() {
    let mut accepts = ProviderProfile::new(ProviderId::new("accepts"));
    accepts.request_budget = REQUEST_BUDGET;
    accepts.reuse_reaction = ReuseReaction::Accepts;
    let harmless = Rules::new(&accepts, STORE_BUDGET, LEASE_TTL, OnRefreshFailure::DiscardOnVerdict)
        .expect("the lease outlives the request and the commit");
    for (rules, presented, unsettled) in [(rules(), true, true), (rules(), false, false), (harmless, true, false)] {
        for (kind, _) in REFUSALS {
            let refused = Event::Answered(Answer::Failed(Fault { kind, retry_after: None, presented }));
            Dialogue::with(Flight::new(rules, Trigger::IfDue, None).for_further_target())
                .presents(expired(), 0)
                .says(refused)
                .expects(release(seconds(0), unsettled));
        }
    }
    // For the session's own access token, the same answer is about the client and has spent nothing.
    Dialogue::of(Trigger::IfDue)
        .presents(expired(), 0)
        .says(failed(ProviderErrorKind::Misconfigured))
        .expects(release(seconds(1), false));
}

#[test]
fn a_refusal_after_an_unknown_outcome_leaves_the_first_attempt_unsettled() {
    for (kind, _) in REFUSALS {
        further(Trigger::IfDue)
            .presents(expired(), 0)
            .says(failed(UNKNOWN))
            .expects(RENEW)
            .says(RENEWED)
            .refreshes()
            .says(failed(kind))
            .expects(release(seconds(0), true));
    }
}

#[test]
fn a_server_in_trouble_is_left_alone_by_everybody_whatever_the_target() {
    for kind in [ProviderErrorKind::NotSent, ProviderErrorKind::TryLater] {
        further(Trigger::IfDue).presents(expired(), 0).says(failed(kind)).expects(release(seconds(1), false));
    }
    further(Trigger::IfDue)
        .presents(expired(), 0)
        .says(failed(UNKNOWN))
        .says(RENEWED)
        .refreshes()
        .says(failed(UNKNOWN))
        .expects(release(seconds(5), true));
}

#[test]
fn discard_always_ends_no_session_for_a_further_target() {
    for record in [at(1, without_token()), expired()] {
        for kind in [ProviderErrorKind::NotSent, ProviderErrorKind::TryLater] {
            discarding().presents(record, 0).says(failed(kind)).expects(release(seconds(1), false));
        }
        for (kind, _) in REFUSALS {
            discarding().presents(record, 0).says(failed(kind)).expects(release(seconds(0), true));
        }
        discarding()
            .presents(record, 0)
            .says(failed(UNKNOWN))
            .says(RENEWED)
            .refreshes()
            .says(failed(UNKNOWN))
            .expects(release(seconds(5), true));
        // A failed preparation does not even take the lease.
        discarding()
            .says(loaded(record))
            .says(Event::Prepared(Err(fault(ProviderErrorKind::NotSent))))
            .ends(unavailable(FailureCause::Provider(ProviderErrorKind::NotSent), Some(seconds(1))));
    }
}

#[test]
fn a_verdict_is_on_the_refresh_token_and_so_on_every_target() {
    further(Trigger::IfDue)
        .presents(at(1, without_token()), 0)
        .says(failed(ProviderErrorKind::Rejected))
        .expects(Action::Load)
        .says(loaded(at(1, without_token())))
        .expects(end(1, EndReason::Rejected))
        .says(committed(2))
        .ends(Outcome::Ended(EndReason::Rejected));
}

#[test]
fn a_verdict_means_nothing_once_the_refresh_token_was_replaced_for_another_target() {
    let rejected = || further(Trigger::IfDue).presents(expired(), 0).says(failed(ProviderErrorKind::Rejected));
    let moved = rotated_for_another(Phase::Expired);
    rejected().expects(Action::Load).says(loaded(moved)).expects(LEASE).says(granted(moved, 0)).refreshes();
}

#[test]
fn force_is_not_content_with_what_was_refreshed_for_another_target() {
    for flight in [further(Trigger::Force), Dialogue::of(Trigger::Force)] {
        flight
            .says(loaded(fresh()))
            .says(PREPARED)
            .expects(LEASE)
            .says(granted(rotated_for_another(Phase::Fresh), 0))
            .refreshes();
    }
}

#[test]
fn force_is_content_with_the_same_access_token_from_a_later_answer() {
    // Some servers hand out the same access token until it expires.
    let mut later = session(Phase::Fresh, 1);
    if let Schedule::Known { requested_at, .. } = &mut later.schedule {
        *requested_at = *requested_at + seconds(100);
    }
    Dialogue::of(Trigger::Force)
        .says(loaded(fresh()))
        .says(PREPARED)
        .says(granted(at(2, later), 0))
        .expects(release(seconds(0), false))
        .says(Event::Released)
        .ends(Outcome::Adopted);
}

/// A flight whose tokens found another record than the one they were to replace.
#[track_caller]
fn conflicted(record: RecordView) -> Dialogue {
    let flight = further(Trigger::IfDue).presents(record, 0).says(tokens());
    flight.expects(commit(1)).says(CONFLICT).expects(Action::Load)
}

#[test]
fn tokens_go_on_top_of_those_for_another_target_over_a_refresh_token_that_stays() {
    // What was granted for the other target does not show in the view.
    for session in [without_token(), session(Phase::Expired, 1)] {
        conflicted(at(1, session))
            .says(loaded(at(2, session)))
            .expects(commit(2))
            .says(committed(3))
            .ends(Outcome::Refreshed);
    }
}

#[test]
fn tokens_whose_refresh_token_was_replaced_for_another_target_are_given_up_and_asked_for_anew() {
    // The other's refresh token is in force. Putting ours on top would lose it, and revoking ours could, too.
    let moved = rotated_for_another(Phase::Expired);
    conflicted(expired()).says(loaded(moved)).expects(LEASE).says(granted(moved, 0)).refreshes();
}

#[test]
fn a_commit_whose_answer_was_lost_still_serves_after_a_refresh_for_another_target() {
    let ours_and_another = SessionView { refresh: Some(token("rt-10")), ..session(Phase::Fresh, 9) };
    conflicted(expired()).says(loaded(at(3, ours_and_another))).ends(Outcome::Adopted);
    // Over a refresh token that stays, it is recognised.
    let (access, refresh) = (Some(token("at-9")), Some(token("rt-1")));
    let stays = SessionView { refresh, ..session(Phase::Fresh, 9) };
    further(Trigger::IfDue)
        .presents(expired(), 0)
        .says(Event::Answered(Answer::Granted { access, refresh, violation: None }))
        .says(CONFLICT)
        .says(loaded(at(3, stays)))
        .ends(Outcome::Refreshed);
}
