//! What applications stored with Ionic Auth Connect: an `AuthResult`, as its JSON.
//!
//! Its shape is known from its public documentation and from public code that uses it; where those leave a unit open, all
//! that it can be is taken for what it says.

use std::time::Duration;

use oidc_session_core::{Timestamp, TokenSet};
use serde_json::{Map, Value};

use super::Imported;
use super::tokens_file::{TokenFields, text, tokens};
use crate::failure::Failure;

/// Each of these tells that it is one.
pub(super) const FIELDS: [&str; 6] = ["accessToken", "refreshToken", "idToken", "receivedAt", "expiresIn", "rawResult"];

const TOKENS: TokenFields = TokenFields {
    access_token: "accessToken",
    refresh_token: "refreshToken",
    id_token: "idToken",
    token_type: "tokenType",
};

/// What an `AuthResult` says. Fields that it is not asked for are left alone: other versions have others.
pub(super) fn imported(mut object: Map<String, Value>, now: Timestamp) -> Result<Imported, Failure> {
    // There, what is not there is often an empty string.
    object.retain(|_, value| !value.is_null() && value != "");
    let tokens = with_times(&object, tokens(&object, &TOKENS, now)?, now)?;
    let provider = object.get("provider").unwrap_or(&Value::Null);
    let option = |name: &str| part(provider, &["options", name]);
    Ok(Imported {
        issuer: issuer(provider)?,
        client_id: option("clientId").map(str::to_owned),
        scope: text(&object, "scope")?.or_else(|| option("scope").map(str::to_owned)),
        tokens,
    })
}

/// The issuer of the discovery document that was stored with the session, or whose document it was.
fn issuer(provider: &Value) -> Result<Option<String>, Failure> {
    if let Some(issuer) = part(provider, &["manifest", "issuer"]) {
        // Entra ID publishes a place to be filled in where any tenant may sign in.
        return if issuer.contains(['{', '}']) {
            Err(Failure::usage("the issuer in the file, provider.manifest.issuer, is for any tenant")
                .hint("write the tenant's issuer into the file: it is in the claim iss of its ID tokens"))
        } else {
            Ok(Some(issuer.to_owned()))
        };
    }
    let Some(address) = part(provider, &["options", "discoveryUrl"]) else { return Ok(None) };
    match address.strip_suffix("/.well-known/openid-configuration") {
        Some(issuer) => Ok(Some(issuer.to_owned())),
        None => Err(Failure::usage("provider.options.discoveryUrl in the file does not tell the issuer")
            .hint("write the issuer into the file as provider.manifest.issuer: it is in the document at that address")),
    }
}

fn part<'value>(value: &'value Value, path: &[&str]) -> Option<&'value str> {
    let found = path.iter().try_fold(value, |value, name| value.get(name))?;
    found.as_str().filter(|text| !text.is_empty())
}

/// When the tokens were received, and for how long the access token lives.
fn with_times(object: &Map<String, Value>, mut tokens: TokenSet, now: Timestamp) -> Result<TokenSet, Failure> {
    let received_at = number(object, "receivedAt")?.map(instant);
    let expires = match (number(object, "expiresIn")?, raw_lifetime(object)) {
        // The application made it expire: what the server had said holds no longer.
        (Some(0.0), _) => Some(Expires::After(Duration::ZERO)),
        // What the server said, in the unit that it has there (RFC 6749 §5.1).
        (_, Some(lifetime)) => Some(Expires::After(lifetime)),
        (number, None) => number.map(expires),
    };
    // A clock that was ahead must not make a token younger than it can be.
    let received_at = received_at.map(|at| at.min(now));
    let at = match (expires, received_at) {
        (Some(Expires::After(_)), None) => {
            return Err(Failure::usage("the file has a lifetime but lacks receivedAt, from where it counts").hint(
                "take expiresIn and rawResult out of the file: then nobody knows when the access token expires",
            ));
        }
        (_, received_at) => received_at.unwrap_or(now),
    };
    tokens.requested_at = at;
    tokens.received_at = at;
    tokens.expires_in = expires.map(|expires| match expires {
        Expires::After(lifetime) => lifetime,
        Expires::At(instant) => instant.saturating_since(at),
    });
    Ok(tokens)
}

