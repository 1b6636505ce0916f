//! What can be said about a pool, and what its profile makes of that.

use std::time::Duration;

use oidc_session_core::{LogoutShape, Provider as _, ProviderErrorKind, RefreshExtends, RevocationShape, Rotation};
use oidc_session_provider_cognito::Cognito;
use oidc_session_provider_oidc::ClientAuth;

use crate::pool::{ORIGINAL_ISSUER, POOL_ID, built};

fn pool() -> Cognito {
    Cognito::user_pool(POOL_ID).unwrap()
}

#[test]
fn by_default_nothing_is_promised_about_reuse() {
    let provider = built(pool(), ClientAuth::None);
    let profile = provider.profile();
    assert_eq!(profile.id.as_str(), "cognito");
    assert_eq!(profile.reuse_window, None);
    assert_eq!(profile.rotation, Rotation::Configured);
    assert_eq!(profile.refresh_extends, RefreshExtends::Nothing);
    assert_eq!(profile.refresh_token_absolute_lifetime, Some(Duration::from_secs(30 * 86_400)));
    assert_eq!(profile.refresh_token_idle_lifetime, None);
    assert!(profile.access_token_readable);
    assert_eq!(profile.revocation, RevocationShape::RefreshToken);
    assert_eq!(profile.logout, LogoutShape::Vendor);
    assert!(!profile.hints_early_refresh);
}

#[test]
fn the_grace_period_is_the_reuse_window() {
    for (seconds, window) in [(0, None), (1, Some(1)), (60, Some(60))] {
        let pool = pool().rotation_grace(Duration::from_secs(seconds)).unwrap();
        let provider = built(pool, ClientAuth::None);
        assert_eq!(provider.profile().reuse_window, window.map(Duration::from_secs));
        assert_eq!(provider.profile().rotation, Rotation::Always);
    }
}

#[test]
fn a_grace_period_that_no_client_can_have_is_refused() {
    for grace in [Duration::from_millis(60_001), Duration::from_secs(61), Duration::MAX] {
        let error = pool().rotation_grace(grace).unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
        assert!(error.to_string().contains("60 seconds"), "{error}");
    }
}

#[test]
fn the_issuer_of_sessions_does_not_depend_on_settings() {
    assert_eq!(pool().issuer(), ORIGINAL_ISSUER);
    assert_eq!(pool().updated_issuer().issuer(), ORIGINAL_ISSUER);
    assert_eq!(pool().region("eu-west-2").unwrap().issuer(), ORIGINAL_ISSUER);
    assert_eq!(pool().through_api().issuer(), ORIGINAL_ISSUER);
}

#[test]
fn a_wrong_address_is_told_at_once() {
    assert!(Cognito::user_pool("my pool").unwrap_err().to_string().contains("eu-west-1_AbCdEf123"));
    assert!(Cognito::user_pool("local_AbC").unwrap_err().to_string().contains("Region"));
    assert!(pool().region("Ireland").is_err());
    assert!(pool().login_domain("http://auth.acme.example").is_err());
    assert!(Cognito::emulator("http://emulator.acme.example:9229", "local_AbC").is_err());
    let emulator = Cognito::emulator("http://127.0.0.1:9229", "local_AbC").unwrap();
    assert!(emulator.region("eu-west-1").is_err());
}

#[test]
fn debug_output_holds_no_device_key() {
    let pool = pool().device_key("secret-device");
    assert!(!format!("{pool:?}").contains("secret"));
    assert!(!format!("{:?}", built(pool, ClientAuth::None)).contains("secret"));
}
