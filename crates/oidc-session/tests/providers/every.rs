//! Every provider there is, set up for a server on this machine.

use std::time::Duration;

use oidc_session::presets::{Duende, Google, Keycloak, Okta, OneLogin, PingOne};
use oidc_session::{Auth0, Oidc, OidcBuilder};

/// Every provider, and every way of setting one up that changes its facts. `origin` is where its server is.
pub(crate) fn every_provider(origin: &str) -> Vec<(&'static str, OidcBuilder)> {
    let grace = Duration::from_secs(30);
    vec![
        ("oidc", Oidc::builder(origin, "my-app")),
        ("auth0", Auth0::new(origin).unwrap().client("my-app")),
        ("auth0, leeway", Auth0::new(origin).unwrap().audience("api").rotation_leeway(grace).client("my-app")),
        ("okta", Okta::org_server(origin).unwrap().client("my-app")),
        ("okta, custom, grace", Okta::custom_server(origin, "default").unwrap().rotation_grace(grace).client("my-app")),
        ("keycloak", Keycloak::new(origin, "r").unwrap().client("my-app")),
        ("keycloak, revoking", Keycloak::new(origin, "r").unwrap().revokes_refresh_tokens().client("my-app")),
        ("google", Google::emulator(origin).unwrap().client("my-app")),
        ("pingone", PingOne::custom_domain(origin).unwrap().client("my-app")),
        ("pingone, grace", PingOne::custom_domain(origin).unwrap().rolling_grace(grace).client("my-app")),
        ("onelogin", OneLogin::at(origin).unwrap().client("my-app")),
        ("duende", Duende::new(origin).unwrap().client("my-app")),
    ]
}
