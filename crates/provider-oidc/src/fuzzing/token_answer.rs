//! [`token_answer`]: a 2xx answer of the endpoints that are posted to.

use std::time::Duration;

use oidc_session_core::{
    AccessToken, IdToken, ProviderErrorKind, ProviderId, Record, RefreshToken, Scopes, Session, Target, Timestamp,
    TokenAnswer, TokenSet,
};
use reqwest::StatusCode;
use serde_json::{Map, Value};

use super::answered;
use super::secret::{assert_quiet, with_secrets};
use crate::channel::Channel;
use crate::grant::{Grant, expires_at_hint};
use crate::{Dialect, device_authorization, outcome, pushed_request};

/// A hundred years: beyond it a lifetime is a mistake of units.
const LONGEST_LIFETIME: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
/// What may be kept of one answer for the vendor's sake.
const MOST_KEPT: usize = 16 * 1024;

/// Reads `body` as a 2xx answer: it grants something that makes sense and can be recorded, or it is a typed error.
pub fn token_answer(body: &[u8], dialect: &dyn Dialect) {
    for body in with_secrets(body) {
        granted(&body, dialect);
        device_codes(&body);
        pushed(&body, dialect);
    }
}

fn granted(body: &[u8], dialect: &dyn Dialect) {
    match outcome::grant(answered(StatusCode::OK, body), dialect) {
        Ok(grant) => {
            assert!(grant.has_tokens());
            makes_sense(&grant);
            reads_the_same_again(&grant);
            is_recorded(grant, dialect);
        }
        Err(error) => {
            assert_quiet(&error);
            assert!(error.may_have_presented());
            let says_error =
                outcome::object(body).is_some_and(|fields| dialect.decode_answer(fields).contains_key("error"));
            assert!(says_error || error.kind() == ProviderErrorKind::OutcomeUnknown, "{error:?}");
        }
    }
}

fn makes_sense(grant: &Grant) {
    let tokens = [
        grant.access_token.as_ref().map(AccessToken::expose),
        grant.refresh_token.as_ref().map(RefreshToken::expose),
        grant.id_token.as_ref().map(IdToken::expose),
    ];
    assert!(tokens.into_iter().flatten().all(|token| !token.is_empty()));
    let lifetimes = [grant.expires_in, grant.refresh_in, grant.extended_expires_in, grant.refresh_token_expires_in];
    assert!(lifetimes.into_iter().flatten().all(|lifetime| lifetime <= LONGEST_LIFETIME));
    assert!(grant.refresh_token_expires_in.is_none_or(|lifetime| !lifetime.is_zero()), "zero means never");
    assert!(!grant.scope.as_ref().is_some_and(Scopes::is_empty));
    for token in ["access_token", "refresh_token", "id_token"] {
        assert!(!grant.others.contains_key(token), "{token} is handed to the dialect");
    }
}

/// What was understood, written as the standard has it, is understood the same.
fn reads_the_same_again(grant: &Grant) {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    let seconds = |lifetime: Option<Duration>| lifetime.map(|lifetime| Value::from(lifetime.as_secs()));
    put("access_token", grant.access_token.as_ref().map(|token| token.expose().into()));
    put("refresh_token", grant.refresh_token.as_ref().map(|token| token.expose().into()));
    put("id_token", grant.id_token.as_ref().map(|token| token.expose().into()));
    put("token_type", grant.token_type.as_ref().map(|token_type| token_type.as_str().into()));
    // As a list: in a text, %20 stands for a space, and not in a list.
    put("scope", grant.scope.as_ref().map(|scope| scope.iter().map(Value::from).collect()));
    put("expires_in", seconds(grant.expires_in));
    put("refresh_in", seconds(grant.refresh_in));
    put("ext_expires_in", seconds(grant.extended_expires_in));
    put("refresh_token_expires_in", seconds(grant.refresh_token_expires_in));
    let again = Grant::read(fields);
    assert!(Grant { others: Map::new(), ..again } == Grant { others: Map::new(), ..grant.clone() });
}

/// Whatever was granted, the session that comes of it can be stored and read again.
fn is_recorded(grant: Grant, dialect: &dyn Dialect) {
    let now = Timestamp::from_unix_seconds(1_700_000_000);
    let mut answer = TokenAnswer::new(now, now);
    answer.provider_data = dialect.keep(&grant.others, Some(&grant.others));
    let kept = serde_json::to_string(&answer.provider_data).map_or(usize::MAX, |kept| kept.len());
    assert!(kept <= MOST_KEPT, "{kept} bytes are kept for the vendor's sake");
    answer.expires_at_hint = grant.access_token.as_ref().and_then(expires_at_hint);
    answer.access_token = grant.access_token;
    answer.token_type = grant.token_type;
    answer.expires_in = grant.expires_in;
    answer.refresh_in = grant.refresh_in;
    answer.extended_expires_in = grant.extended_expires_in;
    answer.refresh_token = grant.refresh_token;
    answer.refresh_token_expires_in = grant.refresh_token_expires_in;
    answer.scope = grant.scope;

    let mut tokens = TokenSet::new(now, now);
    tokens.refresh_token = Some(RefreshToken::new("rt-1"));
    let session = Session::new(ProviderId::new("oidc"), "https://login.example", "my-app", tokens);
    let merged = session.merge_refresh(answer, &Target::default()).session;
    assert!(merged.tokens.expires_at().is_none_or(|at| at <= Timestamp::MAX));
    let state = merged.into();
    let record = Record::encode(&state);
    assert!(record.is_ok_and(|record| record.decode().is_ok_and(|read| read == state)), "it cannot be recorded");
}

fn device_codes(body: &[u8]) {
    let now = Timestamp::from_unix_seconds(1_700_000_000);
    let Some(fields) = outcome::object(body) else { return };
    for channel in [Channel::Tls, Channel::Loopback] {
        match device_authorization::read(&fields, channel, Scopes::default(), now) {
            Ok(pending) => {
                assert!(!pending.user_code.chars().any(char::is_control), "it goes to a terminal");
                assert!((1..=256).contains(&pending.user_code.len()));
                assert!(pending.expires_at > now && pending.expires_at <= now + Duration::from_secs(24 * 60 * 60));
                assert!((1..=300).contains(&pending.interval.as_secs()));
                for address in [Some(&pending.verification_uri), pending.verification_uri_complete.as_ref()] {
                    let is_safe = |scheme| scheme == "https" || (scheme == "http" && channel == Channel::Loopback);
                    assert!(address.is_none_or(|address| is_safe(address.scheme())));
                }
            }
            Err(error) => {
                assert_quiet(&error);
                assert_eq!(error.kind(), ProviderErrorKind::InvalidAnswer);
            }
        }
    }
}

fn pushed(body: &[u8], dialect: &dyn Dialect) {
    match pushed_request::request_uri(answered(StatusCode::CREATED, body), dialect) {
        Ok(uri) => assert!((1..=2048).contains(&uri.len())),
        Err(error) => {
            assert_quiet(&error);
            assert!(error.retry_after().is_none_or(|wait| wait <= Duration::from_secs(24 * 60 * 60)));
        }
    }
}
