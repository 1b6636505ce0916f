//! The one repeat, and what a verdict on it means, by what the server does with a token that it has replaced.

use std::time::Duration;

use oidc_session_core::{EndReason, ProviderErrorKind, ReuseReaction, Rotation};
use oidc_session_policy::OnRefreshFailure;
use oidc_session_policy::protocol::{Action, Flight, Rules, Trigger};

use crate::dialogue::{
    Dialogue, LEASE_TTL, RENEW, RENEWED, STORE_BUDGET, end, expired, failed, loaded, millis, profile, release, seconds,
};

const UNKNOWN: ProviderErrorKind = ProviderErrorKind::OutcomeUnknown;
const WINDOW: Duration = Duration::from_secs(8);
const ROTATIONS: [Rotation; 4] = [Rotation::Always, Rotation::Never, Rotation::Configured, Rotation::Unknown];
const REACTIONS: [ReuseReaction; 4] =
    [ReuseReaction::Accepts, ReuseReaction::Refuses, ReuseReaction::RevokesFamily, ReuseReaction::Unknown];

/// Every server: how it rotates, how it takes reuse, and whether that is harmless.
fn servers() -> impl Iterator<Item = (Rotation, ReuseReaction, bool)> {
    ROTATIONS.into_iter().flat_map(|rotation| {
        REACTIONS.map(|reaction| {
            let harmless = match (rotation, reaction) {
                (Rotation::Never, _) | (_, ReuseReaction::Accepts) => true,
                (_, _) => false,
            };
            (rotation, reaction, harmless)
        })
    })
}

/// A flight that presents the refresh token of an expired session to such a server, with so many attempts unsettled.
#[track_caller]
fn presenting(rotation: Rotation, reaction: ReuseReaction, window: Option<Duration>, unsettled: u32) -> Dialogue {
    let mut profile = profile();
    (profile.rotation, profile.reuse_reaction, profile.reuse_window) = (rotation, reaction, window);
    let rules = Rules::new(&profile, STORE_BUDGET, LEASE_TTL, OnRefreshFailure::DiscardOnVerdict);
    let rules = rules.expect("the lease outlives the request and the commit");
    Dialogue::with(Flight::new(rules, Trigger::IfDue, None)).presents(expired(), unsettled)
}

/// A flight that presents it after another holder did, whose lease is over.
#[track_caller]
fn taking_over(rotation: Rotation, reaction: ReuseReaction, harmless: bool) -> Dialogue {
    let granted = presenting(rotation, reaction, None, 1);
    if harmless { granted } else { granted.takes_over(expired(), 1) }
}

#[test]
fn an_unknown_outcome_is_repeated_where_the_server_takes_it_or_nothing_is_to_be_lost() {
    for (rotation, reaction, harmless) in servers() {
        // (reuse window, how long the attempt took, whether it is repeated)
        let rows = [
            (None, Duration::ZERO, true),
            (None, seconds(600), true),
            (Some(WINDOW), Duration::ZERO, true),
            (Some(WINDOW), WINDOW - millis(1), true),
            (Some(WINDOW), WINDOW, harmless),
            (Some(WINDOW), seconds(600), harmless),
            (Some(Duration::ZERO), Duration::ZERO, harmless),
        ];
        for (window, spent, repeated) in rows {
            for kind in [UNKNOWN, ProviderErrorKind::InvalidAnswer] {
                let next = presenting(rotation, reaction, window, 0).after(spent).says(failed(kind)).said();
                let expected = if repeated { RENEW } else { release(seconds(5), true) };
                assert_eq!(next, expected, "{rotation:?} {reaction:?} {window:?} {kind:?} after {spent:?}");
            }
        }
    }
}

#[test]
fn what_is_known_is_never_repeated_in_the_same_flight() {
    for (rotation, reaction, _) in servers() {
        for window in [None, Some(WINDOW)] {
            for kind in [
                ProviderErrorKind::NotSent,
                ProviderErrorKind::TryLater,
                ProviderErrorKind::Refused,
                ProviderErrorKind::Misconfigured,
                ProviderErrorKind::InteractionRequired,
            ] {
                let next = presenting(rotation, reaction, window, 0).says(failed(kind)).said();
                assert!(matches!(next, Action::Release(_)), "{rotation:?} {reaction:?} {window:?} {kind:?}: {next:?}");
            }
            presenting(rotation, reaction, window, 0).says(failed(ProviderErrorKind::Rejected)).expects(Action::Load);
        }
    }
}

#[test]
fn there_is_one_repeat_and_none_of_an_attempt_taken_over_even_where_reuse_is_harmless() {
    for (rotation, reaction, harmless) in servers() {
        taking_over(rotation, reaction, harmless).says(failed(UNKNOWN)).expects(release(seconds(5), true));
        presenting(rotation, reaction, None, 0)
            .says(failed(UNKNOWN))
            .expects(RENEW)
            .says(RENEWED)
            .refreshes()
            .says(failed(UNKNOWN))
            .expects(release(seconds(5), true));
    }
}

#[test]
fn a_verdict_after_an_unknown_outcome_is_a_plain_one_where_reuse_is_harmless() {
    for (rotation, reaction, harmless) in servers() {
        let reason = if harmless { EndReason::Rejected } else { EndReason::RejectedAfterUnknownOutcome };
        let repeated = presenting(rotation, reaction, None, 0).says(failed(UNKNOWN)).says(RENEWED).refreshes();
        let taken_over = taking_over(rotation, reaction, harmless).refreshes();
        for presented_again in [repeated, taken_over] {
            presented_again
                .says(failed(ProviderErrorKind::Rejected))
                .waits(seconds(1))
                .expects(Action::Load)
                .says(loaded(expired()))
                .expects(end(1, reason));
        }
        // Without an answer lost it is a plain one anywhere.
        presenting(rotation, reaction, None, 0)
            .says(failed(ProviderErrorKind::Rejected))
            .expects(Action::Load)
            .says(loaded(expired()))
            .expects(end(1, EndReason::Rejected));
    }
}
