//! Okta: both kinds of server, the scope of a refresh, and rate limits in Okta's own words.

use std::time::Duration;

use oidc_session_core::ProviderErrorKind::{InteractionRequired, Misconfigured, Rejected, TryLater};
use oidc_session_core::{Provider as _, ReuseReaction, Revocation, Rotation, Scopes, Target};
use oidc_session_provider_oidc::{ClientAuth, Oidc};
use oidc_session_provider_presets::Okta;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::vendor::{
    Addresses, Answers, CLIENT_ID, NOW, Vendor, answered, asking_for, built, in_seconds, oauth, refresh_token, row,
    secret, signed,
};

const CUSTOM: Addresses = Addresses {
    issuer: "/oauth2/default",
    authorize: "/oauth2/default/v1/authorize",
    token: "/oauth2/default/v1/token",
    revoke: "/oauth2/default/v1/revoke",
    logout: Some("/oauth2/default/v1/logout"),
};

const ORG: Addresses = Addresses {
    issuer: "",
    authorize: "/oauth2/v1/authorize",
    token: "/oauth2/v1/token",
    revoke: "/oauth2/v1/revoke",
    logout: Some("/oauth2/v1/logout"),
};

fn custom(vendor: &Vendor, auth: ClientAuth) -> Oidc {
    let okta = Okta::custom_server("acme.okta.com", "default").unwrap().emulator(&vendor.address()).unwrap();
    built(okta.client(CLIENT_ID), auth)
}

fn org(vendor: &Vendor) -> Oidc {
    let okta = Okta::org_server("acme.okta.com").unwrap().emulator(&vendor.address()).unwrap();
    built(okta.client(CLIENT_ID), ClientAuth::None)
}

/// As Okta's guide shows it, percent signs included.
fn tokens(access_token: &str, refresh_token: &str) -> Value {
    json!({
        "token_type": "Bearer", "expires_in": 3600, "access_token": access_token,
        "scope": "offline_access%20openid", "refresh_token": refresh_token,
    })
}

#[tokio::test]
async fn every_request_of_a_session_at_a_custom_server() {
    let vendor = Vendor::start(CUSTOM).await;
    vendor.on("POST", CUSTOM.revoke, ResponseTemplate::new(200)).await;
    let provider = custom(&vendor, ClientAuth::Basic(secret()));
    let mut further = tokens("at-3", "rt-3");
    further["scope"] = json!("offline_access openid reports");
    let answers = Answers { code: tokens("at-1", "rt-1"), refresh: tokens("at-2", "rt-2"), further };
    let target = Target::default().scopes(Scopes::parse("reports"));
    let (session, lines) = vendor.life(&provider, answers, &target).await;
    let basic = "[Basic bXktYXBwOmhpZGRlbi1wdw==]"; // my-app:hidden-pw
    assert_eq!(
        lines,
        [
            "GET /oauth2/default/v1/authorize?response_type=code&client_id=my-app\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&scope=email+offline_access+openid\
             &state=STATE&nonce=NONCE&code_challenge=CHALLENGE&code_challenge_method=S256"
                .to_owned(),
            format!(
                "POST /oauth2/default/v1/token grant_type=authorization_code&code=code-1\
                 &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&code_verifier=VERIFIER {basic}"
            ),
            format!(
                "POST /oauth2/default/v1/token grant_type=refresh_token&refresh_token=rt-1\
                 &scope=offline_access+openid {basic}"
            ),
            format!(
                "POST /oauth2/default/v1/token grant_type=refresh_token&refresh_token=rt-2\
                 &scope=offline_access+openid+reports {basic}"
            ),
            format!("POST /oauth2/default/v1/revoke token=rt-3&token_type_hint=refresh_token {basic}"),
            "GET /oauth2/default/v1/logout?id_token_hint=ID_TOKEN&client_id=my-app\
             &post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye"
                .to_owned(),
        ]
    );
    assert_eq!(session.provider_id.as_str(), "okta");
    assert_eq!(session.tokens.scope, Some(Scopes::parse("openid offline_access")));
}

#[tokio::test]
async fn an_org_server_has_its_endpoints_below_oauth2() {
    let vendor = Vendor::start(ORG).await;
    vendor.on("POST", ORG.revoke, ResponseTemplate::new(200)).await;
    let answers =
        Answers { code: tokens("at-1", "rt-1"), refresh: tokens("at-2", "rt-1"), further: tokens("at-3", "rt-1") };
    let target = Target::resource("https://acme.okta.com");
    let (session, lines) = vendor.life(&org(&vendor), answers, &target).await;
    assert_eq!(
        lines[1..],
        [
            "POST /oauth2/v1/token grant_type=authorization_code&client_id=my-app&code=code-1\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&code_verifier=VERIFIER",
            "POST /oauth2/v1/token grant_type=refresh_token&client_id=my-app&refresh_token=rt-1\
             &scope=offline_access+openid",
            "POST /oauth2/v1/token grant_type=refresh_token&client_id=my-app&refresh_token=rt-1\
             &resource=https%3A%2F%2Facme.okta.com&scope=offline_access+openid",
            "POST /oauth2/v1/revoke client_id=my-app&token=rt-1&token_type_hint=refresh_token",
            "GET /oauth2/v1/logout?id_token_hint=ID_TOKEN&client_id=my-app\
             &post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye",
        ]
    );
    // A static refresh token comes back as it is.
    assert_eq!(refresh_token(&session), "rt-1");
}

