//! [`Grant`]: the fields of a token answer, read as servers really write them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_session_core::{AccessToken, IdToken, RefreshToken, Scopes, Timestamp, TokenType};
use serde_json::{Map, Value};

use crate::dialect::Fields;

/// Beyond this a lifetime is a mistake of units; clamped, it still means "for ever".
const LONGEST_SECONDS: f64 = 100.0 * 365.0 * 24.0 * 60.0 * 60.0;

/// What a token answer grants (RFC 6749 §5.1). A field that is empty or makes no sense counts as absent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Grant {
    pub(crate) access_token: Option<AccessToken>,
    pub(crate) token_type: Option<TokenType>,
    pub(crate) expires_in: Option<Duration>,
    pub(crate) refresh_token: Option<RefreshToken>,
    pub(crate) scope: Option<Scopes>,
    pub(crate) id_token: Option<IdToken>,
    /// `refresh_in`: when the server would like an early refresh.
    pub(crate) refresh_in: Option<Duration>,
    /// `ext_expires_in`: for how long the access token may be used while the server cannot be reached.
    pub(crate) extended_expires_in: Option<Duration>,
    /// `refresh_token_expires_in`, or `refresh_expires_in`. Zero is how a server says "never".
    pub(crate) refresh_token_expires_in: Option<Duration>,
    /// Whatever else the answer held, for the dialect. No token is among it.
    pub(crate) others: Fields,
}

impl Grant {
    /// Reads the fields of an answer.
    pub(crate) fn read(mut fields: Map<String, Value>) -> Self {
        Self {
            access_token: take_text(&mut fields, "access_token").map(AccessToken::new),
            token_type: take_text(&mut fields, "token_type").map(TokenType::from),
            expires_in: fields.get("expires_in").and_then(lifetime),
            refresh_token: take_text(&mut fields, "refresh_token").map(RefreshToken::new),
            scope: fields.get("scope").map(scopes).filter(|scopes| !scopes.is_empty()),
            id_token: take_text(&mut fields, "id_token").map(IdToken::new),
            refresh_in: fields.get("refresh_in").and_then(lifetime),
            extended_expires_in: fields.get("ext_expires_in").and_then(lifetime),
            refresh_token_expires_in: ["refresh_token_expires_in", "refresh_expires_in"]
                .iter()
                .find_map(|name| lifetime(fields.get(*name)?))
                .filter(|lifetime| !lifetime.is_zero()),
            others: fields,
        }
    }

    /// Whether the answer carried any token at all.
    pub(crate) fn has_tokens(&self) -> bool {
        self.access_token.is_some() || self.refresh_token.is_some() || self.id_token.is_some()
    }
}

