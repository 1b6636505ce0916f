//! The facts about a tenant, as data.

use std::time::Duration;

use oidc_session_core::{
    LogoutShape, Provider as _, ProviderProfile, RefreshExtends, ReuseReaction, RevocationShape, Rotation,
};
use oidc_session_provider_auth0::Auth0;
use oidc_session_provider_oidc::{AssertionAudience, Dialect as _};

fn tenant() -> Auth0 {
    Auth0::new("acme.eu.auth0.com").unwrap()
}

fn profile(auth0: Auth0) -> ProviderProfile {
    auth0.client("CID").build().unwrap().profile().clone()
}

#[test]
fn what_auth0_does_unless_told_otherwise() {
    let month = Some(Duration::from_secs(2_592_000));
    let profile = profile(tenant());
    assert_eq!(profile.id.as_str(), "auth0");
    assert_eq!(profile.reuse_window, None);
    assert_eq!(profile.rotation, Rotation::Configured);
    assert_eq!(profile.reuse_reaction, ReuseReaction::RevokesFamily);
    assert_eq!(profile.refresh_token_idle_lifetime, month);
    assert_eq!(profile.refresh_token_absolute_lifetime, month);
    assert_eq!(profile.refresh_extends, RefreshExtends::Idle);
    assert!(!profile.access_token_readable);
    assert_eq!(profile.revocation, RevocationShape::RefreshToken);
    assert_eq!(profile.logout, LogoutShape::RpInitiated);
    assert!(!profile.hints_early_refresh);
}

#[test]
fn what_the_tenant_has_set_is_believed() {
    let leeway = |seconds| profile(tenant().rotation_leeway(Duration::from_secs(seconds))).reuse_window;
    assert_eq!(leeway(30), Some(Duration::from_secs(30)));
    assert_eq!(leeway(0), None);
    assert_eq!(profile(tenant().revocation_deletes_grant()).revocation, RevocationShape::EveryGrant);
    assert_eq!(profile(tenant().v2_logout()).logout, LogoutShape::Vendor);
    assert!(profile(tenant().audience("https://api.acme.example")).access_token_readable);
}

#[test]
fn an_assertion_is_addressed_to_the_domain_with_its_slash() {
    // That is what the issuer is.
    assert_eq!(tenant().assertion_audience(), AssertionAudience::Issuer);
    let provider = tenant().client("CID").build().unwrap();
    assert!(format!("{provider:?}").contains(r#""https://acme.eu.auth0.com/""#));
}
