//! [`TokenSet`]: what one answer of the token endpoint grants.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{AccessToken, IdToken, RefreshToken, Scopes, Timestamp};

/// How the access token is presented to a resource server (RFC 6749 §7.1).
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum TokenType {
    /// RFC 6750; also assumed where a server forgets to say.
    #[default]
    Bearer,
    /// RFC 9449.
    DPoP,
    /// Anything else, as the server wrote it.
    Other(String),
}

impl TokenType {
    /// The scheme of an `Authorization` header.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Bearer => "Bearer",
            Self::DPoP => "DPoP",
            Self::Other(name) => name,
        }
    }
}

impl From<String> for TokenType {
    /// Case-insensitive (RFC 6749 §5.1).
    fn from(name: String) -> Self {
        if name.eq_ignore_ascii_case("bearer") {
            Self::Bearer
        } else if name.eq_ignore_ascii_case("dpop") {
            Self::DPoP
        } else {
            Self::Other(name)
        }
    }
}

impl From<TokenType> for String {
    fn from(token_type: TokenType) -> Self {
        token_type.as_str().to_owned()
    }
}

impl fmt::Display for TokenType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one answer of the token endpoint grants (RFC 6749 §5.1), merged with what earlier answers left in force.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TokenSet {
    /// The access token; some answers carry none.
    pub access_token: Option<AccessToken>,
    /// How to present it.
    pub token_type: TokenType,
    /// The refresh token in force.
    pub refresh_token: Option<RefreshToken>,
    /// The latest ID token, kept for `id_token_hint`.
    pub id_token: Option<IdToken>,
    /// The granted scope, if any answer named it.
    pub scope: Option<Scopes>,
    /// The lifetime the server gave the access token. `None` is unknown, never zero.
    pub expires_in: Option<Duration>,
    /// The access token's own `exp`, where the provider allows reading it. Only a hint, used without `expires_in`.
    pub expires_at_hint: Option<Timestamp>,
    /// After how long the server would like the access token refreshed although it is still valid (`refresh_in`).
    pub refresh_in: Option<Duration>,
    /// For how long the access token may be used while the server cannot be reached (`ext_expires_in`).
    pub extended_expires_in: Option<Duration>,
    /// When the refresh token expires, if the server said so.
    pub refresh_token_expires_at: Option<Timestamp>,
    /// When the request for the access token was started: its lifetime counts from here.
    pub requested_at: Timestamp,
    /// When the answer had arrived.
    pub received_at: Timestamp,
}

impl TokenSet {
    /// An empty set; set the fields the answer had.
    pub fn new(requested_at: Timestamp, received_at: Timestamp) -> Self {
        Self {
            access_token: None,
            token_type: TokenType::Bearer,
            refresh_token: None,
            id_token: None,
            scope: None,
            expires_in: None,
            expires_at_hint: None,
            refresh_in: None,
            extended_expires_in: None,
            refresh_token_expires_at: None,
            requested_at,
            received_at,
        }
    }

    /// When the access token expires, if that is known.
    ///
    /// Counted from the start of the request, so that the request's own time never extends a token's life.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self.expires_in {
            Some(lifetime) => Some(self.requested_at + lifetime),
            None => self.expires_at_hint,
        }
    }

    /// The same tokens with the access token expired at `now`; the refresh token stays. A test aid.
    #[must_use = "the expired set is returned, not written"]
    pub fn into_expired(mut self, now: Timestamp) -> Self {
        let lifetime = self.expires_in.unwrap_or(Duration::from_secs(1));
        self.expires_in = Some(lifetime);
        // Far enough back that even a lifetime of zero has had its rest.
        self.requested_at = self.requested_at.min(now - lifetime.max(Duration::from_secs(2)));
        self.received_at = self.requested_at;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_type_ignores_case() {
        for name in ["bearer", "Bearer", "BEARER"] {
            assert_eq!(TokenType::from(name.to_owned()), TokenType::Bearer);
        }
        assert_eq!(TokenType::from("dpop".to_owned()), TokenType::DPoP);
        assert_eq!(TokenType::from("mac".to_owned()).as_str(), "mac");
    }

    #[test]
    fn expiring_keeps_everything_but_the_time() {
        let now = Timestamp::from_unix_seconds(1_000);
        let mut tokens = TokenSet::new(now, now);
        tokens.refresh_token = Some(RefreshToken::new("rt"));
        for expires_in in [None, Some(Duration::ZERO), Some(Duration::from_secs(3600))] {
            tokens.expires_in = expires_in;
            let expired = tokens.clone().into_expired(now);
            assert!(expired.expires_at().unwrap() <= now);
            assert_eq!(expired.refresh_token, tokens.refresh_token);
        }
    }
}