/// The `exp` of a JWT access token. Only a hint: nothing is verified, since the token is not addressed to us.
pub(crate) fn expires_at_hint(token: &AccessToken) -> Option<Timestamp> {
    let mut parts = token.expose().split('.');
    let (_header, payload, _signature, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let exp = claims.get("exp")?;
    let seconds = exp.as_i64().or_else(|| exp.as_f64().map(|seconds| seconds as i64))?;
    Some(Timestamp::from_unix_seconds(seconds))
}

fn take_text(fields: &mut Map<String, Value>, name: &str) -> Option<String> {
    match fields.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Whole or broken seconds, as a number or as text. Less than nothing is nothing: that token has expired already.
pub(crate) fn lifetime(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    seconds.is_finite().then(|| Duration::from_secs(seconds.clamp(0.0, LONGEST_SECONDS) as u64))
}

/// A space-delimited list, or the array that a few servers send instead.
fn scopes(value: &Value) -> Scopes {
    match value {
        // A few servers encode the list as if it were a query.
        Value::String(list) => Scopes::parse(&list.replace("%20", " ")),
        Value::Array(list) => Scopes::parse(&list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
        _ => Scopes::default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(answer: Value) -> Grant {
        Grant::read(answer.as_object().unwrap().clone())
    }

    #[test]
    fn lifetimes_come_in_many_forms() {
        let forever = LONGEST_SECONDS as u64;
        for (expires_in, expected) in [
            (json!(300), Some(300)),
            (json!(300.9), Some(300)),
            (json!("300"), Some(300)),
            (json!(" 300.0 "), Some(300)),
            (json!(0), Some(0)),
            (json!(-5), Some(0)),
            (json!("-5"), Some(0)),
            (json!(u64::MAX), Some(forever)),
            (json!(1e300), Some(forever)),
            (json!("inf"), None),
            (json!("NaN"), None),
            (json!("soon"), None),
            (json!(""), None),
            (json!(null), None),
            (json!([300]), None),
        ] {
            let grant = read(json!({ "expires_in": expires_in.clone() }));
            assert_eq!(grant.expires_in, expected.map(Duration::from_secs), "{expires_in}");
        }
        assert_eq!(read(json!({})).expires_in, None);
    }

    #[test]
    fn empty_fields_count_as_absent() {
        let grant = read(json!({
            "access_token": "", "refresh_token": "", "id_token": "", "token_type": "", "scope": "", "unknown": { "a": 1 }
        }));
        assert_eq!(Grant { others: Fields::new(), ..grant.clone() }, Grant::default());
        assert!(!grant.has_tokens());
    }

    #[test]
    fn a_full_answer_is_read() {
        let grant = read(json!({
            "access_token": "at", "refresh_token": "rt", "id_token": "a.b.c", "token_type": "BEARER",
            "scope": "openid  profile"
        }));
        assert_eq!(grant.access_token, Some(AccessToken::new("at")));
        assert_eq!(grant.refresh_token, Some(RefreshToken::new("rt")));
        assert_eq!(grant.id_token, Some(IdToken::new("a.b.c")));
        assert_eq!(grant.token_type, Some(TokenType::Bearer));
        assert_eq!(grant.scope, Some(Scopes::parse("openid profile")));
        let encoded = read(json!({ "scope": "openid%20profile" }));
        assert_eq!(encoded.scope, Some(Scopes::parse("openid profile")));
        let list = read(json!({ "scope": ["openid", "profile"] }));
        assert_eq!(list.scope, Some(Scopes::parse("openid profile")));
    }

    #[test]
    fn wrong_types_count_as_absent() {
        let grant = read(json!({ "access_token": 7, "token_type": ["Bearer"], "scope": 7, "refresh_token": null }));
        assert_eq!(Grant { others: Fields::new(), ..grant }, Grant::default());
    }

    #[test]
    fn what_vendors_add_is_read() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (answer, expected) in [
            (json!({ "refresh_in": 2399, "ext_expires_in": "7200" }), (seconds(2399), seconds(7200), None)),
            (json!({ "refresh_token_expires_in": "76887" }), (None, None, seconds(76_887))),
            (json!({ "refresh_expires_in": 1800 }), (None, None, seconds(1800))),
            (json!({ "refresh_expires_in": 0, "refresh_in": "soon" }), (None, None, None)),
        ] {
            let grant = read(answer.clone());
            let found = (grant.refresh_in, grant.extended_expires_in, grant.refresh_token_expires_in);
            assert_eq!(found, expected, "{answer}");
        }
        let others = read(json!({ "access_token": "at", "refresh_token": "rt", "id_token": "it", "foci": "1" })).others;
        assert_eq!(others.keys().collect::<Vec<_>>(), ["foci"]);
    }

    #[test]
    fn an_access_token_may_hint_at_its_end() {
        let jwt = |claims: &str| AccessToken::new(format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims)));
        for (token, expected) in [
            (jwt(r#"{"exp":1700000000}"#), Some(1_700_000_000)),
            (jwt(r#"{"exp":1700000000.5}"#), Some(1_700_000_000)),
            (jwt(r#"{"exp":"soon"}"#), None),
            (jwt("{}"), None),
            (jwt("not json"), None),
            (AccessToken::new("opaque"), None),
            (AccessToken::new("a.b.c.d.e"), None),
        ] {
            assert_eq!(expires_at_hint(&token), expected.map(Timestamp::from_unix_seconds));
        }
    }
}
