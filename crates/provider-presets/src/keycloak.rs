//! [`Keycloak`]: one realm.

use oidc_session_core::{
    LogoutShape, ProviderError, ProviderErrorKind, ProviderId, ProviderProfile, RefreshExtends, ReuseReaction,
    RevocationShape, Rotation, Scopes,
};
use oidc_session_provider_oidc::{Diagnosis, Dialect, ErrorAnswer, Meaning, Oidc, OidcBuilder};
use url::Url;

use crate::emulator;

/// A realm of a Keycloak server.
///
/// ```
/// use oidc_session_provider_presets::Keycloak;
///
/// let provider = Keycloak::new("https://login.example", "my-realm")?.client("client-id").build()?;
/// # Ok::<(), oidc_session_core::ProviderError>(())
/// ```
///
/// Keycloak puts whatever is wrong with a refresh into `invalid_grant`, also a wrong client or host name. Those are
/// told apart by its descriptions, so that they end nobody's session. Sources: Keycloak's `TokenManager` and
/// its guides.
#[derive(Clone, Debug)]
pub struct Keycloak {
    issuer: String,
    revokes_refresh_tokens: bool,
}

/// Descriptions of `invalid_grant` that speak of the client or the address, and not of the session.
const NOT_THE_SESSION: [(&str, &str); 3] = [
    ("Unmatching clients", "refresh with the client that signed in"),
    ("Invalid refresh token. Token client and authorized client don't match", "refresh with the client that signed in"),
    ("Invalid token issuer", "use one host name for Keycloak, the one in its issuer"),
];

impl Keycloak {
    /// The realm `realm` of the server at `base`: the address up to `/realms`, with `/auth` where the server has that.
    pub fn new(base: &str, realm: &str) -> Result<Self, ProviderError> {
        let base = base.trim();
        let whole = if base.contains("://") { base.to_owned() } else { format!("https://{base}") };
        let url = Url::parse(&whole).map_err(|_| misconfigured("the address of Keycloak is not a URL"))?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(misconfigured("the address of Keycloak has a query or a fragment"));
        }
        if url.path_segments().is_some_and(|mut segments| segments.any(|segment| segment == "realms")) {
            return Err(misconfigured("the address of Keycloak ends before /realms; the realm is named apart"));
        }
        if matches!(realm, "" | "." | "..") || realm.contains(['/', '\\', '?', '#', '%']) {
            return Err(misconfigured("the realm is one path segment, such as \"my-realm\""));
        }
        let mut issuer = url.clone();
        issuer
            .path_segments_mut()
            .map_err(|()| misconfigured("the address of Keycloak is not a URL"))?
            .pop_if_empty()
            .extend(["realms", realm]);
        Ok(Self { issuer: issuer.into(), revokes_refresh_tokens: false })
    }

    /// For a realm with the setting "Revoke Refresh Token": there a second use of a refresh token ends the session.
    #[must_use]
    pub fn revokes_refresh_tokens(mut self) -> Self {
        self.revokes_refresh_tokens = true;
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

impl Dialect for Keycloak {
    fn profile(&self) -> ProviderProfile {
        let mut profile = ProviderProfile::new(ProviderId::new("keycloak"));
        profile.rotation = Rotation::Always;
        profile.reuse_reaction =
            if self.revokes_refresh_tokens { ReuseReaction::RevokesFamily } else { ReuseReaction::Accepts };
        profile.refresh_extends = RefreshExtends::Idle;
        profile.access_token_readable = true;
        profile.revocation = RevocationShape::AnyToken;
        profile.logout = LogoutShape::RpInitiated;
        profile
    }

    fn classify(&self, answer: &ErrorAnswer) -> Diagnosis {
        let description = answer.description().unwrap_or_default();
        match answer.error() {
            "invalid_grant" => NOT_THE_SESSION
                .iter()
                .find(|(beginning, _)| description.starts_with(beginning))
                .map_or(Meaning::Verdict.into(), |(_, advice)| Diagnosis::from(Meaning::Misconfigured).advice(advice)),
            "invalid_scope" if description.starts_with("Client no longer has requested consent") => {
                Meaning::InteractionRequired.into()
            }
            // What Keycloak calls a wrong secret. The standard has `invalid_client` for that.
            "unauthorized_client" if answer.status() == 401 => Diagnosis::from(Meaning::Misconfigured).advice(
                "check the client id, the client secret and the client authenticator in the client's credentials",
            ),
            _ => Meaning::by_standard(answer).into(),
        }
    }

    fn check_address(&self) -> &'static str {
        "check Keycloak's address and the realm; servers before version 17 need /auth behind the host"
    }

    fn ask_for_refresh_token(&self, _requested: &Scopes) -> &'static str {
        "switch on \"Use refresh tokens\" for the client"
    }
}

