//! [`Google`]: accounts of Google.

use std::time::Duration;

use oidc_session_core::{
    LogoutShape, ProviderError, ProviderId, ProviderProfile, RefreshExtends, ReuseReaction, Revocation,
    RevocationShape, Rotation, Scopes, Session, Target,
};
use oidc_session_provider_oidc::{
    Diagnosis, Dialect, ErrorAnswer, Fields, Meaning, Oidc, OidcBuilder, PlainOidc, RevocableToken,
};
use serde_json::Value;

use crate::emulator;

/// Google's authorization server.
///
/// ```
/// use oidc_session_core::ClientSecret;
/// use oidc_session_provider_oidc::ClientAuth;
/// use oidc_session_provider_presets::Google;
///
/// let secret = ClientSecret::new("from the Cloud console; installed apps have one too");
/// let provider = Google::new().client("client-id").client_auth(ClientAuth::Post(secret)).build()?;
/// # Ok::<(), oidc_session_core::ProviderError>(())
/// ```
///
/// - The secret belongs in the body, and installed applications have one, too.
/// - A refresh token comes with `access_type=offline`, and only with a consent: so every sign-in asks for one, unless
///   its own `prompt` says otherwise. `offline_access` is no scope here and is left out.
/// - Revoking a token removes **every** grant of the user to the whole project: other devices are signed out too. So a
///   logout revokes nothing, unless [`revoke_at_logout`](Self::revoke_at_logout) says so.
///
/// Sources: Google's pages on OpenID Connect, web server applications and limited-input devices, and its client library
/// for Python.
#[derive(Clone, Debug)]
pub struct Google {
    issuer: String,
    revoke_at_logout: bool,
}

/// How Google writes its issuer in some ID tokens: no URL.
const BARE_ISSUER: &str = "accounts.google.com";

impl Google {
    /// Google itself.
    pub fn new() -> Self {
        Self { issuer: format!("https://{BARE_ISSUER}"), revoke_at_logout: false }
    }

