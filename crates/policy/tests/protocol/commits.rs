//! Tokens in hand that are not yet stored.

use std::time::Duration;

use oidc_session_core::{EndReason, SignInId, StoreErrorKind, Violation};
use oidc_session_policy::protocol::{Action, Answer, Event, FailureCause, Outcome, SessionView, Trigger};
use oidc_session_policy::{Phase, Schedule};

use crate::dialogue::{
    CONFLICT, Dialogue, LEASE, LOST, RENEW, RENEWED, STORE_DOWN, at, commit, committed, due, expired, fresh, granted,
    loaded, millis, postponed, refreshed_by_another, seconds, session, token, tokens, tokens_in_violation, tombstone,
    unavailable,
};

const STORE_FAILS: Event = Event::Committed(Err(STORE_DOWN));

/// The session after our own refresh.
fn ours() -> SessionView {
    session(Phase::Fresh, 9)
}

/// A flight whose tokens found another record than the one they were to replace.
#[track_caller]
fn conflicted() -> Dialogue {
    Dialogue::presenting(expired()).says(tokens()).expects(commit(1)).says(CONFLICT).expects(Action::Load)
}

#[test]
fn tokens_of_a_session_that_ended_meanwhile_are_revoked() {
    conflicted()
        .says(loaded(tombstone(2, EndReason::LoggedOut)))
        .expects(Action::Revoke)
        .says(Event::Revoked)
        .ends(Outcome::Ended(EndReason::LoggedOut));
    conflicted().says(Event::Loaded(Ok(None))).expects(Action::Revoke).says(Event::Revoked).ends(Outcome::NoSession);
}

#[test]
fn tokens_of_an_earlier_sign_in_are_revoked_and_the_new_one_is_looked_at() {
    let new_sign_in = |phase| at(2, SessionView { sign_in: SignInId::from_u64(2), ..session(phase, 2) });
    conflicted()
        .says(loaded(new_sign_in(Phase::Fresh)))
        .expects(Action::Revoke)
        .says(Event::Revoked)
        .expects(Action::Load)
        .says(loaded(new_sign_in(Phase::Fresh)))
        .ends(Outcome::Adopted);
    conflicted()
        .says(loaded(new_sign_in(Phase::Expired)))
        .expects(Action::Revoke)
        .says(Event::Revoked)
        .says(loaded(new_sign_in(Phase::Expired)))
        .expects(LEASE);
}

#[test]
fn tokens_go_on_top_of_an_import_of_the_very_tokens_they_replace() {
    // Revoking ours would take the imported session with it: it holds the refresh token that we have just spent.
    for access in ["at-1", "at-2"] {
        let imported = SessionView { sign_in: SignInId::from_u64(2), ..session(Phase::Expired, 1) };
        conflicted()
            .says(loaded(at(2, SessionView { access: Some(token(access)), ..imported })))
            .expects(commit(2))
            .says(committed(3))
            .ends(Outcome::Refreshed);
    }
}

#[test]
fn tokens_that_were_imported_anew_after_they_were_stored_are_not_revoked() {
    // The answer to our commit was lost, and somebody signed in with what it had stored.
    let imported = SessionView { sign_in: SignInId::from_u64(2), ..ours() };
    conflicted().says(loaded(at(3, imported))).ends(Outcome::Adopted);
    // Without the access token there is nothing to serve, but the refresh token is in force all the same.
    let bare = at(3, SessionView { access: None, schedule: Schedule::NoAccessToken, ..imported });
    conflicted().says(loaded(bare)).expects(LEASE).says(granted(bare, 0)).refreshes();
}

#[test]
fn a_commit_whose_answer_was_lost_is_recognised_by_its_tokens() {
    conflicted().says(loaded(at(2, ours()))).ends(Outcome::Refreshed);
}

#[test]
fn a_change_beside_the_tokens_is_kept_and_ours_go_on_top_of_it() {
    conflicted()
        .says(loaded(at(2, session(Phase::Expired, 1))))
        .expects(commit(2))
        .says(CONFLICT)
        .expects(Action::Load)
        .says(loaded(at(3, session(Phase::Expired, 1))))
        .expects(commit(3))
        .says(committed(4))
        .ends(Outcome::Refreshed);
}

#[test]
fn conflicts_that_never_end_are_given_up_after_five_minutes() {
    let moved = loaded(at(2, session(Phase::Expired, 1)));
    conflicted().after(millis(299_999)).says(moved).expects(commit(2));
    conflicted().after(millis(300_000)).says(moved).ends(unavailable(FailureCause::Contention, None));
    // A session that has ended meanwhile is none to give up on.
    let ended = loaded(tombstone(2, EndReason::LoggedOut));
    conflicted().after(millis(300_000)).says(ended).expects(Action::Revoke);
}

#[test]
fn tokens_that_another_got_from_the_same_grant_are_adopted_and_ours_not_revoked() {
    conflicted().says(loaded(refreshed_by_another())).ends(Outcome::Adopted);
    // The server may not rotate: then the refresh tokens are equal and the access tokens are not.
    let unrotated = at(2, SessionView { refresh: Some(token("rt-1")), ..session(Phase::Fresh, 2) });
    conflicted().says(loaded(unrotated)).ends(Outcome::Adopted);
    let (access, refresh) = (Some(token("at-9")), Some(token("rt-1")));
    Dialogue::presenting(expired())
        .says(Event::Answered(Answer::Granted { access, refresh, violation: None }))
        .says(CONFLICT)
        .says(loaded(unrotated))
        .ends(Outcome::Adopted);
}

