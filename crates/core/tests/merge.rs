//! The merge rule (RFC 6749 §6, OIDC Core §12.2), row by row.

use std::time::Duration;

use oidc_session_core::{
    AccessToken, AnsweredIdToken, DpopBinding, DpopKey, IdClaims, IdToken, Merged, ProviderId, Record, RefreshToken,
    Scopes, Session, SignInId, Target, Timestamp, TokenAnswer, TokenSet, TokenType, Violation,
};

const SIGNED_IN_AT: Timestamp = Timestamp::from_unix_seconds(1_000_000);
const REQUESTED_AT: Timestamp = Timestamp::from_unix_seconds(1_000_400);
const RECEIVED_AT: Timestamp = Timestamp::from_unix_seconds(1_000_401);

/// A session that knows everything a session can know.
fn session() -> Session {
    let mut tokens = TokenSet::new(SIGNED_IN_AT, SIGNED_IN_AT);
    tokens.access_token = Some(AccessToken::new("at-old"));
    tokens.token_type = TokenType::DPoP;
    tokens.refresh_token = Some(RefreshToken::new("rt-old"));
    tokens.id_token = Some(IdToken::new("id-old"));
    tokens.scope = Some(Scopes::parse("openid email"));
    tokens.expires_in = Some(Duration::from_secs(300));
    tokens.expires_at_hint = Some(SIGNED_IN_AT + Duration::from_secs(301));
    let mut session = Session::new(ProviderId::new("oidc"), "https://login.example", "my-app", tokens);
    session.subject = Some("alice".into());
    session.sid = Some("sid-old".into());
    session.auth_time = Some(999_990);
    session.nonce = Some("nonce-old".into());
    session.sign_in_id = SignInId::from_u64(7);
    session.unsettled_attempts = 2;
    session.data.insert("theme".into(), "dark".into());
    session
}

/// An answer with everything an answer can have.
fn answer() -> TokenAnswer {
    let mut answer = TokenAnswer::new(REQUESTED_AT, RECEIVED_AT);
    answer.access_token = Some(AccessToken::new("at-new"));
    answer.token_type = Some(TokenType::Bearer);
    answer.refresh_token = Some(RefreshToken::new("rt-new"));
    answer.id_token = Some(verified(matching()));
    answer.scope = Some(Scopes::parse("openid"));
    answer.expires_in = Some(Duration::from_secs(600));
    answer.expires_at_hint = Some(REQUESTED_AT + Duration::from_secs(601));
    answer
}

fn matching() -> IdClaims {
    IdClaims {
        issuer: "https://login.example".into(),
        subject: "alice".into(),
        audiences: vec!["my-app".into()],
        authorized_party: Some("my-app".into()),
        auth_time: Some(999_990),
        nonce: Some("nonce-old".into()),
        sid: Some("sid-new".into()),
    }
}

fn verified(claims: IdClaims) -> AnsweredIdToken {
    AnsweredIdToken::Verified { token: IdToken::new("id-new"), claims: Box::new(claims) }
}

/// What becomes of [`session`] when `change` was made to [`answer`].
#[track_caller]
fn merged(change: impl FnOnce(&mut TokenAnswer)) -> Session {
    let mut answer = answer();
    change(&mut answer);
    let merged = session().merge_refresh(answer, &Target::default());
    assert_eq!(merged.violation, None);
    merged.session
}

/// The violation that `change` to the claims of the answer's ID token amounts to.
fn violation(of: &Session, change: impl FnOnce(&mut IdClaims)) -> Option<Violation> {
    let mut claims = matching();
    change(&mut claims);
    let mut answer = answer();
    answer.id_token = Some(verified(claims));
    of.merge_refresh(answer, &Target::default()).violation
}

