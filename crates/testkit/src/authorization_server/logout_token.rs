//! [`LogoutTokenClaims`]: tells a client that a session has ended (OIDC Back-Channel Logout 1.0, §2.4).

use std::time::Duration;

use oidc_session_core::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use super::opaque::Opaque;

/// The type in the header of a logout token.
pub(super) const TYPE: &str = "logout+jwt";
const LIFETIME: Duration = Duration::from_secs(120);
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The claims of a logout token. There is never a nonce, so that nobody takes it for an ID token.
#[derive(Debug, Serialize)]
pub(super) struct LogoutTokenClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    events: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
}

impl<'a> LogoutTokenClaims<'a> {
    pub(super) fn new(
        issuer: &'a Url,
        client_id: &'a str,
        sub: Option<&'a str>,
        sid: Option<&'a str>,
        now: Timestamp,
    ) -> Self {
        Self {
            iss: issuer.as_str(),
            aud: client_id,
            iat: now.as_unix_seconds(),
            exp: (now + LIFETIME).as_unix_seconds(),
            jti: Opaque::mint("").expose().to_owned(),
            events: json!({ EVENT: {} }),
            sub,
            sid,
        }
    }
}
