//! [`PingOne`]: one environment.

use std::time::Duration;

use oidc_session_core::{
    LogoutShape, ProviderError, ProviderErrorKind, ProviderId, ProviderProfile, RefreshExtends, ReuseReaction,
    RevocationShape, Rotation, Scopes,
};
use oidc_session_provider_oidc::{Dialect, Oidc, OidcBuilder, Origin};

use crate::emulator;

/// An environment of PingOne.
///
/// ```
/// use oidc_session_provider_presets::PingOne;
///
/// let environment = "01234567-89ab-cdef-0123-456789abcdef";
/// let provider = PingOne::new("eu", environment)?.client("client-id").build()?;
/// # Ok::<(), oidc_session_core::ProviderError>(())
/// ```
///
/// Every refresh replaces the refresh token. How long refreshing goes on after a sign-in is set in the application, and
/// no refresh extends that. Nor does it go on without the user's session, unless the application is set to skip that
/// check. Sources: the PingOne platform API reference and its changelog.
#[derive(Clone, Debug)]
pub struct PingOne {
    issuer: String,
    rolling_grace: Option<Duration>,
}

/// The top-level domains of `auth.pingone`, one per region.
const REGIONS: [&str; 6] = ["com", "ca", "eu", "asia", "com.au", "sg"];

impl PingOne {
    /// The environment `environment` in a region, which is a top-level domain: `com` (North America), `ca`, `eu`,
    /// `com.au`, `sg` or `asia`.
    pub fn new(region: &str, environment: &str) -> Result<Self, ProviderError> {
        if !REGIONS.contains(&region) {
            let detail = "the region is a top-level domain: com for North America, ca, eu, com.au, sg or asia";
            return Err(misconfigured(detail));
        }
        let groups: Vec<usize> = environment.split('-').map(str::len).collect();
        let is_id =
            groups == [8, 4, 4, 4, 12] && environment.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        if !is_id {
            return Err(misconfigured("the environment is its id, a UUID, as the console shows it"));
        }
        Ok(Self::at(format!("https://auth.pingone.{region}/{}/as", environment.to_ascii_lowercase())))
    }

    /// An environment with a custom domain.
    pub fn custom_domain(domain: &str) -> Result<Self, ProviderError> {
        Ok(Self::at(Origin::parse("custom domain", domain)?.issuer("/as")))
    }

    fn at(issuer: String) -> Self {
        Self { issuer, rolling_grace: None }
    }

    /// For how long the application's settings let a replaced refresh token be used again: up to a day.
    #[must_use]
    pub fn rolling_grace(mut self, grace: Duration) -> Self {
        self.rolling_grace = Some(grace.min(Duration::from_secs(86_400))).filter(|grace| !grace.is_zero());
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

impl Dialect for PingOne {
    fn profile(&self) -> ProviderProfile {
        let mut profile = ProviderProfile::new(ProviderId::new("pingone"));
        profile.reuse_window = self.rolling_grace;
        profile.rotation = Rotation::Always;
        profile.reuse_reaction = ReuseReaction::Unknown;
        profile.refresh_token_idle_lifetime = Some(Duration::from_secs(2_592_000));
        profile.refresh_extends = RefreshExtends::Idle;
        profile.revocation = RevocationShape::AnyToken;
        profile.logout = LogoutShape::RpInitiated;
        profile
    }

    fn check_address(&self) -> &'static str {
        "check the region and the environment id, or the custom domain"
    }

    fn ask_for_refresh_token(&self, _requested: &Scopes) -> &'static str {
        "allow the application the grant type Refresh Token, or ask for the scope offline_access"
    }
}

fn misconfigured(detail: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVIRONMENT: &str = "01234567-89ab-cdef-0123-456789abcdef";

    #[test]
    fn the_region_is_the_top_level_domain() {
        let issuer = |region| PingOne::new(region, ENVIRONMENT).map(|ping_one| ping_one.issuer);
        assert_eq!(issuer("eu").unwrap(), format!("https://auth.pingone.eu/{ENVIRONMENT}/as"));
        assert_eq!(issuer("com.au").unwrap(), format!("https://auth.pingone.com.au/{ENVIRONMENT}/as"));
        assert!(issuer("europe").is_err() && issuer("example/").is_err());
        // The issuer is compared byte for byte, and PingOne writes the id in small letters.
        let shouted = PingOne::new("eu", &ENVIRONMENT.to_ascii_uppercase()).unwrap();
        assert_eq!(shouted.issuer, issuer("eu").unwrap());
        for environment in ["", "my-environment", "01234567-89ab-cdef-0123-456789abcdeg", "0123456789abcdef"] {
            assert!(PingOne::new("eu", environment).is_err(), "{environment}");
        }
        assert_eq!(PingOne::custom_domain("login.acme.example").unwrap().issuer, "https://login.acme.example/as");
    }

    #[test]
    fn a_grace_is_at_most_what_ping_offers() {
        let window = |seconds| {
            let ping_one = PingOne::new("eu", ENVIRONMENT).unwrap().rolling_grace(Duration::from_secs(seconds));
            ping_one.profile().reuse_window.map(|window| window.as_secs())
        };
        assert_eq!((window(0), window(600), window(100_000)), (None, Some(600), Some(86_400)));
    }
}
