//! What the protocol sees of a session, for the sake of one target.

use std::collections::BTreeMap;

use oidc_session_core::{
    AccessToken, EndReason, Limits, ProviderId, RefreshToken, Session, SessionEnd, SessionState, Target, Timestamp,
    TokenSet, Tombstone, Version,
};
use oidc_session_policy::protocol::{RecordView, SessionView, StateView};
use oidc_session_policy::{ExpiredOnly, Jitter, Schedule};

use crate::dialogue::{WALL, seconds};

fn token_set(access: &str, lifetime: u64) -> TokenSet {
    let mut tokens = TokenSet::new(WALL, WALL);
    tokens.access_token = Some(AccessToken::new(access));
    tokens.expires_in = Some(seconds(lifetime));
    tokens
}

/// A session with `at-own` for five minutes, `at-api` for ten, and one refresh token.
fn two_targets() -> Session {
    let mut own = token_set("at-own", 300);
    own.refresh_token = Some(RefreshToken::new("rt"));
    let mut session = Session::new(ProviderId::new("oidc"), "https://op.example", "my-app", own);
    session.further_tokens = BTreeMap::from([(api(), token_set("at-api", 600))]);
    session
}

fn api() -> Target {
    Target::resource("api")
}

fn look(state: &SessionState, target: &Target) -> RecordView {
    RecordView::of(Version::from_u64(1), state, target, &ExpiredOnly, Jitter::NONE, Limits::default(), None)
}

#[track_caller]
fn active(session: &Session, target: &Target) -> SessionView {
    match look(&session.clone().into(), target).state {
        StateView::Active(view) => view,
        StateView::Ended(reason) => panic!("the session has ended: {reason:?}"),
    }
}

fn expiry(view: SessionView) -> Option<Timestamp> {
    view.schedule.expires_at()
}

#[test]
fn each_target_has_its_own_access_token_and_instants_and_all_share_the_refresh_token() {
    let session = two_targets();
    let fingerprint = |access| Some(AccessToken::new(access).fingerprint());
    let refresh = Some(RefreshToken::new("rt").fingerprint());
    let [own, further] = [Target::default(), api()].map(|target| active(&session, &target));
    assert_eq!((own.access, own.refresh, expiry(own)), (fingerprint("at-own"), refresh, Some(WALL + seconds(300))));
    let expected = (fingerprint("at-api"), refresh, Some(WALL + seconds(600)));
    assert_eq!((further.access, further.refresh, expiry(further)), expected);
}

#[test]
fn a_target_that_was_granted_nothing_yet_has_no_access_token_but_the_refresh_token() {
    let view = active(&two_targets(), &Target::resource("another"));
    assert_eq!((view.access, view.schedule), (None, Schedule::NoAccessToken));
    assert_eq!(view.refresh, Some(RefreshToken::new("rt").fingerprint()));
}

#[test]
fn the_limit_of_the_session_cuts_every_target_and_is_seen_for_itself() {
    let mut session = two_targets();
    let end = WALL + seconds(400);
    session.ends_at = Some(end);
    for (target, expires_at) in [(Target::default(), WALL + seconds(300)), (api(), end)] {
        let view = active(&session, &target);
        assert_eq!((view.end, expiry(view)), (Some(limit_reached(end)), Some(expires_at)), "{target:?}");
    }
    assert_eq!(active(&session, &Target::resource("another")).end, Some(limit_reached(end)));
}

fn limit_reached(at: Timestamp) -> SessionEnd {
    SessionEnd { at, reason: EndReason::LimitReached }
}

#[test]
fn the_limits_of_a_program_are_seen_beside_those_of_the_session() {
    let session = two_targets();
    let look = |limits, used| {
        let state = session.clone().into();
        let version = Version::from_u64(1);
        match RecordView::of(version, &state, &api(), &ExpiredOnly, Jitter::NONE, limits, used).state {
            StateView::Active(view) => view,
            StateView::Ended(reason) => panic!("the session has ended: {reason:?}"),
        }
    };
    let absolute = look(Limits { absolute: Some(seconds(400)), idle: None }, None);
    let end = WALL + seconds(400);
    assert_eq!((absolute.end, expiry(absolute)), (Some(limit_reached(end)), Some(end)));

    // A use moves the end, and leaves the schedule as it is.
    let limits = Limits { absolute: None, idle: Some(seconds(100)) };
    for (used, at) in [(None, 100), (Some(WALL + seconds(50)), 150)] {
        let idle = look(limits, used);
        assert_eq!(idle.end, Some(SessionEnd { at: WALL + seconds(at), reason: EndReason::Idle }));
        assert_eq!(expiry(idle), Some(WALL + seconds(600)));
    }
}

#[test]
fn sign_in_and_unsettled_attempts_are_the_same_for_every_target() {
    let mut session = two_targets();
    session.unsettled_attempts = 3;
    for target in [Target::default(), api(), Target::resource("another")] {
        let view = active(&session, &target);
        assert_eq!((view.sign_in, view.unsettled), (session.sign_in_id, 3), "{target:?}");
    }
}

#[test]
fn a_tombstone_is_one_for_every_target() {
    let ended = Tombstone::of(&two_targets(), EndReason::LimitReached, None, WALL).into();
    for target in [Target::default(), api()] {
        assert_eq!(look(&ended, &target).state, StateView::Ended(EndReason::LimitReached));
    }
}