/// How `expiresIn` may be meant: its name says a duration, its documentation an instant.
#[derive(Clone, Copy, Debug)]
enum Expires {
    After(Duration),
    At(Timestamp),
}

/// No access token lives for thirty years, and none expired in 2001 or before.
fn expires(number: f64) -> Expires {
    const FIRST_INSTANT: f64 = 1e9;
    if number < FIRST_INSTANT {
        Expires::After(Duration::from_secs(number as u64))
    } else {
        Expires::At(instant(number))
    }
}

/// In milliseconds, as JavaScript counts, or in seconds: there is no year that could be meant by both.
fn instant(number: f64) -> Timestamp {
    const FIRST_MILLISECONDS: f64 = 1e11;
    if number < FIRST_MILLISECONDS {
        Timestamp::from_unix_seconds(number as i64)
    } else {
        Timestamp::from_unix_millis(number as i64)
    }
}

/// `expires_in` of the answer that the session came with, if it is there to be read.
fn raw_lifetime(object: &Map<String, Value>) -> Option<Duration> {
    let answer: Value = serde_json::from_str(object.get("rawResult")?.as_str()?).ok()?;
    let lifetime = answer.get("expires_in")?;
    // Some servers write it as a text.
    let seconds = lifetime.as_u64().or_else(|| lifetime.as_str()?.parse().ok())?;
    Some(Duration::from_secs(seconds))
}

