//! [`OneLogin`]: one account.

use oidc_session_core::{
    LogoutShape, ProviderError, ProviderErrorKind, ProviderId, ProviderProfile, Revocation, RevocationShape, Scopes,
    Session,
};
use oidc_session_provider_oidc::{Diagnosis, Dialect, ErrorAnswer, Meaning, Oidc, OidcBuilder, Origin};
use url::Url;

use crate::emulator;

/// A OneLogin account.
///
/// ```
/// use oidc_session_provider_presets::OneLogin;
///
/// let provider = OneLogin::new("acme")?.client("client-id").build()?;
/// # Ok::<(), oidc_session_core::ProviderError>(())
/// ```
///
/// Its logout ends the user's single sign-on, and with it the tokens of every OpenID Connect application in it.
/// [`keep_single_sign_on`](Self::keep_single_sign_on) leaves the single sign-on alone. Sources: OneLogin's developer
/// pages on refresh, revocation and logout.
#[derive(Clone, Debug)]
pub struct OneLogin {
    issuer: String,
    keep_single_sign_on: bool,
}

impl OneLogin {
    /// The account with this subdomain of `onelogin.com`.
    pub fn new(subdomain: &str) -> Result<Self, ProviderError> {
        let is_label =
            !subdomain.is_empty() && subdomain.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_label {
            let detail = "the subdomain is the part before .onelogin.com, such as \"acme\"";
            return Err(ProviderError::new(ProviderErrorKind::Misconfigured, detail));
        }
        Self::at(&format!("{subdomain}.onelogin.com"))
    }

    /// An account at an address of its own.
    pub fn at(host: &str) -> Result<Self, ProviderError> {
        Ok(Self { issuer: Origin::parse("host", host)?.issuer("/oidc/2"), keep_single_sign_on: false })
    }

    /// Lets a logout revoke tokens without ending the user's single sign-on.
    #[must_use]
    pub fn keep_single_sign_on(mut self) -> Self {
        self.keep_single_sign_on = true;
        self
    }

    /// The same configuration for a server that behaves like this one, at `address`; see [emulators](crate#emulators).
    pub fn emulator(self, address: &str) -> Result<Self, ProviderError> {
        Ok(Self { issuer: emulator::moved(&self.issuer, address)?, ..self })
    }

    /// Our client there.
    pub fn client(self, client_id: impl Into<String>) -> OidcBuilder {
        Oidc::builder(&self.issuer.clone(), client_id).dialect(self)
    }
}

impl Dialect for OneLogin {
    fn profile(&self) -> ProviderProfile {
        let mut profile = ProviderProfile::new(ProviderId::new("onelogin"));
        profile.revocation = RevocationShape::AnyToken;
        profile.logout = LogoutShape::RpInitiated;
        profile
    }

    fn classify(&self, answer: &ErrorAnswer) -> Diagnosis {
        match (answer.error(), answer.description()) {
            ("invalid_request", Some("Resource not found")) => {
                Diagnosis::from(Meaning::Misconfigured).advice("check the client id")
            }
            ("invalid_request", Some("invalid authorization header value format")) => {
                Diagnosis::from(Meaning::Misconfigured)
                    .advice("check the client secret, and the authentication method in the application's settings")
            }
            _ => Meaning::by_standard(answer).into(),
        }
    }

    fn revoked(&self, answer: &ErrorAnswer) -> Option<Revocation> {
        // The answer for a token that is revoked already.
        (answer.error() == "unsupported_token_type").then_some(Revocation::Done)
    }

    fn end_session_url(&self, endpoint: Option<&Url>, session: &Session, back: Option<&Url>) -> Option<Url> {
        let mut url = endpoint?.clone();
        if let Some(id_token) = &session.tokens.id_token {
            url.query_pairs_mut().append_pair("id_token_hint", id_token.expose());
            // Without the hint, the address to come back to is refused.
            if let Some(back) = back {
                url.query_pairs_mut().append_pair("post_logout_redirect_uri", back.as_str());
            }
        }
        if self.keep_single_sign_on {
            url.query_pairs_mut().append_pair("logout", "false");
        }
        Some(url)
    }

    fn check_address(&self) -> &'static str {
        "check the subdomain of onelogin.com, or the account's own address"
    }

    fn ask_for_refresh_token(&self, _requested: &Scopes) -> &'static str {
        "set a timeout for refresh tokens in the application's settings at OneLogin"
    }
}

#[cfg(test)]
mod tests {
    use oidc_session_core::{IdToken, Timestamp, TokenSet};

    use super::*;

    #[test]
    fn the_issuer_is_made_of_the_subdomain() {
        assert_eq!(OneLogin::new("acme").unwrap().issuer, "https://acme.onelogin.com/oidc/2");
        for subdomain in ["", "acme.onelogin.com", "a/b", "a b"] {
            assert!(OneLogin::new(subdomain).is_err(), "{subdomain}");
        }
    }

    #[test]
    fn every_answer_has_its_meaning() {
        let one_login = OneLogin::new("acme").unwrap();
        for (status, error, description, expected) in [
            (400, "invalid_request", "Resource not found", Meaning::Misconfigured),
            (400, "unsupported_grant_type", "", Meaning::Misconfigured),
            (401, "invalid_request", "invalid authorization header value format", Meaning::Misconfigured),
            (400, "invalid_grant", "", Meaning::Verdict),
        ] {
            let answer = ErrorAnswer::new(status, error).with_field("error_description", description);
            let diagnosis = one_login.classify(&answer);
            assert_eq!(diagnosis.meaning, expected, "{error}: {description}");
            assert_eq!(diagnosis.advice.is_some(), error == "invalid_request", "{error}: {description}");
        }
    }

    #[test]
    fn a_token_that_is_gone_already_counts_as_revoked() {
        let revoked = |error| OneLogin::new("acme").unwrap().revoked(&ErrorAnswer::new(400, error));
        assert_eq!(revoked("unsupported_token_type"), Some(Revocation::Done));
        assert_eq!(revoked("invalid_client"), None);
    }

    #[test]
    fn the_way_back_from_a_logout_needs_the_id_token() {
        let one_login = OneLogin::new("acme").unwrap().keep_single_sign_on();
        let now = Timestamp::from_unix_seconds(0);
        let mut session = Session::new(ProviderId::new("onelogin"), "https://x", "app", TokenSet::new(now, now));
        let endpoint = Url::parse("https://acme.onelogin.com/oidc/2/logout").unwrap();
        let back = Url::parse("https://app.example/bye").unwrap();
        let url = |session: &Session| one_login.end_session_url(Some(&endpoint), session, Some(&back)).unwrap();
        assert_eq!(url(&session).query(), Some("logout=false"));
        session.tokens.id_token = Some(IdToken::new("a.b.c"));
        let query = "id_token_hint=a.b.c&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye&logout=false";
        assert_eq!(url(&session).query(), Some(query));
    }
}
