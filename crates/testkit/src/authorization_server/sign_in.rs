//! [`SignIn`]: who is signed in where; [`Code`]: what stands for it until the client redeems it. Pure.

use std::time::Duration;

use oidc_session_core::Timestamp;

use super::dpop_proof::invalid;
use super::pkce::Challenge;
use super::protocol_error::ProtocolError;
use super::scope::Scope;
use super::thumbprint::Thumbprint;

const CODE_LIFETIME: Duration = Duration::from_secs(60);

/// One subject signed in at one client: what every token of a family has in common.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct SignIn {
    pub(super) client_id: String,
    pub(super) subject: String,
    pub(super) scope: Scope,
    /// The resources the request named (RFC 8707); none of them limits nothing.
    pub(super) resources: Vec<String>,
    pub(super) sid: String,
    pub(super) auth_time: Timestamp,
}

/// A code that was sent to a client, and what redeeming it takes.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) sign_in: SignIn,
    pub(super) redirect_uri: String,
    pub(super) challenge: Option<Challenge>,
    pub(super) nonce: Option<String>,
    /// The thumbprint of the key that must be proved to redeem it (RFC 9449 §10).
    pub(super) dpop_jkt: Option<String>,
    pub(super) issued_at: Timestamp,
}

/// What a client shows to redeem a code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Redemption<'a> {
    pub(super) client_id: &'a str,
    pub(super) redirect_uri: Option<&'a str>,
    pub(super) verifier: Option<&'a str>,
}

impl Code {
    /// Whether the one who redeems has the key the request spoke of.
    pub(super) fn check_key(&self, key: Option<Thumbprint>) -> Result<(), ProtocolError> {
        match &self.dpop_jkt {
            Some(expected) if key.is_none_or(|key| key.to_string() != *expected) => {
                Err(invalid("the code is bound to another key"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether this redemption is by the one who asked for the code, and in time.
    pub(super) fn check(&self, redemption: Redemption<'_>, now: Timestamp) -> Result<(), ProtocolError> {
        if now >= self.issued_at + CODE_LIFETIME {
            return Err(ProtocolError::invalid_grant("the code has expired"));
        }
        if redemption.redirect_uri != Some(self.redirect_uri.as_str()) {
            return Err(ProtocolError::invalid_grant("the redirect URI is not the one of the authorization request"));
        }
        match (&self.challenge, redemption.verifier) {
            (Some(challenge), Some(verifier)) if challenge.is_met_by(verifier) => Ok(()),
            (None, None) => Ok(()),
            // A verifier without a challenge means that somebody removed the challenge on the way (RFC 9700 §4.8.2).
            _ => Err(ProtocolError::invalid_grant("the code verifier does not match")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLBACK: &str = "http://127.0.0.1/callback";
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    const GOOD: Redemption<'_> =
        Redemption { client_id: "native-app", redirect_uri: Some(CALLBACK), verifier: Some(VERIFIER) };
    const NO_VERIFIER: Redemption<'_> = Redemption { verifier: None, ..GOOD };

    fn code(challenge: Option<&str>) -> Code {
        let sign_in = SignIn {
            client_id: "native-app".to_owned(),
            subject: "alice".to_owned(),
            scope: Scope::parse("openid"),
            resources: Vec::new(),
            sid: "sid".to_owned(),
            auth_time: Timestamp::UNIX_EPOCH,
        };
        Code {
            sign_in,
            redirect_uri: CALLBACK.to_owned(),
            challenge: challenge.and_then(Challenge::parse),
            nonce: None,
            dpop_jkt: None,
            issued_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_code_is_redeemed_only_as_it_was_asked_for() {
        let elsewhere = Redemption { redirect_uri: Some("http://127.0.0.1:1/callback"), ..GOOD };
        let nowhere = Redemption { redirect_uri: None, ..GOOD };
        let guess = Redemption { verifier: Some(CHALLENGE), ..GOOD };
        for (name, challenge, redemption, at, accepted) in [
            ("as asked", Some(CHALLENGE), GOOD, 59, true),
            ("too late", Some(CHALLENGE), GOOD, 60, false),
            ("another redirect URI", Some(CHALLENGE), elsewhere, 0, false),
            ("no redirect URI", Some(CHALLENGE), nowhere, 0, false),
            ("no verifier", Some(CHALLENGE), NO_VERIFIER, 0, false),
            ("a wrong verifier", Some(CHALLENGE), guess, 0, false),
            ("neither challenge nor verifier", None, NO_VERIFIER, 0, true),
            ("a challenge that was removed on the way", None, GOOD, 0, false),
        ] {
            let result = code(challenge).check(redemption, Timestamp::from_unix_seconds(at));
            assert_eq!(result.is_ok(), accepted, "{name}");
        }
    }
}