#[test]
fn what_the_answer_carries_replaces_what_the_session_had() {
    let mut expected = session();
    expected.tokens = TokenSet::new(REQUESTED_AT, RECEIVED_AT);
    expected.tokens.access_token = Some(AccessToken::new("at-new"));
    expected.tokens.token_type = TokenType::Bearer;
    expected.tokens.refresh_token = Some(RefreshToken::new("rt-new"));
    expected.tokens.id_token = Some(IdToken::new("id-new"));
    expected.tokens.scope = Some(Scopes::parse("openid"));
    expected.tokens.expires_in = Some(Duration::from_secs(600));
    expected.tokens.expires_at_hint = Some(REQUESTED_AT + Duration::from_secs(601));
    expected.sid = Some("sid-new".into());
    expected.unsettled_attempts = 0;
    assert_eq!(merged(|_| ()), expected);
}

#[test]
fn an_absent_refresh_token_keeps_the_old_one() {
    let merged = merged(|answer| answer.refresh_token = None);
    assert_eq!(merged.tokens.refresh_token, Some(RefreshToken::new("rt-old")));
    assert_eq!(merged.tokens.access_token, Some(AccessToken::new("at-new")));
}

#[test]
fn an_absent_scope_keeps_the_old_one() {
    assert_eq!(merged(|answer| answer.scope = None).tokens.scope, Some(Scopes::parse("openid email")));
}

#[test]
fn an_absent_id_token_keeps_the_old_one_and_the_old_sid() {
    let merged = merged(|answer| answer.id_token = None);
    assert_eq!(merged.tokens.id_token, Some(IdToken::new("id-old")));
    assert_eq!(merged.sid.as_deref(), Some("sid-old"));
    assert_eq!(merged.tokens.access_token, Some(AccessToken::new("at-new")));
}

#[test]
fn an_id_token_without_sid_keeps_the_old_sid() {
    let merged = merged(|answer| answer.id_token = Some(verified(IdClaims { sid: None, ..matching() })));
    assert_eq!(merged.sid.as_deref(), Some("sid-old"));
}

#[test]
fn an_old_lifetime_is_never_carried_over() {
    let unknown = merged(|answer| (answer.expires_in, answer.expires_at_hint) = (None, None));
    assert_eq!((unknown.tokens.expires_in, unknown.tokens.expires_at_hint), (None, None));
    assert_eq!(unknown.tokens.expires_at(), None);

    let hinted = merged(|answer| answer.expires_in = None);
    assert_eq!(hinted.tokens.expires_at(), Some(REQUESTED_AT + Duration::from_secs(601)));

    let without_hint = merged(|answer| answer.expires_at_hint = None);
    assert_eq!(without_hint.tokens.expires_at_hint, None);
    assert_eq!(without_hint.tokens.expires_at(), Some(REQUESTED_AT + Duration::from_secs(600)));
}

#[test]
fn a_lifetime_of_zero_is_kept_as_zero() {
    let merged = merged(|answer| answer.expires_in = Some(Duration::ZERO));
    assert_eq!(merged.tokens.expires_in, Some(Duration::ZERO));
}

#[test]
fn an_absent_token_type_is_bearer_and_not_the_old_one() {
    assert_eq!(merged(|answer| answer.token_type = None).tokens.token_type, TokenType::Bearer);
    assert_eq!(merged(|answer| answer.token_type = Some(TokenType::DPoP)).tokens.token_type, TokenType::DPoP);
}

#[test]
fn an_answer_settles_the_attempts_before_it() {
    let mut answer = TokenAnswer::new(REQUESTED_AT, RECEIVED_AT);
    assert_eq!(session().merge_refresh(answer.clone(), &Target::default()).session.unsettled_attempts, 0);
    answer.access_token = Some(AccessToken::new("at-new"));
    assert_eq!(session().merge_refresh(answer, &Target::default()).session.unsettled_attempts, 0);
}

