//! Every provider there is, set up for a server on this machine.

use std::time::Duration;

use oidc_session::presets::{Duende, Google, Keycloak, Okta, OneLogin, PingOne};
use oidc_session::{Auth0, AzureB2c, Cognito, EntraId, ExternalId, Oidc, OidcBuilder};

pub(crate) const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const POOL: &str = "eu-west-1_AbCdEfGhI";

/// Every provider, and every way of setting one up that changes its facts. `origin` is where its server is.
pub(crate) fn every_provider(origin: &str) -> Vec<(&'static str, OidcBuilder)> {
    let grace = Duration::from_secs(30);
    vec![
        ("oidc", Oidc::builder(origin, "my-app")),
        ("auth0", Auth0::new(origin).unwrap().client("my-app")),
        ("auth0, leeway", Auth0::new(origin).unwrap().audience("api").rotation_leeway(grace).client("my-app")),
        ("entra", EntraId::tenant(TENANT).unwrap().authority(origin).unwrap().client("my-app")),
        ("entra, common", EntraId::common().authority(origin).unwrap().client("my-app")),
        ("external id", ExternalId::new("acme", TENANT).unwrap().custom_domain(origin).unwrap().client("my-app")),
        ("b2c", AzureB2c::new("acme", "B2C_1_signin").unwrap().custom_domain(origin).unwrap().client("my-app")),
        ("cognito", Cognito::emulator(origin, POOL).unwrap().client("my-app")),
        ("cognito, api", Cognito::emulator(origin, POOL).unwrap().through_api().client("my-app")),
        ("cognito, grace", Cognito::emulator(origin, POOL).unwrap().rotation_grace(grace).unwrap().client("my-app")),
        ("okta", Okta::org_server(origin).unwrap().client("my-app")),
        ("okta, custom, grace", Okta::custom_server(origin, "default").unwrap().rotation_grace(grace).client("my-app")),
        ("keycloak", Keycloak::new(origin, "r").unwrap().client("my-app")),
        ("keycloak, revoking", Keycloak::new(origin, "r").unwrap().revokes_refresh_tokens().client("my-app")),
        ("google", Google::new().emulator(origin).unwrap().client("my-app")),
        ("pingone", PingOne::custom_domain(origin).unwrap().client("my-app")),
        ("pingone, grace", PingOne::custom_domain(origin).unwrap().rolling_grace(grace).client("my-app")),
        ("onelogin", OneLogin::at(origin).unwrap().client("my-app")),
        ("duende", Duende::new(origin).unwrap().client("my-app")),
    ]
}
