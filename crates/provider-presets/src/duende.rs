//! [`Duende`]: an IdentityServer.

use std::time::Duration;

use oidc_session_core::{
    LogoutShape, ProviderError, ProviderErrorKind, ProviderId, ProviderProfile, RefreshExtends, ReuseReaction,
    RevocationShape, Rotation, Scopes,
};
use oidc_session_provider_oidc::{Dialect, Oidc, OidcBuilder};
use url::Url;

use crate::emulator;

/// A Duende IdentityServer.
///
/// ```
/// use oidc_session_provider_presets::Duende;
///
/// let provider = Duende::new("https://login.example")?.client("client-id").build()?;
/// # Ok::<(), oidc_session_core::ProviderError>(())
/// ```
///
/// It is plain OpenID Connect; what there is to know are its facts. By default it gives the same refresh token back at
/// every refresh; where a client is set to `OneTimeOnly`, a consumed one is refused, and nothing else is revoked. By
/// default a refresh token ends 30 days after the sign-in, however often it is used. Sources: the IdentityServer
/// documentation on refresh tokens and its client reference.
#[derive(Clone, Debug)]
pub struct Duende {
    issuer: String,
}

impl Duende {
    /// The server with this issuer, exactly as it writes it: its origin, unless `IssuerUri` is set.
    pub fn new(issuer: &str) -> Result<Self, ProviderError> {
        let is_url = Url::parse(issuer).is_ok_and(|url| url.has_host());
        if !is_url {
            let detail = "the issuer is a URL, such as \"https://login.example\"";
            return Err(ProviderError::new(ProviderErrorKind::Misconfigured, detail));
        }
        Ok(Self { issuer: issuer.to_owned() })
    }

    /// The same configuration for a server that behaves like this one, at `address`; see [emulators](crate#emulators).
    pub fn emulator(self, address: &str) -> Result<Self, ProviderError> {
        Ok(Self { issuer: emulator::moved(&self.issuer, address)? })
    }

    /// Our client there.
    pub fn client(self, client_id: impl Into<String>) -> OidcBuilder {
        Oidc::builder(&self.issuer.clone(), client_id).dialect(self)
    }
}

impl Dialect for Duende {
    fn profile(&self) -> ProviderProfile {
        let mut profile = ProviderProfile::new(ProviderId::new("duende"));
        profile.rotation = Rotation::Configured;
        profile.reuse_reaction = ReuseReaction::Refuses;
        profile.refresh_token_absolute_lifetime = Some(Duration::from_secs(30 * 24 * 60 * 60));
        profile.refresh_extends = RefreshExtends::Nothing;
        profile.revocation = RevocationShape::AnyToken;
        profile.logout = LogoutShape::RpInitiated;
        profile
    }

    fn ask_for_refresh_token(&self, requested: &Scopes) -> &'static str {
        match requested.contains("offline_access") {
            true => "set AllowOfflineAccess for the client",
            false => "ask for the scope offline_access",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_is_taken_as_it_is_written() {
        assert_eq!(Duende::new("https://login.example/idp").unwrap().issuer, "https://login.example/idp");
        for issuer in ["", "login.example", "mailto:a@b"] {
            assert!(Duende::new(issuer).is_err(), "{issuer}");
        }
    }
}