#[test]
fn every_claim_that_a_refresh_must_not_change_is_compared() {
    type Change = fn(&mut IdClaims);
    let rows: &[(&str, Change, Option<Violation>)] = &[
        ("all equal", |_| (), None),
        ("iss", |claims| claims.issuer = "https://other.example".into(), Some(Violation::Issuer)),
        ("iss but for a slash", |claims| claims.issuer.push('/'), Some(Violation::Issuer)),
        ("sub", |claims| claims.subject = "mallory".into(), Some(Violation::Subject)),
        ("sub but for case", |claims| claims.subject = "Alice".into(), Some(Violation::Subject)),
        ("aud without us", |claims| claims.audiences = vec!["other-app".into()], Some(Violation::Audience)),
        ("no aud", |claims| claims.audiences.clear(), Some(Violation::Audience)),
        ("aud with others", |claims| claims.audiences = vec!["api".into(), "my-app".into()], None),
        ("azp", |claims| claims.authorized_party = Some("other-app".into()), Some(Violation::Audience)),
        ("no azp", |claims| claims.authorized_party = None, None),
        ("auth_time", |claims| claims.auth_time = Some(999_991), Some(Violation::AuthTime)),
        ("no auth_time", |claims| claims.auth_time = None, None),
        ("nonce", |claims| claims.nonce = Some("nonce-new".into()), Some(Violation::Nonce)),
        ("no nonce", |claims| claims.nonce = None, None),
        ("another sid", |claims| claims.sid = Some("sid-newer".into()), None),
    ];
    for (row, change, expected) in rows {
        assert_eq!(violation(&session(), change), *expected, "{row}");
    }
}

#[test]
fn a_claim_the_session_never_had_is_no_contradiction() {
    let mut imported = session();
    (imported.subject, imported.auth_time, imported.nonce) = (None, None, None);
    assert_eq!(violation(&imported, |_| ()), None);
    assert_eq!(violation(&imported, |claims| (claims.auth_time, claims.nonce) = (None, None)), None);
}

#[test]
fn a_session_imported_without_a_subject_learns_it() {
    let mut imported = session();
    (imported.subject, imported.sid) = (None, None);
    let merged = imported.merge_refresh(answer(), &Target::default());
    assert_eq!(merged.violation, None);
    assert_eq!(merged.session.subject.as_deref(), Some("alice"));
    assert_eq!(merged.session.sid.as_deref(), Some("sid-new"));
}

#[test]
fn a_violation_records_the_rotation_and_nothing_else() {
    let refused = |id_token| {
        let mut answer = answer();
        answer.id_token = Some(id_token);
        answer
    };
    let mut without_access_token = answer();
    without_access_token.access_token = None;
    let rows = [
        (without_access_token, Violation::NoAccessToken),
        (refused(AnsweredIdToken::Refused), Violation::IdTokenRefused),
        (refused(AnsweredIdToken::Expired), Violation::IdTokenExpired),
        (refused(verified(IdClaims { issuer: "https://other.example".into(), ..matching() })), Violation::Issuer),
        (refused(verified(IdClaims { subject: "mallory".into(), ..matching() })), Violation::Subject),
        (refused(verified(IdClaims { audiences: vec![], ..matching() })), Violation::Audience),
        (refused(verified(IdClaims { auth_time: Some(0), ..matching() })), Violation::AuthTime),
        (refused(verified(IdClaims { nonce: Some(String::new()), ..matching() })), Violation::Nonce),
    ];
    for (mut answer, violation) in rows {
        let mut rotated = session();
        rotated.unsettled_attempts = 0;
        let unrotated = rotated.clone();
        rotated.tokens.refresh_token = Some(RefreshToken::new("rt-new"));

        let merged = session().merge_refresh(answer.clone(), &Target::default());
        assert_eq!((merged.violation, merged.session), (Some(violation), rotated));

        answer.refresh_token = None;
        let merged = session().merge_refresh(answer, &Target::default());
        assert_eq!((merged.violation, merged.session), (Some(violation), unrotated), "without a rotation");
    }
}

#[test]
fn a_violation_teaches_an_imported_session_nothing() {
    let mut imported = session();
    (imported.subject, imported.sid) = (None, None);
    let mut answer = answer();
    answer.id_token = Some(verified(IdClaims { audiences: vec![], ..matching() }));
    let merged = imported.merge_refresh(answer, &Target::default());
    assert_eq!((merged.session.subject, merged.session.sid), (None, None));
}

