//! [`Okta`]: org and custom authorization servers.

use std::time::Duration;

use oidc_session_core::{
    LogoutShape, ProviderError, ProviderErrorKind, ProviderId, ProviderProfile, RefreshExtends, ReuseReaction,
    RevocationShape, Rotation, Scopes, Session, Target,
};
use oidc_session_provider_oidc::{
    AssertionAudience, Diagnosis, Dialect, ErrorAnswer, Meaning, Oidc, OidcBuilder, Origin,
};
use serde_json::Value;

use crate::emulator;

/// An Okta authorization server.
///
/// ```
/// use oidc_session_provider_presets::Okta;
///
/// let provider = Okta::custom_server("acme.okta.com", "default")?.client("client-id").build()?;
/// # Ok::<(), oidc_session_core::ProviderError>(())
/// ```
///
/// A refresh names the granted scope, because without `openid` in it no ID token comes back. Sources: Okta's guides on
/// refresh tokens, authorization servers and rate limits.
#[derive(Clone, Debug)]
pub struct Okta {
    issuer: String,
    custom: bool,
    rotation_grace: Option<Duration>,
}

impl Okta {
    /// The org authorization server of `domain`. Its access tokens are for Okta's own APIs, and not to be read.
    pub fn org_server(domain: &str) -> Result<Self, ProviderError> {
        let issuer = origin(domain)?.issuer("");
        Ok(Self { issuer, custom: false, rotation_grace: None })
    }

    /// The custom authorization server `id` of `domain`, often `default`. Its access tokens are for your own APIs.
    pub fn custom_server(domain: &str, id: &str) -> Result<Self, ProviderError> {
        let is_id =
            !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !is_id {
            let detail = "the id of the authorization server has letters and digits only, such as \"default\"";
            return Err(ProviderError::new(ProviderErrorKind::Misconfigured, detail));
        }
        let issuer = origin(domain)?.issuer(&format!("/oauth2/{id}"));
        Ok(Self { issuer, custom: true, rotation_grace: None })
    }

    /// How long the application's settings let a replaced refresh token be used again: 0 to 60 seconds.
    ///
    /// Claim it only if rotation is on and its grace period is that long.
    #[must_use]
    pub fn rotation_grace(mut self, grace: Duration) -> Self {
        self.rotation_grace = Some(grace.min(Duration::from_secs(60))).filter(|grace| !grace.is_zero());
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

/// The host of an Okta org, which is not that of its admin console.
fn origin(domain: &str) -> Result<Origin, ProviderError> {
    let origin = Origin::parse("Okta domain", domain).map_err(|error| {
        error.with_advice("it is a host name, such as \"acme.okta.com\"; a custom server's id goes apart")
    })?;
    let (org, rest) = origin.host().split_once('.').unwrap_or_default();
    if org.ends_with("-admin") && matches!(rest, "okta.com" | "oktapreview.com" | "okta-emea.com") {
        let detail = "the Okta domain is that of the admin console: leave out \"-admin\"";
        return Err(ProviderError::new(ProviderErrorKind::Misconfigured, detail));
    }
    Ok(origin)
}

impl Dialect for Okta {
    fn profile(&self) -> ProviderProfile {
        let mut profile = ProviderProfile::new(ProviderId::new("okta"));
        profile.reuse_window = self.rotation_grace;
        profile.rotation = Rotation::Configured;
        profile.reuse_reaction = ReuseReaction::RevokesFamily;
        profile.refresh_token_idle_lifetime = Some(Duration::from_secs(7 * 24 * 60 * 60));
        profile.refresh_extends = RefreshExtends::Idle;
        profile.access_token_readable = self.custom;
        profile.revocation = RevocationShape::AnyToken;
        profile.logout = LogoutShape::RpInitiated;
        profile
    }

    fn refresh_fields(&self, session: &Session, target: &Target) -> Vec<(&'static str, String)> {
        let own = session.tokens.scope.as_ref().or(session.requested_scope.as_ref());
        let openid = if own.is_none_or(|own| own.contains("openid")) { "openid" } else { "" };
        let scope = match target.scope().is_empty() {
            true => own.map(Scopes::to_string),
            false => Some(format!("{openid} {}", target.scope())),
        };
        // A session that has a refresh token was granted `offline_access`, whatever an answer has named since.
        let scope = scope.map(|scope| ("scope", Scopes::parse(&format!("offline_access {scope}")).to_string()));
        let resource = target.resource_indicator().map(|resource| ("resource", resource.to_owned()));
        resource.into_iter().chain(scope).collect()
    }

    fn assertion_audience(&self) -> AssertionAudience {
        AssertionAudience::TokenEndpoint
    }

    fn classify(&self, answer: &ErrorAnswer) -> Diagnosis {
        let own_code = answer.field("errorCode").and_then(Value::as_str);
        match (answer.error(), own_code) {
            ("", Some(code @ "E0000047")) => {
                Diagnosis::from(Meaning::TryLater { after: answer.retry_after() }).code(code)
            }
            ("", Some(code)) => Diagnosis::from(Meaning::Misconfigured).code(code),
            _ => Meaning::by_standard(answer).into(),
        }
    }

    fn check_address(&self) -> &'static str {
        match self.custom {
            true => "check the Okta domain and the id of the authorization server",
            false => "check the Okta domain; for a custom authorization server name its id",
        }
    }

    fn ask_for_refresh_token(&self, requested: &Scopes) -> &'static str {
        match requested.contains("offline_access") {
            true => "allow the application the grant type Refresh Token, and offline_access in the access policy",
            false => "ask for the scope offline_access",
        }
    }

