//! [`IdTokenClaims`]: what an ID token says (OIDC Core 2, 12.2).

use std::time::Duration;

use oidc_session_core::Timestamp;
use serde::Serialize;
use url::Url;

use super::fault::Fault;
use super::grants::Granted;
use super::opaque::{Opaque, half_hash};

const LIFETIME: Duration = Duration::from_secs(300);

/// The claims of an ID token. A refresh repeats those of the sign-in, without the nonce.
#[derive(Debug, Serialize)]
pub(super) struct IdTokenClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    iat: i64,
    auth_time: i64,
    sid: &'a str,
    at_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

impl<'a> IdTokenClaims<'a> {
    pub(super) fn new(issuer: &'a Url, granted: &'a Granted, access_token: &Opaque, now: Timestamp) -> Self {
        let sign_in = &granted.sign_in;
        Self {
            iss: issuer.as_str(),
            sub: &sign_in.subject,
            aud: &sign_in.client_id,
            exp: (now + LIFETIME).as_unix_seconds(),
            iat: now.as_unix_seconds(),
            auth_time: sign_in.auth_time.as_unix_seconds(),
            sid: &sign_in.sid,
            at_hash: half_hash(access_token.expose()),
            nonce: granted.nonce.as_deref(),
        }
    }

    /// Bends the claim that `fault` is about.
    pub(super) fn bend(mut self, fault: &Fault) -> Self {
        match fault {
            Fault::WrongSubject => self.sub = "somebody-else",
            Fault::WrongIssuer => self.iss = "https://another-issuer.example/",
            Fault::WrongAudience => self.aud = "another-client",
            Fault::WrongNonce => self.nonce = Some("another-nonce"),
            _ => {}
        }
        self
    }
}
