//! The authorization request: where to send the browser.

use oidc_session_core::{CodeVerifier, PendingSignIn, ProviderError, Scopes, SignInRequest, Timestamp};
use openidconnect::{CsrfToken, Nonce, PkceCodeChallenge};
use url::Url;

use crate::Dialect;
use crate::free_parameters::free_parameters;

/// The parameters of an authorization request that a caller cannot set: each of these ties the answer to this sign-in,
/// decides how it comes back, or authenticates the client.
pub const RESERVED_PARAMETERS: [&str; 17] = [
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "scope",
    "resource",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "request",
    "request_uri",
    "registration",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

/// A sign-in with fresh `state`, `nonce` and code challenge (RFC 6749 §4.1.1, RFC 7636 §4.3, OIDC Core §3.1.2.1).
///
/// `dpop_jkt` ties the code to a key (RFC 9449 §10).
pub(crate) fn authorization_request(
    endpoint: &Url,
    client_id: &str,
    dialect: &dyn Dialect,
    mut request: SignInRequest,
    dpop_jkt: Option<&str>,
    now: Timestamp,
) -> Result<PendingSignIn, ProviderError> {
    let given = std::mem::take(&mut request.parameters);
    let parameters = free_parameters(&RESERVED_PARAMETERS, dialect.authorization_parameters(), given)?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let state = CsrfToken::new_random().into_secret();
    let nonce = Nonce::new_random().secret().clone();
    request.scopes = dialect.scopes_to_request(&Scopes::parse(&format!("openid {}", request.scopes)));

    let mut url = endpoint.clone();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", request.redirect_uri.as_str())
        .append_pair("scope", &request.scopes.to_string())
        .extend_pairs(request.resources.iter().map(|resource| ("resource", resource)))
        .append_pair("state", &state)
        .append_pair("nonce", &nonce)
        .append_pair("code_challenge", challenge.as_str())
        .append_pair("code_challenge_method", "S256")
        .extend_pairs(dpop_jkt.map(|thumbprint| ("dpop_jkt", thumbprint)))
        .extend_pairs(&parameters);
    let verifier = CodeVerifier::new(verifier.into_secret());
    Ok(PendingSignIn::new(url, &request, state, nonce, verifier, now))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use oidc_session_core::ProviderErrorKind;

    use super::*;
    use crate::PlainOidc;

    #[derive(Debug)]
    struct Audience;
    impl Dialect for Audience {
        fn authorization_parameters(&self) -> Vec<(&'static str, String)> {
            vec![("audience", "https://api.example".into()), ("prompt", "login".into()), ("dpop_jkt", "another".into())]
        }
    }

    fn start(dialect: &dyn Dialect, parameters: &[(&str, &str)]) -> Result<PendingSignIn, ProviderError> {
        let endpoint = Url::parse("https://login.example/authorize?tenant=1").unwrap();
        let redirect_uri = Url::parse("http://127.0.0.1:9/cb").unwrap();
        let mut request = SignInRequest::new(redirect_uri, Scopes::parse("profile"));
        request.parameters = parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        authorization_request(&endpoint, "my-app", dialect, request, None, Timestamp::from_unix_seconds(7))
    }

    fn query(pending: &PendingSignIn) -> BTreeMap<String, String> {
        pending.authorization_url.query_pairs().into_owned().collect()
    }

    #[test]
    fn the_url_carries_everything_that_ties_the_answer_to_it() {
        let pending = start(&PlainOidc, &[("login_hint", "a b")]).unwrap();
        let verifier = openidconnect::PkceCodeVerifier::new(pending.code_verifier.expose().to_owned());
        let query = query(&pending);
        for (name, expected) in [
            ("tenant", "1"),
            ("response_type", "code"),
            ("client_id", "my-app"),
            ("redirect_uri", "http://127.0.0.1:9/cb"),
            ("scope", "openid profile"),
            ("state", &pending.state),
            ("nonce", &pending.nonce),
            ("code_challenge", PkceCodeChallenge::from_code_verifier_sha256(&verifier).as_str()),
            ("code_challenge_method", "S256"),
            ("login_hint", "a b"),
        ] {
            assert_eq!(query[name], expected, "{name}");
        }
        assert_eq!(query.len(), 10);
        assert_eq!(pending.scopes, Scopes::parse("openid profile"));
        assert_eq!(pending.started_at, Timestamp::from_unix_seconds(7));
    }

    #[test]
    fn no_two_sign_ins_share_a_secret() {
        let (one, two) = (start(&PlainOidc, &[]).unwrap(), start(&PlainOidc, &[]).unwrap());
        assert_ne!(one.state, two.state);
        assert_ne!(one.nonce, two.nonce);
        assert_ne!(one.code_verifier, two.code_verifier);
        assert_ne!(one.state, one.nonce);
    }

    #[test]
    fn the_protocol_cannot_be_overridden() {
        for name in RESERVED_PARAMETERS {
            let error = start(&PlainOidc, &[(name, "x")]).unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Misconfigured, "{name}");
        }
        assert!(start(&PlainOidc, &[("prompt", "login"), ("prompt", "none")]).is_err());
    }

    #[test]
    fn the_caller_wins_over_the_dialect() {
        let pending = start(&Audience, &[("prompt", "consent")]).unwrap();
        let query = query(&pending);
        assert_eq!(query["audience"], "https://api.example");
        assert_eq!(query["prompt"], "consent");
        assert_eq!(query.get("dpop_jkt"), None, "that is the protocol's");
    }
}