#[tokio::test]
async fn every_row_of_the_table() {
    let vendor = Vendor::start(CUSTOM).await;
    let provider = custom(&vendor, ClientAuth::None);
    let limit = json!({
        "errorCode": "E0000047", "errorSummary": "API call exceeded rate limit due to too many requests.",
        "errorLink": "E0000047", "errorId": "hidden", "errorCauses": [],
    });
    let reset = (NOW.as_unix_seconds() + 30).to_string();
    let limited = |status| {
        let answer = answered(status, &limit).insert_header("X-Rate-Limit-Limit", "4");
        answer.insert_header("X-Rate-Limit-Remaining", "0").insert_header("X-Rate-Limit-Reset", reset.as_str())
    };
    let other = json!({ "errorCode": "E0000022", "errorSummary": "hidden", "errorCauses": [] });
    let unusable = "The refresh token is invalid or expired.";
    let nonce = "Authorization server requires nonce in DPoP proof.";
    let rows = [
        row("invalid or expired", oauth(400, "invalid_grant", unusable), Rejected, "invalid_grant"),
        row("wrong client", oauth(401, "invalid_client", "hidden"), Misconfigured, "invalid_client")
            .advice("client secret"),
        row("the rate limit", limited(429), TryLater, "").after(30),
        row("the rate limit under another status", limited(403), TryLater, "E0000047").after(30),
        row("the rate limit without a time", answered(429, &limit), TryLater, ""),
        row("another of Okta's own codes", answered(400, &other), Misconfigured, "E0000022"),
        row("a nonce is wanted", oauth(400, "use_dpop_nonce", nonce), Misconfigured, "use_dpop_nonce").advice("DPoP"),
        row("a wider scope", oauth(400, "invalid_scope", "hidden"), Misconfigured, "invalid_scope").advice("scopes"),
        row("MFA is due", oauth(400, "mfa_required", "hidden"), InteractionRequired, "mfa_required"),
    ];
    vendor.check(&provider, rows).await;
}

#[tokio::test]
async fn the_access_token_of_a_custom_server_may_be_read_and_that_of_the_org_not() {
    let access_token = signed(&json!({ "exp": NOW.as_unix_seconds() + 60 }));
    let answer = json!({ "access_token": access_token, "token_type": "Bearer" });
    let vendor = Vendor::start(CUSTOM).await;
    let provider = custom(&vendor, ClientAuth::None);
    let read = vendor.refreshed(&provider, &answer, &Target::default()).await;
    assert_eq!(read.expires_at_hint, Some(in_seconds(60)));
    let vendor = Vendor::start(ORG).await;
    let provider = org(&vendor);
    assert_eq!(vendor.refreshed(&provider, &answer, &Target::default()).await.expires_at_hint, None);
}

#[tokio::test]
async fn a_revocation_is_done_whether_or_not_the_token_was_valid() {
    let vendor = Vendor::start(CUSTOM).await;
    let provider = custom(&vendor, ClientAuth::None);
    for (answer, expected) in
        [(ResponseTemplate::new(200), Ok(Revocation::Done)), (oauth(401, "invalid_client", ""), Err(Misconfigured))]
    {
        assert_eq!(vendor.revocation(&provider, answer).await, expected);
    }
}

#[tokio::test]
async fn a_sign_in_without_a_refresh_token_says_how_to_get_one() {
    for (scopes, advice) in [("email", "ask for the scope"), ("offline_access", "grant type Refresh Token")] {
        let vendor = Vendor::start(CUSTOM).await;
        let provider = custom(&vendor, ClientAuth::None);
        let session = vendor.sign_in(&provider, asking_for(scopes), &json!({ "access_token": "at" })).await;
        assert!(provider.refresh_token_advice(&session).unwrap().contains(advice), "{scopes}");
    }
}

#[tokio::test]
async fn an_id_that_no_server_has_is_told_with_what_to_check() {
    let vendor = Vendor::start(ORG).await;
    let okta = Okta::custom_server("acme.okta.com", "deflaut").unwrap().emulator(&vendor.address()).unwrap();
    let error = okta.client(CLIENT_ID).build().unwrap().prepare(&vendor.session(&org(&vendor))).await.unwrap_err();
    assert_eq!(error.kind(), Misconfigured);
    assert!(error.advice().unwrap().contains("id of the authorization server"));
}

#[test]
fn the_profile_tells_the_facts() {
    let okta = Okta::org_server("acme.okta.com").unwrap();
    let provider = okta.rotation_grace(Duration::from_secs(30)).client(CLIENT_ID).build().unwrap();
    let profile = provider.profile();
    assert_eq!((profile.rotation, profile.reuse_reaction), (Rotation::Configured, ReuseReaction::RevokesFamily));
    assert_eq!(profile.reuse_window, Some(Duration::from_secs(30)));
    assert_eq!(profile.refresh_token_idle_lifetime, Some(Duration::from_secs(7 * 86_400)));
    assert_eq!(profile.refresh_token_absolute_lifetime, None);
}
