//! [`Dialect`]: how one kind of authorization server differs from plain OIDC.

use std::fmt;
use std::time::Duration;

use oidc_session_core::{ProviderId, ProviderProfile, Session};
use url::Url;

use crate::ErrorAnswer;

/// How one kind of authorization server differs from plain OIDC; the defaults are plain OIDC.
///
/// A dialect describes and interprets. It never sends, never waits and never fails, so it is tested by comparing values.
pub trait Dialect: fmt::Debug + Send + Sync + 'static {
    /// The facts about this kind of server.
    fn profile(&self) -> ProviderProfile {
        ProviderProfile::new(ProviderId::new("oidc"))
    }

    /// Where the metadata of `issuer` is published (OIDC Discovery §4).
    fn discovery_url(&self, issuer: &str) -> String {
        format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
    }

    /// Parameters to add to every authorization request; those of the sign-in itself win.
    fn authorization_parameters(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Fields to add to a refresh request (RFC 6749 §6).
    fn refresh_fields(&self, _session: &Session) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What an error answer of the token endpoint means for the session.
    ///
    /// Only asked about 4xx answers with a JSON object, and about 2xx answers that carry an error instead of tokens:
    /// the rest is decided by the status alone. A code that is not known for sure must not be a verdict.
    fn classify(&self, answer: &ErrorAnswer) -> Meaning {
        match answer.error() {
            "invalid_grant" => Meaning::Verdict,
            "interaction_required"
            | "login_required"
            | "consent_required"
            | "account_selection_required"
            | "mfa_required" => Meaning::InteractionRequired,
            "temporarily_unavailable" | "server_error" | "slow_down" | "too_many_requests" => {
                Meaning::TryLater { after: answer.retry_after() }
            }
            // invalid_client, invalid_scope and kin, use_dpop_nonce, and whatever we have never heard of: a person has
            // to look, and the session can wait for that.
            _ => Meaning::Misconfigured,
        }
    }

    /// Where to send the browser to end the server's own session; `endpoint` is the published `end_session_endpoint`.
    fn end_session_url(
        &self,
        endpoint: Option<&Url>,
        session: &Session,
        post_logout_redirect_uri: Option<&Url>,
    ) -> Option<Url> {
        let mut url = endpoint?.clone();
        let mut query = url.query_pairs_mut();
        if let Some(id_token) = &session.tokens.id_token {
            query.append_pair("id_token_hint", id_token.expose());
        }
        query.append_pair("client_id", &session.client_id);
        if let Some(uri) = post_logout_redirect_uri {
            query.append_pair("post_logout_redirect_uri", uri.as_str());
        }
        drop(query);
        Some(url)
    }

    /// Whether access tokens are JWTs meant for us to read, so that their `exp` may serve without `expires_in`.
    fn access_token_readable(&self) -> bool {
        false
    }
}

/// What an error answer of the token endpoint means for the session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Meaning {
    /// The grant is gone for good.
    Verdict,
    /// The subject must do something at the authorization server.
    InteractionRequired,
    /// Client, secret, scope or address are wrong.
    Misconfigured,
    /// The server did not process the request and asks to come back.
    TryLater {
        /// How long it asked to wait.
        after: Option<Duration>,
    },
    /// The request may have been processed all the same.
    OutcomeUnknown,
}

/// The dialect without differences.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainOidc;

impl Dialect for PlainOidc {}

#[cfg(test)]
mod tests {
    use oidc_session_core::{IdToken, Timestamp, TokenSet};

    use super::*;

    #[test]
    fn only_invalid_grant_is_a_verdict() {
        let later = Meaning::TryLater { after: Some(Duration::from_secs(7)) };
        for (code, expected) in [
            ("invalid_grant", Meaning::Verdict),
            ("invalid_client", Meaning::Misconfigured),
            ("unauthorized_client", Meaning::Misconfigured),
            ("unsupported_grant_type", Meaning::Misconfigured),
            ("invalid_scope", Meaning::Misconfigured),
            ("invalid_request", Meaning::Misconfigured),
            ("invalid_target", Meaning::Misconfigured),
            ("use_dpop_nonce", Meaning::Misconfigured),
            ("interaction_required", Meaning::InteractionRequired),
            ("login_required", Meaning::InteractionRequired),
            ("consent_required", Meaning::InteractionRequired),
            ("account_selection_required", Meaning::InteractionRequired),
            ("mfa_required", Meaning::InteractionRequired),
            ("temporarily_unavailable", later),
            ("server_error", later),
            ("slow_down", later),
            ("too_many_requests", later),
            ("access_denied", Meaning::Misconfigured),
            ("INVALID_GRANT", Meaning::Misconfigured),
            ("", Meaning::Misconfigured),
        ] {
            let answer = ErrorAnswer::new(400, code).with_retry_after(Some(Duration::from_secs(7)));
            assert_eq!(PlainOidc.classify(&answer), expected, "{code}");
        }
    }

    #[test]
    fn discovery_url_has_one_slash() {
        for issuer in ["https://login.example/realm", "https://login.example/realm/"] {
            assert_eq!(PlainOidc.discovery_url(issuer), "https://login.example/realm/.well-known/openid-configuration");
        }
    }

    #[test]
    fn end_session_url_names_session_and_client() {
        let now = Timestamp::from_unix_seconds(0);
        let mut tokens = TokenSet::new(now, now);
        tokens.id_token = Some(IdToken::new("a.b.c"));
        let session = Session::new(ProviderId::new("oidc"), "https://login.example", "my app", tokens);
        let endpoint = Url::parse("https://login.example/end?tenant=1").unwrap();
        let back = Url::parse("https://app.example/bye").unwrap();
        assert_eq!(
            PlainOidc.end_session_url(Some(&endpoint), &session, Some(&back)).unwrap().as_str(),
            "https://login.example/end?tenant=1&id_token_hint=a.b.c&client_id=my+app\
             &post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye"
        );
        assert_eq!(PlainOidc.end_session_url(None, &session, None), None);
    }
}
