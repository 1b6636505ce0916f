//! The format of our own: tokens by their names in OAuth 2.0.

use std::time::Duration;

use oidc_session_core::{AccessToken, IdToken, RefreshToken, Scopes, Timestamp, TokenSet};
use serde_json::{Map, Value};

use super::Imported;
use crate::failure::Failure;
use crate::token_syntax::{fits_header, is_refresh_token, is_token_type};

/// What a format calls the fields that hold tokens.
pub(super) struct TokenFields {
    pub(super) access_token: &'static str,
    pub(super) refresh_token: &'static str,
    pub(super) id_token: &'static str,
    pub(super) token_type: &'static str,
}

const FIELDS: TokenFields = TokenFields {
    access_token: "access_token",
    refresh_token: "refresh_token",
    id_token: "id_token",
    token_type: "token_type",
};

const KNOWN: [&str; 8] =
    ["issuer", "client_id", "access_token", "refresh_token", "id_token", "expires_in", "token_type", "scope"];

/// A file that chose the issuer and one of these could have any secret of the environment sent to itself, or any key of the
/// machine sign for it.
const FLAGS_ONLY: [(&str, &str); 7] = [
    ("client_secret_env", "--client-secret-env"),
    ("client_auth", "--client-auth"),
    ("private_key", "--private-key"),
    ("key_id", "--key-id"),
    ("key_algorithm", "--key-algorithm"),
    ("certificate", "--certificate"),
    ("client_certificate", "--client-certificate"),
];

/// What a file in our own format says.
pub(super) fn imported(object: &Map<String, Value>, now: Timestamp) -> Result<Imported, Failure> {
    check(object)?;
    Ok(Imported {
        issuer: text(object, "issuer")?,
        client_id: text(object, "client_id")?,
        scope: text(object, "scope")?,
        tokens: with_lifetime(object, tokens(object, &FIELDS, now)?)?,
    })
}

fn check(object: &Map<String, Value>) -> Result<(), Failure> {
    for (field, flag) in FLAGS_ONLY {
        if object.contains_key(field) {
            return Err(Failure::usage(format!("the file must not choose {field}: that is for {flag}"))
                .hint(format!("take {field} out of the file, and give {flag} if you trust the issuer in the file")));
        }
    }
    match object.keys().filter(|key| !KNOWN.contains(&key.as_str())).count() {
        0 => Ok(()),
        unknown => Err(Failure::usage(format!("the file has {unknown} unknown field(s)"))
            .hint(format!("known are {}", KNOWN.join(", ")))),
    }
}

/// The tokens of an object, whose lifetime is not known yet.
pub(super) fn tokens(object: &Map<String, Value>, fields: &TokenFields, now: Timestamp) -> Result<TokenSet, Failure> {
    let mut tokens = TokenSet::new(now, now);
    tokens.access_token = checked(object, fields.access_token, fits_header)?.map(AccessToken::new);
    tokens.refresh_token = checked(object, fields.refresh_token, is_refresh_token)?.map(RefreshToken::new);
    tokens.id_token = checked(object, fields.id_token, fits_header)?.map(IdToken::new);
    tokens.token_type = checked(object, fields.token_type, is_token_type)?.map(Into::into).unwrap_or_default();
    tokens.scope = text(object, "scope")?.map(|scope| Scopes::parse(&scope));
    if tokens.access_token.is_none() && tokens.refresh_token.is_none() {
        let (access_token, refresh_token) = (fields.access_token, fields.refresh_token);
        return Err(Failure::usage(format!("the file holds neither {access_token} nor {refresh_token}")));
    }
    Ok(tokens)
}

fn with_lifetime(object: &Map<String, Value>, mut tokens: TokenSet) -> Result<TokenSet, Failure> {
    tokens.expires_in = match object.get("expires_in") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let seconds = value.as_u64().ok_or_else(|| {
                Failure::usage("expires_in in the file must be a whole number of seconds, not negative")
            })?;
            Some(Duration::from_secs(seconds))
        }
    };
    Ok(tokens)
}

/// A text that is not empty, if there is one.
pub(super) fn text(object: &Map<String, Value>, field: &str) -> Result<Option<String>, Failure> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(_) => Err(Failure::usage(format!("{field} in the file must be a string that is not empty"))),
    }
}

/// A text of a syntax of its own.
fn checked(object: &Map<String, Value>, field: &str, fits: fn(&str) -> bool) -> Result<Option<String>, Failure> {
    match text(object, field)? {
        Some(text) if !fits(&text) => {
            Err(Failure::usage(format!("{field} in the file holds characters that no {field} has")))
        }
        text => Ok(text),
    }
}