#[test]
fn a_commit_that_fails_serves_its_token_once_and_is_retried_under_a_renewed_lease() {
    Dialogue::presenting(expired())
        .says(tokens())
        .says(STORE_FAILS)
        .expects(Action::ServeUncommitted)
        .says(Event::Served)
        .waits(millis(20))
        .expects(RENEW)
        .says(RENEWED)
        .expects(commit(1))
        .says(STORE_FAILS)
        .waits(millis(40))
        .expects(RENEW)
        .says(RENEWED)
        .expects(commit(1))
        .says(committed(2))
        .ends(Outcome::Refreshed);
}

#[test]
fn a_commit_is_retried_whether_or_not_the_lease_could_be_renewed() {
    for renewed in [LOST, Event::Renewed(Err(STORE_DOWN))] {
        Dialogue::presenting(expired())
            .says(tokens())
            .says(STORE_FAILS)
            .says(Event::Served)
            .waits(millis(20))
            .expects(RENEW)
            .says(renewed)
            .expects(commit(1))
            .says(committed(2))
            .ends(Outcome::Refreshed);
    }
}

/// A flight whose commit fails `elapsed` after its tokens were granted, for the second time.
#[track_caller]
fn failing_for(granted: Event, elapsed: Duration) -> Dialogue {
    let mut dialogue = Dialogue::presenting(expired()).says(granted).expects(commit(1)).says(STORE_FAILS);
    if dialogue.said() == Action::ServeUncommitted {
        dialogue = dialogue.says(Event::Served);
    }
    dialogue
        .expects(Action::Wait(millis(20)))
        .after(elapsed)
        .says(Event::Waited)
        .expects(RENEW)
        .says(RENEWED)
        .expects(commit(1))
        .says(STORE_FAILS)
}

#[test]
fn a_commit_is_given_up_after_five_minutes() {
    failing_for(tokens(), millis(299_999)).expects(Action::Wait(millis(40)));
    failing_for(tokens(), millis(300_000)).ends(unavailable(FailureCause::Store(STORE_DOWN), None));
}

#[test]
fn a_conflict_that_cannot_be_read_is_retried_like_a_failed_commit() {
    let unread = Event::Loaded(Err(StoreErrorKind::Denied));
    let mut dialogue = conflicted().says(unread);
    if dialogue.said() == Action::ServeUncommitted {
        dialogue = dialogue.says(Event::Served);
    }
    dialogue
        .waits(millis(20))
        .expects(RENEW)
        .says(RENEWED)
        .expects(commit(1))
        .says(CONFLICT)
        .expects(Action::Load)
        .after(seconds(300))
        .says(unread)
        .ends(unavailable(FailureCause::Store(StoreErrorKind::Denied), None));
}

#[test]
fn a_token_is_not_served_after_a_conflict_that_cannot_be_read() {
    conflicted().says(Event::Loaded(Err(STORE_DOWN))).expects(Action::Wait(millis(20)));
}

#[test]
fn tokens_that_did_not_change_are_committed_on_top_of_a_change_beside_them() {
    // Some servers hand out the same access token until it expires, and do not rotate.
    let (access, refresh) = (Some(token("at-1")), Some(token("rt-1")));
    let same = Event::Answered(Answer::Granted { access, refresh, violation: None });
    Dialogue::presenting(expired())
        .says(same)
        .expects(commit(1))
        .says(CONFLICT)
        .says(loaded(at(2, session(Phase::Expired, 1))))
        .expects(commit(2));
}

#[test]
fn a_violation_commits_the_rotation_and_serves_nothing_new() {
    let cause = FailureCause::Violation(Violation::Subject);
    for (record, outcome) in [(expired(), unavailable(cause, None)), (due(), postponed(cause, None))] {
        Dialogue::presenting(record)
            .says(tokens_in_violation(Violation::Subject))
            .expects(commit(1))
            .says(committed(2))
            .ends(outcome);
    }
}

#[test]
fn a_violation_whose_commit_fails_is_retried_without_serving_anything() {
    let granted = tokens_in_violation(Violation::Nonce);
    Dialogue::presenting(expired()).says(granted).says(STORE_FAILS).expects(Action::Wait(millis(20)));
    failing_for(granted, millis(299_999)).expects(Action::Wait(millis(40)));
    failing_for(granted, millis(300_000)).ends(unavailable(FailureCause::Store(STORE_DOWN), None));
}

#[test]
fn a_violation_whose_commit_was_lost_is_still_a_violation() {
    let kept = at(2, SessionView { refresh: Some(token("rt-9")), ..session(Phase::Expired, 1) });
    Dialogue::presenting(expired())
        .says(tokens_in_violation(Violation::Issuer))
        .says(CONFLICT)
        .says(loaded(kept))
        .ends(unavailable(FailureCause::Violation(Violation::Issuer), None));
    // What is stored by now says whether a token serves on.
    let serving = at(2, SessionView { refresh: Some(token("rt-9")), ..session(Phase::Fresh, 1) });
    Dialogue::presenting(expired())
        .says(tokens_in_violation(Violation::Issuer))
        .says(CONFLICT)
        .says(loaded(serving))
        .ends(postponed(FailureCause::Violation(Violation::Issuer), None));
}

#[test]
fn a_refused_token_does_not_serve_on_after_a_violation() {
    Dialogue::of(Trigger::IfCurrentIs(token("at-1")))
        .presents(fresh(), 0)
        .says(tokens_in_violation(Violation::Audience))
        .says(committed(2))
        .ends(unavailable(FailureCause::Violation(Violation::Audience), None));
}
