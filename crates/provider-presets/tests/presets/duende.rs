//! Duende IdentityServer: the same refresh token comes back, unless a client is set to rotate.

use std::time::Duration;

use oidc_session_core::ProviderErrorKind::{Misconfigured, Rejected};
use oidc_session_core::{Provider as _, RefreshExtends, ReuseReaction, Revocation, Rotation, Scopes, Target};
use oidc_session_provider_oidc::{ClientAuth, Oidc};
use oidc_session_provider_presets::Duende;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::vendor::{
    Addresses, Answers, CLIENT_ID, NOW, Vendor, asking_for, built, oauth, refresh_token, row, secret, signed,
};

const SERVER: Addresses = Addresses {
    issuer: "",
    authorize: "/connect/authorize",
    token: "/connect/token",
    revoke: "/connect/revocation",
    logout: Some("/connect/endsession"),
};

fn duende(vendor: &Vendor, auth: ClientAuth) -> Oidc {
    let duende = Duende::new("https://login.example").unwrap().emulator(&vendor.address()).unwrap();
    built(duende.client(CLIENT_ID), auth)
}

fn tokens(refresh_token: &str) -> Value {
    json!({
        "access_token": "at", "token_type": "Bearer", "expires_in": 3600, "refresh_token": refresh_token,
        "scope": "openid email api offline_access",
    })
}

/// The life of a session whose refreshes are answered with these refresh tokens.
async fn life(refresh_tokens: [&str; 3]) -> (String, Vec<String>) {
    let vendor = Vendor::start(SERVER).await;
    vendor.on("POST", SERVER.revoke, ResponseTemplate::new(200)).await;
    let [code, refresh, further] = refresh_tokens.map(tokens);
    let target = Target::resource("urn:api").scopes(Scopes::parse("api"));
    let provider = duende(&vendor, ClientAuth::Post(secret()));
    let (session, lines) = vendor.life(&provider, Answers { code, refresh, further }, &target).await;
    assert_eq!(session.provider_id.as_str(), "duende");
    (refresh_token(&session).to_owned(), lines)
}

#[tokio::test]
async fn every_request_of_a_session() {
    let (_, lines) = life(["rt-1", "rt-1", "rt-1"]).await;
    let client = "client_id=my-app&client_secret=hidden-pw";
    assert_eq!(
        lines,
        [
            "GET /connect/authorize?response_type=code&client_id=my-app\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&scope=email+offline_access+openid\
             &resource=urn%3Aapi&state=STATE&nonce=NONCE&code_challenge=CHALLENGE&code_challenge_method=S256"
                .to_owned(),
            format!(
                "POST /connect/token grant_type=authorization_code&{client}&code=code-1\
                 &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&code_verifier=VERIFIER"
            ),
            format!("POST /connect/token grant_type=refresh_token&{client}&refresh_token=rt-1"),
            format!(
                "POST /connect/token grant_type=refresh_token&{client}&refresh_token=rt-1&resource=urn%3Aapi&scope=api"
            ),
            format!("POST /connect/revocation {client}&token=rt-1&token_type_hint=refresh_token"),
            "GET /connect/endsession?id_token_hint=ID_TOKEN&client_id=my-app\
             &post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye"
                .to_owned(),
        ]
    );
}

#[tokio::test]
async fn the_same_refresh_token_or_another_comes_back() {
    assert_eq!(life(["rt-1", "rt-1", "rt-1"]).await.0, "rt-1", "ReUse");
    let (refresh_token, lines) = life(["rt-1", "rt-2", "rt-3"]).await;
    assert_eq!(refresh_token, "rt-3", "OneTimeOnly");
    assert!(lines[3].contains("refresh_token=rt-2"), "{lines:?}");
}

#[tokio::test]
async fn every_row_of_the_table() {
    let vendor = Vendor::start(SERVER).await;
    let provider = duende(&vendor, ClientAuth::None);
    let rows = [
        row("a consumed or expired refresh token", oauth(400, "invalid_grant", ""), Rejected, "invalid_grant"),
        row("wrong client", oauth(400, "invalid_client", ""), Misconfigured, "invalid_client").advice("client secret"),
        row("no such grant", oauth(400, "unauthorized_client", ""), Misconfigured, "unauthorized_client")
            .advice("grant type"),
        row("a scope that is none", oauth(400, "invalid_scope", ""), Misconfigured, "invalid_scope").advice("scopes"),
        row("a resource that is none", oauth(400, "invalid_target", ""), Misconfigured, "invalid_target")
            .advice("resource"),
    ];
    vendor.check(&provider, rows).await;
}

#[tokio::test]
async fn an_access_token_is_not_read_because_it_may_be_a_reference() {
    let vendor = Vendor::start(SERVER).await;
    let provider = duende(&vendor, ClientAuth::None);
    let answer = json!({ "access_token": signed(&json!({ "exp": NOW.as_unix_seconds() + 60 })) });
    assert_eq!(vendor.refreshed(&provider, &answer, &Target::default()).await.expires_at_hint, None);
}

#[tokio::test]
async fn a_token_type_that_cannot_be_revoked_is_told() {
    let vendor = Vendor::start(SERVER).await;
    let provider = duende(&vendor, ClientAuth::None);
    assert_eq!(vendor.revocation(&provider, ResponseTemplate::new(200)).await, Ok(Revocation::Done));
    let refused = oauth(400, "unsupported_token_type", "");
    assert_eq!(vendor.revocation(&provider, refused).await, Ok(Revocation::Unsupported));
}

#[tokio::test]
async fn a_sign_in_without_a_refresh_token_says_how_to_get_one() {
    for (scopes, advice) in [("email", "ask for the scope"), ("offline_access", "AllowOfflineAccess")] {
        let vendor = Vendor::start(SERVER).await;
        let provider = duende(&vendor, ClientAuth::None);
        let session = vendor.sign_in(&provider, asking_for(scopes), &json!({ "access_token": "at" })).await;
        assert!(provider.refresh_token_advice(&session).unwrap().contains(advice), "{scopes}");
    }
}

#[test]
fn the_profile_tells_the_defaults() {
    let provider = Duende::new("https://login.example").unwrap().client(CLIENT_ID).build().unwrap();
    let profile = provider.profile();
    assert_eq!((profile.rotation, profile.reuse_reaction), (Rotation::Configured, ReuseReaction::Refuses));
    // The sliding lifetime counts only where a client is set to it.
    assert_eq!(profile.refresh_token_idle_lifetime, None);
    assert_eq!(profile.refresh_token_absolute_lifetime, Some(Duration::from_secs(30 * 86_400)));
    assert_eq!(profile.refresh_extends, RefreshExtends::Nothing);
}