    /// Lets a logout revoke the refresh token, and with it every grant of the user to the whole project.
    #[must_use]
    pub fn revoke_at_logout(mut self) -> Self {
        self.revoke_at_logout = true;
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

impl Default for Google {
    fn default() -> Self {
        Self::new()
    }
}

impl Dialect for Google {
    fn profile(&self) -> ProviderProfile {
        let mut profile = ProviderProfile::new(ProviderId::new("google"));
        profile.rotation = Rotation::Never;
        profile.reuse_reaction = ReuseReaction::Accepts;
        profile.refresh_token_idle_lifetime = Some(Duration::from_secs(182 * 24 * 60 * 60));
        profile.refresh_extends = RefreshExtends::Idle;
        profile.revocation = RevocationShape::EveryGrant;
        profile.logout = LogoutShape::None;
        profile
    }

    fn issuer_of(&self, published: &str, claims: &Fields) -> Option<String> {
        let iss = claims.get("iss").and_then(Value::as_str)?;
        let is_google = iss == published || (iss == BARE_ISSUER && published == format!("https://{BARE_ISSUER}"));
        is_google.then(|| published.to_owned())
    }

    fn scopes_to_request(&self, wanted: &Scopes) -> Scopes {
        wanted.iter().filter(|scope| *scope != "offline_access").collect()
    }

    fn authorization_parameters(&self) -> Vec<(&'static str, String)> {
        vec![("access_type", "offline".into()), ("prompt", "consent".into())]
    }

    fn refresh_fields(&self, session: &Session, target: &Target) -> Vec<(&'static str, String)> {
        let resource = target.resource_indicator().map(Target::resource).unwrap_or_default();
        PlainOidc.refresh_fields(session, &resource.scopes(self.scopes_to_request(target.scope())))
    }

    fn revocable(&self, session: &Session) -> Option<RevocableToken> {
        (self.revoke_at_logout && session.tokens.refresh_token.is_some()).then_some(RevocableToken::RefreshToken)
    }

    fn classify(&self, answer: &ErrorAnswer) -> Diagnosis {
        let subtype = answer.field("error_subtype").and_then(Value::as_str);
        match (answer.status(), answer.error(), subtype) {
            // Both are known from Google's own client libraries only.
            (_, "invalid_grant", Some(subtype @ ("invalid_rapt" | "rapt_required"))) => {
                Diagnosis::from(Meaning::InteractionRequired)
                    .code(subtype)
                    .advice("sign in again: the user's organization limits how long a Cloud session lasts")
            }
            (_, "admin_policy_enforced", _) => Diagnosis::from(Meaning::InteractionRequired)
                .advice("an administrator of the user's organization has to allow the scopes"),
            (_, "invalid_client" | "invalid_request", _) => Diagnosis::from(Meaning::Misconfigured).advice(
                "check the client id and the client secret: it belongs in the body, and installed apps have one too",
            ),
            // Quotas answer 403, without a code of OAuth.
            (403, "" | "rate_limit_exceeded", _) => Meaning::TryLater { after: answer.retry_after() }.into(),
            _ => Meaning::by_standard(answer).into(),
        }
    }

    fn revoked(&self, answer: &ErrorAnswer) -> Option<Revocation> {
        // RFC 7009 §2.2 wants 200 for a token that is invalid already.
        (answer.status() == 400 && answer.error() == "invalid_token").then_some(Revocation::Done)
    }

    fn check_address(&self) -> &'static str {
        "check that this machine reaches accounts.google.com, and look for a proxy or a firewall on the way"
    }

    fn ask_for_refresh_token(&self, _requested: &Scopes) -> &'static str {
        "sign in with access_type=offline and prompt=consent"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_answer_has_its_meaning() {
        use Meaning::{InteractionRequired, Misconfigured, TryLater, Verdict};
        let description = |text: &str| ErrorAnswer::new(400, "invalid_grant").with_field("error_description", text);
        for (row, answer, expected) in [
            ("expired or revoked", description("Token has been expired or revoked."), Verdict),
            ("the other wording", description("Bad Request"), Verdict),
            (
                "the Cloud session is too old",
                ErrorAnswer::new(400, "invalid_grant").with_field("error_subtype", "invalid_rapt"),
                InteractionRequired,
            ),
            (
                "a Cloud session that never had a proof",
                ErrorAnswer::new(400, "invalid_grant").with_field("error_subtype", "rapt_required"),
                InteractionRequired,
            ),
            ("an administrator's policy", ErrorAnswer::new(400, "admin_policy_enforced"), InteractionRequired),
            ("wrong client", ErrorAnswer::new(401, "invalid_client"), Misconfigured),
            ("client not allowed", ErrorAnswer::new(401, "unauthorized_client"), Misconfigured),
            (
                "quota",
                ErrorAnswer::new(403, "").with_field("error", json!({ "code": 403, "status": "RESOURCE_EXHAUSTED" })),
                TryLater { after: None },
            ),
            ("a rate limit by name", ErrorAnswer::new(403, "rate_limit_exceeded"), TryLater { after: None }),
            ("refused outright", ErrorAnswer::new(403, "access_denied"), Misconfigured),
        ] {
            assert_eq!(Google::new().classify(&answer).meaning, expected, "{row}");
        }
    }

    #[test]
    fn both_spellings_of_the_issuer_are_one() {
        let published = "https://accounts.google.com";
        let issuer = |iss: &str| Google::new().issuer_of(published, json!({ "iss": iss }).as_object().unwrap());
        assert_eq!(issuer("https://accounts.google.com").as_deref(), Some(published));
        assert_eq!(issuer("accounts.google.com").as_deref(), Some(published));
        assert_eq!(issuer("https://accounts.google.com/"), None);
        assert_eq!(issuer("evil.example"), None);
        let elsewhere = json!({ "iss": "accounts.google.com" });
        assert_eq!(Google::new().issuer_of("http://127.0.0.1:1", elsewhere.as_object().unwrap()), None);
    }

    #[test]
    fn offline_access_is_no_scope() {
        let wanted = Scopes::parse("openid offline_access email");
        assert_eq!(Google::new().scopes_to_request(&wanted), Scopes::parse("openid email"));
    }

    #[test]
    fn the_secret_is_asked_for_where_it_is_missing() {
        for (status, error) in [(400, "invalid_request"), (401, "invalid_client")] {
            let advice = Google::new().classify(&ErrorAnswer::new(status, error)).advice.unwrap();
            assert!(advice.contains("in the body"), "{advice}");
        }
    }

    #[test]
    fn a_token_that_is_gone_already_counts_as_revoked() {
        assert_eq!(Google::new().revoked(&ErrorAnswer::new(400, "invalid_token")), Some(Revocation::Done));
        assert_eq!(Google::new().revoked(&ErrorAnswer::new(400, "invalid_request")), None);
    }
}