/// A number, where a negative one is nought: `expire` may leave one behind.
fn number(object: &Map<String, Value>, field: &str) -> Result<Option<f64>, Failure> {
    const LARGEST: f64 = 9e15; // What both a JSON number and a count of milliseconds hold exactly.
    match object.get(field) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            Some(number) if number <= LARGEST => Ok(Some(number.max(0.0))),
            _ => Err(Failure::usage(format!("{field} in the file must be a number of seconds or milliseconds"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// 2023-11-14, in seconds.
    const NOON: i64 = 1_700_000_000;

    fn now() -> Timestamp {
        Timestamp::from_unix_seconds(NOON + 60)
    }

    fn read(file: Value) -> Result<Imported, Failure> {
        let Value::Object(object) = file else { panic!("no object") };
        imported(object, now())
    }

    /// After how many seconds from `NOON` the access token expires.
    fn expires_at(fields: Value) -> Option<i64> {
        let mut file = json!({ "accessToken": "at", "tokenType": "Bearer" });
        file.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        read(file).unwrap().tokens.expires_at().map(|at| at.as_unix_seconds() - NOON)
    }

    #[test]
    fn a_lifetime_counts_from_the_receipt_whichever_unit_that_is_in() {
        let received = NOON * 1_000;
        assert_eq!(expires_at(json!({ "receivedAt": received, "expiresIn": 300 })), Some(300));
        assert_eq!(expires_at(json!({ "receivedAt": received as f64 + 0.5, "expiresIn": 300.0 })), Some(300));
        assert_eq!(expires_at(json!({ "receivedAt": NOON, "expiresIn": 300 })), Some(300));
        // As the page has it: an instant.
        assert_eq!(expires_at(json!({ "receivedAt": received, "expiresIn": received + 300_000 })), Some(300));
        assert_eq!(expires_at(json!({ "receivedAt": received, "expiresIn": NOON + 300 })), Some(300));
        // What `expire` leaves behind.
        for expired in [0, -1, -3_600] {
            assert_eq!(expires_at(json!({ "receivedAt": received, "expiresIn": expired })), Some(0));
        }
    }

    #[test]
    fn what_the_server_said_goes_before_what_became_of_it() {
        for expires_in in [json!(600), json!("600")] {
            let raw = json!({ "access_token": "at", "expires_in": expires_in }).to_string();
            let fields = json!({ "receivedAt": NOON * 1_000, "expiresIn": 7, "rawResult": raw });
            assert_eq!(expires_at(fields), Some(600));
        }
        let raw = json!({ "expires_in": 600 }).to_string();
        assert_eq!(
            expires_at(json!({ "receivedAt": NOON, "expiresIn": 0, "rawResult": raw })),
            Some(0),
            "it was expired"
        );
        let fields = json!({ "receivedAt": NOON * 1_000, "expiresIn": 7, "rawResult": "access_token=at" });
        assert_eq!(expires_at(fields), Some(7));
    }

    #[test]
    fn an_unknown_lifetime_is_not_zero_and_a_receipt_in_the_future_is_now() {
        assert_eq!(expires_at(json!({ "receivedAt": NOON * 1_000 })), None);
        assert_eq!(expires_at(json!({})), None);
        let later = (NOON + 3_600) * 1_000;
        assert_eq!(expires_at(json!({ "receivedAt": later, "expiresIn": 300 })), Some(360));
    }

    #[test]
    fn issuer_and_client_come_from_the_provider_that_is_stored_with_it() {
        let of = |provider: Value| read(json!({ "refreshToken": "rt", "scope": "", "provider": provider }));
        let options = json!({
            "clientId": "app",
            "scope": "openid offline_access",
            "discoveryUrl": "https://login.example/realms/a/.well-known/openid-configuration",
        });
        let by_manifest =
            of(json!({ "manifest": { "issuer": "https://login.example/" }, "options": options })).unwrap();
        assert_eq!(by_manifest.issuer.as_deref(), Some("https://login.example/"));
        let by_address = of(json!({ "options": options })).unwrap();
        assert_eq!(by_address.issuer.as_deref(), Some("https://login.example/realms/a"));
        assert_eq!(by_address.client_id.as_deref(), Some("app"));
        assert_eq!(by_address.scope.as_deref(), Some("openid offline_access"));
        // A result that was built of loose tokens may have none.
        let without = of(Value::Null).unwrap();
        assert_eq!((without.issuer, without.client_id, without.scope), (None, None, None));
    }

    #[test]
    fn what_is_missing_or_cannot_be_read_is_named_and_never_quoted() {
        let b2c = "https://hunter2.b2clogin.com/v2.0/.well-known/openid-configuration?p=hunter2";
        for (file, expected) in [
            (json!({ "idToken": "hunter2", "receivedAt": 1 }), "neither accessToken nor refreshToken"),
            (
                json!({ "accessToken": "", "refreshToken": null, "receivedAt": 1 }),
                "neither accessToken nor refreshToken",
            ),
            (json!({ "accessToken": "hunter2\u{1b}" }), "accessToken in the file holds characters"),
            (json!({ "accessToken": ["hunter2"] }), "accessToken in the file must be a string"),
            (json!({ "accessToken": "hunter2", "expiresIn": 300 }), "lacks receivedAt"),
            (json!({ "accessToken": "hunter2", "receivedAt": "hunter2" }), "receivedAt in the file must be a number"),
            (json!({ "accessToken": "hunter2", "receivedAt": 1e300 }), "receivedAt in the file must be a number"),
            (
                json!({ "refreshToken": "hunter2", "provider": { "manifest": { "issuer": "https://x/{tenantid}/v2.0" } } }),
                "any tenant",
            ),
            (
                json!({ "refreshToken": "hunter2", "provider": { "options": { "discoveryUrl": b2c } } }),
                "does not tell the issuer",
            ),
        ] {
            let refusal = read(file.clone()).unwrap_err().to_json().to_string();
            assert!(refusal.contains(expected) && !refusal.contains("hunter2"), "{file}: {refusal}");
        }
    }
}