    fn ask_for_rotation(&self) -> &'static str {
        "let the application rotate refresh tokens, or leave out rotation_grace"
    }
}

#[cfg(test)]
mod tests {
    use oidc_session_core::{Timestamp, TokenSet};

    use super::*;

    #[test]
    fn the_two_kinds_of_server_have_their_issuers() {
        assert_eq!(Okta::org_server("acme.okta.com").unwrap().issuer, "https://acme.okta.com");
        let custom = Okta::custom_server("acme.okta.com", "default").unwrap();
        assert_eq!(custom.issuer, "https://acme.okta.com/oauth2/default");
        assert!(custom.profile().access_token_readable);
        assert!(!Okta::org_server("acme.okta.com").unwrap().profile().access_token_readable);
        for id in ["", "a/b", "a b", "../x"] {
            assert!(Okta::custom_server("acme.okta.com", id).is_err(), "{id}");
        }
    }

    #[test]
    fn a_domain_that_is_not_the_one_of_the_org_is_refused_with_the_fix() {
        for (domain, fix) in [
            ("acme-admin.okta.com", "leave out \"-admin\""),
            ("https://acme-admin.oktapreview.com/", "leave out \"-admin\""),
            ("https://acme.okta.com/oauth2/default", "id goes apart"),
        ] {
            for error in [Okta::org_server(domain).unwrap_err(), Okta::custom_server(domain, "default").unwrap_err()] {
                assert!(error.to_string().contains(fix), "{domain}: {error}");
            }
        }
        assert!(Okta::org_server("login-admin.acme.example").is_ok(), "a custom domain may be called anything");
    }

    #[test]
    fn every_answer_has_its_meaning() {
        let okta = Okta::org_server("acme.okta.com").unwrap();
        let rate_limit = ErrorAnswer::new(429, "").with_field("errorCode", "E0000047");
        for (row, answer, expected) in [
            ("the refresh token is invalid or expired", ErrorAnswer::new(400, "invalid_grant"), Meaning::Verdict),
            ("the client is not known", ErrorAnswer::new(401, "invalid_client"), Meaning::Misconfigured),
            ("rate limit in Okta's own words", rate_limit, Meaning::TryLater { after: None }),
            (
                "another of Okta's own",
                ErrorAnswer::new(400, "").with_field("errorCode", "E0000022"),
                Meaning::Misconfigured,
            ),
        ] {
            assert_eq!(okta.classify(&answer).meaning, expected, "{row}");
        }
    }

    #[test]
    fn a_refresh_names_the_granted_scope() {
        let okta = Okta::org_server("acme.okta.com").unwrap();
        let now = Timestamp::from_unix_seconds(0);
        let mut session =
            Session::new(ProviderId::new("okta"), "https://acme.okta.com", "app", TokenSet::new(now, now));
        assert_eq!(okta.refresh_fields(&session, &Target::default()), []);
        session.requested_scope = Some(Scopes::parse("openid offline_access profile"));
        let scope = |session: &Session| okta.refresh_fields(session, &Target::default());
        assert_eq!(scope(&session), [("scope", "offline_access openid profile".to_owned())]);
        session.tokens.scope = Some(Scopes::parse("openid"));
        assert_eq!(scope(&session), [("scope", "offline_access openid".to_owned())]);
        let target = Target::default().scopes(Scopes::parse("reports"));
        assert_eq!(okta.refresh_fields(&session, &target), [("scope", "offline_access openid reports".to_owned())]);
        let target = Target::resource("https://api.acme.example");
        let fields = [("resource", "https://api.acme.example".to_owned()), scope(&session).remove(0)];
        assert_eq!(okta.refresh_fields(&session, &target), fields);
        session.tokens.scope = Some(Scopes::parse("offline_access read write"));
        let target = Target::default().scopes(Scopes::parse("read"));
        assert_eq!(okta.refresh_fields(&session, &target), [("scope", "offline_access read".to_owned())]);
    }

    #[test]
    fn a_grace_is_at_most_what_okta_offers() {
        let window = |seconds| {
            let okta = Okta::org_server("acme.okta.com").unwrap().rotation_grace(Duration::from_secs(seconds));
            okta.profile().reuse_window.map(|window| window.as_secs())
        };
        assert_eq!((window(0), window(30), window(600)), (None, Some(30), Some(60)));
    }
}
