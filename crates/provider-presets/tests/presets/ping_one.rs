//! PingOne: its addresses, and what is as in the standards.

use std::time::Duration;

use oidc_session_core::ProviderErrorKind::{Misconfigured, Rejected, TryLater};
use oidc_session_core::{Provider as _, RefreshExtends, ReuseReaction, Rotation, Scopes, Target};
use oidc_session_provider_oidc::{ClientAuth, Oidc};
use oidc_session_provider_presets::PingOne;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::vendor::{Addresses, Answers, CLIENT_ID, Vendor, asking_for, built, oauth, refresh_token, row, secret};

const ENVIRONMENT: &str = "01234567-89ab-cdef-0123-456789abcdef";

const REGION: Addresses = Addresses {
    issuer: "/01234567-89ab-cdef-0123-456789abcdef/as",
    authorize: "/01234567-89ab-cdef-0123-456789abcdef/as/authorize",
    token: "/01234567-89ab-cdef-0123-456789abcdef/as/token",
    revoke: "/01234567-89ab-cdef-0123-456789abcdef/as/revoke",
    logout: Some("/01234567-89ab-cdef-0123-456789abcdef/as/signoff"),
};

const CUSTOM_DOMAIN: Addresses = Addresses {
    issuer: "/as",
    authorize: "/as/authorize",
    token: "/as/token",
    revoke: "/as/revoke",
    logout: Some("/as/signoff"),
};

fn ping_one(vendor: &Vendor, auth: ClientAuth) -> Oidc {
    let ping_one = PingOne::new("eu", ENVIRONMENT).unwrap().emulator(&vendor.address()).unwrap();
    built(ping_one.client(CLIENT_ID), auth)
}

fn tokens(refresh_token: &str) -> Value {
    json!({ "access_token": "at", "token_type": "Bearer", "expires_in": 3600, "refresh_token": refresh_token })
}

#[tokio::test]
async fn every_request_of_a_session() {
    let vendor = Vendor::start(REGION).await;
    vendor.on("POST", REGION.revoke, ResponseTemplate::new(200)).await;
    let provider = ping_one(&vendor, ClientAuth::Post(secret()));
    let answers = Answers { code: tokens("rt-1"), refresh: tokens("rt-2"), further: tokens("rt-3") };
    let target = Target::default().scopes(Scopes::parse("reports"));
    let (session, lines) = vendor.life(&provider, answers, &target).await;
    let at = "/01234567-89ab-cdef-0123-456789abcdef/as";
    let client = "client_id=my-app&client_secret=hidden-pw";
    assert_eq!(
        lines,
        [
            format!(
                "GET {at}/authorize?response_type=code&client_id=my-app\
                 &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&scope=email+offline_access+openid\
                 &state=STATE&nonce=NONCE&code_challenge=CHALLENGE&code_challenge_method=S256"
            ),
            format!(
                "POST {at}/token grant_type=authorization_code&{client}&code=code-1\
                 &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&code_verifier=VERIFIER"
            ),
            format!("POST {at}/token grant_type=refresh_token&{client}&refresh_token=rt-1"),
            format!("POST {at}/token grant_type=refresh_token&{client}&refresh_token=rt-2&scope=reports"),
            format!("POST {at}/revoke {client}&token=rt-3&token_type_hint=refresh_token"),
            format!(
                "GET {at}/signoff?id_token_hint=ID_TOKEN&client_id=my-app\
                 &post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye"
            ),
        ]
    );
    assert_eq!(session.provider_id.as_str(), "pingone");
    assert_eq!(refresh_token(&session), "rt-3", "every refresh brings another");
}

#[tokio::test]
async fn a_custom_domain_names_no_environment() {
    let vendor = Vendor::start(CUSTOM_DOMAIN).await;
    let ping_one = PingOne::custom_domain("login.acme.example").unwrap().emulator(&vendor.address()).unwrap();
    let provider = built(ping_one.client(CLIENT_ID), ClientAuth::None);
    vendor.refreshed(&provider, &tokens("rt-2"), &Target::default()).await;
    let expected = "POST /as/token grant_type=refresh_token&client_id=my-app&refresh_token=hidden-rt-1";
    assert_eq!(vendor.posted().await, [expected]);
}

#[tokio::test]
async fn the_standard_errors_mean_what_they_say() {
    let vendor = Vendor::start(REGION).await;
    let provider = ping_one(&vendor, ClientAuth::None);
    let rows = [
        row("the refresh token is gone", oauth(400, "invalid_grant", "hidden"), Rejected, "invalid_grant"),
        row("wrong client", oauth(401, "invalid_client", "hidden"), Misconfigured, "invalid_client")
            .advice("client secret"),
        row("no such grant", oauth(400, "unauthorized_client", ""), Misconfigured, "unauthorized_client")
            .advice("grant type"),
        row("a scope that is none", oauth(400, "invalid_scope", ""), Misconfigured, "invalid_scope").advice("scopes"),
        row("overloaded", oauth(400, "temporarily_unavailable", ""), TryLater, "temporarily_unavailable"),
    ];
    vendor.check(&provider, rows).await;
}

#[tokio::test]
async fn another_environment_is_told_with_what_to_check() {
    let vendor = Vendor::start(CUSTOM_DOMAIN).await;
    let provider = ping_one(&vendor, ClientAuth::None);
    let error = provider.prepare(&vendor.session(&provider)).await.unwrap_err();
    assert_eq!(error.kind(), Misconfigured);
    assert!(error.advice().unwrap().contains("environment id"), "{error}");
}

#[tokio::test]
async fn a_sign_in_without_a_refresh_token_says_how_to_get_one() {
    let vendor = Vendor::start(REGION).await;
    let provider = ping_one(&vendor, ClientAuth::None);
    let session = vendor.sign_in(&provider, asking_for("email"), &json!({ "access_token": "at" })).await;
    assert!(provider.refresh_token_advice(&session).unwrap().contains("grant type Refresh Token"));
}

#[test]
fn the_profile_tells_the_facts() {
    let ping_one = PingOne::new("eu", ENVIRONMENT).unwrap().rolling_grace(Duration::from_secs(60));
    let provider = ping_one.client(CLIENT_ID).build().unwrap();
    let profile = provider.profile();
    assert_eq!((profile.rotation, profile.reuse_reaction), (Rotation::Always, ReuseReaction::Unknown));
    assert_eq!(profile.reuse_window, Some(Duration::from_secs(60)));
    // Each refresh token lives for 30 days by default; how long the chain of them goes on, the application decides.
    assert_eq!(profile.refresh_token_idle_lifetime, Some(Duration::from_secs(30 * 86_400)));
    assert_eq!(profile.refresh_token_absolute_lifetime, None);
    assert_eq!(profile.refresh_extends, RefreshExtends::Idle);
}
