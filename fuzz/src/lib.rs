//! What the targets share: one provider of each dialect.

use std::sync::LazyLock;

use oidc_session_core::ProviderError;
use oidc_session_provider_auth0::Auth0;
use oidc_session_provider_azure::{AzureB2c, EntraId};
use oidc_session_provider_cognito::Cognito;
use oidc_session_provider_oidc::Oidc;
use oidc_session_provider_presets::{Duende, Google, Keycloak, Okta, OneLogin, PingOne};

/// One provider of each dialect. They send nothing.
pub fn dialects() -> &'static [Oidc] {
    static PROVIDERS: LazyLock<Vec<Oidc>> = LazyLock::new(|| providers().expect("these settings are good"));
    &PROVIDERS
}

fn providers() -> Result<Vec<Oidc>, ProviderError> {
    const CLIENT: &str = "my-app";
    const TENANT: &str = "11111111-2222-3333-4444-555555555555";
    // On loopback, where no certificates are loaded: a bare machine has none.
    const AT: &str = "http://127.0.0.1:9";
    const POOL: &str = "eu-west-1_AbCdEfGhI";
    [
        Oidc::builder(AT, CLIENT),
        Auth0::new(AT)?.client(CLIENT),
        EntraId::tenant(TENANT)?.authority(AT)?.client(CLIENT),
        AzureB2c::new("acme", "B2C_1_signin")?.custom_domain(AT)?.client(CLIENT),
        Cognito::emulator(AT, POOL)?.client(CLIENT),
        Cognito::emulator(AT, POOL)?.through_api().client(CLIENT),
        Okta::org_server(AT)?.client(CLIENT),
        Keycloak::new(AT, "r")?.client(CLIENT),
        Google::new().emulator(AT)?.client(CLIENT),
        PingOne::custom_domain(AT)?.client(CLIENT),
        OneLogin::at(AT)?.client(CLIENT),
        Duende::new(AT)?.client(CLIENT),
    ]
    .into_iter()
    .map(|builder| builder.build())
    .collect()
}