#[test]
fn tokens_that_no_store_would_take_are_a_violation_that_keeps_the_rotation() {
    let mut answer = answer();
    answer.access_token = Some(AccessToken::new("x".repeat(Record::MAX_LENGTH)));
    let merged = session().merge_refresh(answer, &Target::default());
    assert_eq!(merged.violation, Some(Violation::TooLarge));
    assert_eq!(merged.session.tokens.access_token, Some(AccessToken::new("at-old")));
    assert_eq!(merged.session.tokens.refresh_token, Some(RefreshToken::new("rt-new")));
    assert_eq!((merged.session.tokens.expires_in, merged.session.unsettled_attempts), (session().tokens.expires_in, 0));
    assert!(Record::encode(&merged.session.into()).is_ok());
}

#[test]
fn further_access_tokens_make_room_before_an_answer_is_too_large() {
    let api = |n: u64| Target::resource(format!("https://{n}.example"));
    let large = || Some(AccessToken::new("x".repeat(Record::MAX_LENGTH / 5)));
    let mut full = session();
    for n in 0..4_u64 {
        let mut tokens = TokenSet::new(SIGNED_IN_AT, SIGNED_IN_AT + Duration::from_secs(10 - n));
        tokens.access_token = large();
        full.further_tokens.insert(api(n), tokens);
    }
    assert!(Record::encode(&full.clone().into()).is_ok());

    // The one of the target itself stays, although it is the oldest.
    for (target, kept) in [(Target::default(), vec![0, 1, 2]), (api(9), vec![0, 1, 2, 9]), (api(3), vec![0, 1, 2, 3])] {
        let mut answer = answer();
        answer.access_token = large();
        let Merged { session, violation } = full.merge_refresh(answer, &target);
        assert_eq!(violation, None, "{target:?}");
        assert_eq!(
            session.further_tokens.keys().cloned().collect::<Vec<_>>(),
            kept.into_iter().map(api).collect::<Vec<_>>()
        );
        assert_eq!(session.tokens_for(&target).unwrap().access_token, large());
        assert!(Record::encode(&session.into()).is_ok());
    }

    // Also for a successor that comes without a usable access token: it must not be lost.
    let mut violating = answer();
    (violating.access_token, violating.refresh_token) =
        (None, Some(RefreshToken::new("r".repeat(Record::MAX_LENGTH / 5))));
    let Merged { session, violation } = full.merge_refresh(violating, &Target::default());
    assert_eq!((violation, session.further_tokens.len()), (Some(Violation::NoAccessToken), 3));
    assert!(Record::encode(&session.into()).is_ok());
}

#[test]
fn an_answer_that_is_too_large_in_itself_costs_no_further_access_token() {
    let mut before = session();
    before.further_tokens.insert(Target::resource("a"), TokenSet::new(SIGNED_IN_AT, SIGNED_IN_AT));
    let mut answer = answer();
    answer.access_token = Some(AccessToken::new("x".repeat(Record::MAX_LENGTH)));
    let Merged { session, violation } = before.merge_refresh(answer, &Target::default());
    assert_eq!((violation, session.further_tokens.len()), (Some(Violation::TooLarge), 1));
}

#[test]
fn an_answer_for_a_further_target_leaves_the_own_access_token_alone() {
    let target = Target::resource("https://api.example");
    let mut answer = answer();
    answer.refresh_token_expires_in = Some(Duration::from_secs(86_400));
    let merged = session().merge_refresh(answer, &target);
    assert_eq!(merged.violation, None);
    let (old, new) = (session().tokens, merged.session.tokens);
    assert_eq!((&new.access_token, &new.scope, new.expires_in), (&old.access_token, &old.scope, old.expires_in));
    assert_eq!(new.refresh_token, Some(RefreshToken::new("rt-new")));
    assert_eq!(new.refresh_token_expires_at, Some(REQUESTED_AT + Duration::from_secs(86_400)));
    assert_eq!(new.id_token, Some(IdToken::new("id-new")));
    let further = &merged.session.further_tokens[&target];
    assert_eq!(further.access_token, Some(AccessToken::new("at-new")));
    assert_eq!(further.scope, Some(Scopes::parse("openid")));
    assert_eq!(further.expires_at(), Some(REQUESTED_AT + Duration::from_secs(600)));
    assert_eq!((&further.refresh_token, &further.id_token), (&None, &None));
}