fn misconfigured(detail: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_is_the_realm() {
        for (base, issuer) in [
            ("https://login.example", "https://login.example/realms/r"),
            ("https://login.example/", "https://login.example/realms/r"),
            ("login.example/auth", "https://login.example/auth/realms/r"),
            (" login.example ", "https://login.example/realms/r"),
            ("http://127.0.0.1:8080/auth/", "http://127.0.0.1:8080/auth/realms/r"),
        ] {
            assert_eq!(Keycloak::new(base, "r").unwrap().issuer, issuer);
        }
        for (base, realm) in [
            ("https://login.example/realms/r", "r"),
            ("https://login.example?x=y", "r"),
            ("https://login.example", ""),
            ("https://login.example", "a/b"),
            ("https://login.example", ".."),
            ("https://", "r"),
        ] {
            assert!(Keycloak::new(base, realm).is_err(), "{base} {realm}");
        }
    }

    #[test]
    fn every_description_has_its_meaning() {
        use Meaning::{InteractionRequired, Misconfigured, Verdict};
        let keycloak = Keycloak::new("https://login.example", "r").unwrap();
        for (error, description, expected) in [
            ("invalid_grant", "Token is not active", Verdict),
            ("invalid_grant", "Session not active", Verdict),
            ("invalid_grant", "Offline session not active", Verdict),
            ("invalid_grant", "Offline user session not found", Verdict),
            ("invalid_grant", "Session doesn't have required client", Verdict),
            ("invalid_grant", "Invalid refresh token", Verdict),
            ("invalid_grant", "Maximum allowed refresh token reuse exceeded", Verdict),
            ("invalid_grant", "Stale token", Verdict),
            ("invalid_grant", "refresh token issued before the client session started", Verdict),
            ("invalid_grant", "Unknown user", Verdict),
            ("invalid_grant", "User disabled", Verdict),
            ("invalid_grant", "Unmatching clients", Misconfigured),
            ("invalid_grant", "Invalid refresh token. Token client and authorized client don't match", Misconfigured),
            ("invalid_grant", "Invalid token issuer. Expected 'https://a', but was 'https://b'", Misconfigured),
            ("invalid_scope", "Client no longer has requested consent from user", InteractionRequired),
            ("invalid_scope", "Invalid scopes: read", Misconfigured),
            ("unauthorized_client", "Invalid client or Invalid client credentials", Misconfigured),
            ("invalid_client", "Invalid client or Invalid client credentials", Misconfigured),
        ] {
            let answer = ErrorAnswer::new(400, error).with_field("error_description", description);
            assert_eq!(keycloak.classify(&answer).meaning, expected, "{error}: {description}");
        }
        assert_eq!(keycloak.classify(&ErrorAnswer::new(400, "invalid_grant")).meaning, Verdict);
    }

    #[test]
    fn a_wrong_secret_is_told_from_a_grant_that_is_not_allowed() {
        let keycloak = Keycloak::new("https://login.example", "r").unwrap();
        let advice = |status| keycloak.classify(&ErrorAnswer::new(status, "unauthorized_client")).advice;
        assert!(advice(401).unwrap().contains("client secret"));
        assert_eq!(advice(400), None, "the standard advice fits");
    }

    #[test]
    fn reuse_is_harmless_unless_the_realm_revokes() {
        let keycloak = Keycloak::new("https://login.example", "r").unwrap();
        assert_eq!(keycloak.profile().reuse_reaction, ReuseReaction::Accepts);
        assert_eq!(keycloak.revokes_refresh_tokens().profile().reuse_reaction, ReuseReaction::RevokesFamily);
    }
}