#[test]
fn the_end_of_a_refresh_token_is_that_of_the_one_in_force() {
    let mut before = session();
    before.tokens.refresh_token_expires_at = Some(SIGNED_IN_AT);
    let end_after = |rotates: bool, lifetime: Option<u64>| {
        let mut answer = answer();
        answer.refresh_token = answer.refresh_token.filter(|_| rotates);
        answer.refresh_token_expires_in = lifetime.map(Duration::from_secs);
        before.merge_refresh(answer, &Target::default()).session.tokens.refresh_token_expires_at
    };
    assert_eq!(end_after(false, None), Some(SIGNED_IN_AT));
    assert_eq!(end_after(true, None), None);
    for rotates in [true, false] {
        assert_eq!(end_after(rotates, Some(60)), Some(REQUESTED_AT + Duration::from_secs(60)));
    }
}

#[test]
fn a_nonce_is_kept_even_if_the_answer_is_not() {
    let mut bound = session();
    bound.dpop = Some(DpopBinding::new(DpopKey::new("key"), "thumb"));
    let nonce_after = |nonce: &str, lacks_scope| {
        let mut answer = answer();
        answer.token_type = Some(TokenType::DPoP);
        answer.dpop_nonce = Some(nonce.to_owned());
        answer.lacks_scope = lacks_scope;
        let merged = bound.merge_refresh(answer, &Target::default());
        assert_eq!(merged.violation.is_some(), lacks_scope);
        merged.session.dpop.unwrap().nonce
    };
    assert_eq!(nonce_after("n-1", false).as_deref(), Some("n-1"));
    assert_eq!(nonce_after("n-2", true).as_deref(), Some("n-2"));
    assert_eq!(nonce_after(&"n".repeat(1025), false), None);
}

#[test]
fn what_the_provider_keeps_is_replaced_by_name() {
    let mut before = session();
    before.provider_data.insert("policy".into(), "one".into());
    before.provider_data.insert("uid".into(), "7".into());
    let mut answer = answer();
    answer.provider_data.insert("policy".into(), "two".into());
    let kept = before.merge_refresh(answer, &Target::default()).session.provider_data;
    assert_eq!((&kept["policy"], &kept["uid"]), (&"two".into(), &"7".into()));
}

#[test]
fn a_bound_session_takes_no_token_that_is_not_bound() {
    let mut bound = session();
    bound.dpop = Some(DpopBinding::new(DpopKey::new("key"), "thumb"));
    let merged = |token_type: Option<TokenType>| {
        let mut answer = answer();
        answer.token_type = token_type;
        bound.merge_refresh(answer, &Target::default())
    };
    assert_eq!(merged(Some(TokenType::Bearer)).violation, Some(Violation::Unbound));
    for token_type in [Some(TokenType::DPoP), None] {
        let merged = merged(token_type);
        assert_eq!((merged.violation, merged.session.tokens.token_type), (None, TokenType::DPoP));
    }
    // A public client's refresh token may be bound where its access tokens are not.
    bound.tokens.token_type = TokenType::Bearer;
    let mut answer = answer();
    answer.token_type = Some(TokenType::Bearer);
    assert_eq!(bound.merge_refresh(answer, &Target::default()).violation, None);
}

#[test]
fn a_further_target_has_the_scope_it_asked_for_unless_the_answer_names_another() {
    let target = Target::resource("https://api.example").scopes(Scopes::parse("read"));
    let scope = |named: Option<&str>, target: &Target| {
        let mut answer = answer();
        answer.scope = named.map(Scopes::parse);
        session().merge_refresh(answer, target).session.further_tokens[target].scope.clone()
    };
    assert_eq!(scope(None, &target), Some(Scopes::parse("read")));
    assert_eq!(scope(Some("read write"), &target), Some(Scopes::parse("read write")));
    assert_eq!(scope(None, &Target::resource("https://api.example")), None);
}
