//! Google: consent for a refresh token that is never replaced, quotas, and a revocation that takes everything along.

use oidc_session_core::ProviderErrorKind::{InteractionRequired, Misconfigured, Rejected, TryLater};
use oidc_session_core::{
    LogoutShape, Provider as _, Revocation, RevocationShape, Rotation, Scopes, SignIn as _, Target,
};
use oidc_session_provider_oidc::{ClientAuth, Oidc};
use oidc_session_provider_presets::Google;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::vendor::{
    Addresses, Answers, CLIENT_ID, Vendor, answered, asking_for, built, in_seconds, oauth, refresh_token, row, secret,
};

const GOOGLE: Addresses =
    Addresses { issuer: "", authorize: "/o/oauth2/v2/auth", token: "/token", revoke: "/revoke", logout: None };

fn google(vendor: &Vendor) -> Oidc {
    of(Google::new(), vendor)
}

fn of(google: Google, vendor: &Vendor) -> Oidc {
    built(google.emulator(&vendor.address()).unwrap().client(CLIENT_ID), ClientAuth::Post(secret()))
}

/// As Google answers a refresh: without a refresh token.
fn refreshed(access_token: &str) -> Value {
    json!({ "access_token": access_token, "expires_in": 3599, "scope": "openid email", "token_type": "Bearer" })
}

fn signed_in() -> Value {
    let mut answer = refreshed("ya29.1");
    answer["refresh_token"] = json!("1//rt-1");
    answer
}

#[tokio::test]
async fn every_request_of_a_session() {
    let vendor = Vendor::start(GOOGLE).await;
    vendor.on("POST", GOOGLE.revoke, ResponseTemplate::new(200)).await;
    let provider = of(Google::new().revoke_at_logout(), &vendor);
    let answers = Answers { code: signed_in(), refresh: refreshed("ya29.2"), further: refreshed("ya29.3") };
    let target = Target::default().scopes(Scopes::parse("email offline_access"));
    let (session, lines) = vendor.life(&provider, answers, &target).await;
    assert_eq!(
        lines,
        [
            "GET /o/oauth2/v2/auth?response_type=code&client_id=my-app\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&scope=email+openid\
             &state=STATE&nonce=NONCE&code_challenge=CHALLENGE&code_challenge_method=S256\
             &access_type=offline&prompt=consent",
            "POST /token grant_type=authorization_code&client_id=my-app&client_secret=hidden-pw&code=code-1\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&code_verifier=VERIFIER",
            "POST /token grant_type=refresh_token&client_id=my-app&client_secret=hidden-pw&refresh_token=1%2F%2Frt-1",
            "POST /token grant_type=refresh_token&client_id=my-app&client_secret=hidden-pw&refresh_token=1%2F%2Frt-1\
             &scope=email",
            "POST /revoke client_id=my-app&client_secret=hidden-pw&token=1%2F%2Frt-1&token_type_hint=refresh_token",
            "no logout",
        ]
    );
    assert_eq!(session.provider_id.as_str(), "google");
    assert_eq!(refresh_token(&session), "1//rt-1", "the one from the sign-in serves on");
}

#[tokio::test]
async fn a_sign_in_may_have_a_prompt_of_its_own() {
    let vendor = Vendor::start(GOOGLE).await;
    let mut request = asking_for("");
    request.parameters = vec![("prompt".into(), "select_account".into())];
    let pending = google(&vendor).authorization_request(request).await.unwrap();
    let prompts: Vec<_> = pending.authorization_url.query_pairs().filter(|(name, _)| name == "prompt").collect();
    assert_eq!(prompts, [("prompt".into(), "select_account".into())]);
}

#[tokio::test]
async fn a_sign_in_without_a_refresh_token_says_how_to_get_one() {
    let vendor = Vendor::start(GOOGLE).await;
    let provider = google(&vendor);
    let session = vendor.sign_in(&provider, asking_for("email"), &refreshed("ya29.1")).await;
    assert!(provider.refresh_token_advice(&session).unwrap().contains("prompt=consent"));
}

#[tokio::test]
async fn a_grant_for_a_limited_time_tells_its_end() {
    let vendor = Vendor::start(GOOGLE).await;
    let mut answer = signed_in();
    answer["refresh_token_expires_in"] = json!(604_800);
    let session = vendor.sign_in(&google(&vendor), asking_for("email"), &answer).await;
    assert_eq!(session.tokens.refresh_token_expires_at, Some(in_seconds(604_800)));
}

#[tokio::test]
async fn a_logout_revokes_nothing_unless_told_to() {
    let vendor = Vendor::start(GOOGLE).await;
    let gone = json!({ "error": "invalid_token", "error_description": "Token expired or revoked" });
    assert_eq!(vendor.revocation(&google(&vendor), answered(400, &gone)).await, Ok(Revocation::Unsupported));
    assert_eq!(vendor.posted().await, Vec::<String>::new());

    let provider = of(Google::new().revoke_at_logout(), &vendor);
    for (answer, expected) in [
        (ResponseTemplate::new(200), Ok(Revocation::Done)),
        (answered(400, &gone), Ok(Revocation::Done)),
        (oauth(400, "invalid_request", "Bad Request"), Err(Misconfigured)),
        (answered(403, &json!({ "error": { "code": 403 } })), Err(TryLater)),
    ] {
        assert_eq!(vendor.revocation(&provider, answer).await, expected);
    }
}

#[tokio::test]
async fn every_row_of_the_table() {
    let vendor = Vendor::start(GOOGLE).await;
    let provider = google(&vendor);
    let rapt = |subtype: &str| answered(400, &json!({ "error": "invalid_grant", "error_subtype": subtype }));
    let quota = json!({ "error": { "code": 403, "message": "hidden", "status": "RESOURCE_EXHAUSTED" } });
    let device_quota = json!({ "error_code": "rate_limit_exceeded" });
    let revoked = "Token has been expired or revoked.";
    let rows = [
        row("expired or revoked", oauth(400, "invalid_grant", revoked), Rejected, "invalid_grant"),
        row("the other wording", oauth(400, "invalid_grant", "Bad Request"), Rejected, "invalid_grant"),
        row("the Cloud session is over", rapt("invalid_rapt"), InteractionRequired, "invalid_rapt")
            .advice("sign in again"),
        row("a proof is wanted", rapt("rapt_required"), InteractionRequired, "rapt_required").advice("sign in again"),
        row("any other subtype", rapt("hidden"), Rejected, "invalid_grant"),
        row("a policy", oauth(400, "admin_policy_enforced", "hidden"), InteractionRequired, "admin_policy_enforced")
            .advice("administrator"),
        row("wrong client", oauth(401, "invalid_client", "hidden"), Misconfigured, "invalid_client")
            .advice("in the body"),
        row("no secret", oauth(400, "invalid_request", "client_secret is missing."), Misconfigured, "invalid_request")
            .advice("in the body"),
        row("client not allowed", oauth(401, "unauthorized_client", ""), Misconfigured, "unauthorized_client")
            .advice("grant type"),
        row("a quota", answered(403, &quota), TryLater, ""),
        row("a quota that says until when", answered(403, &quota).insert_header("retry-after", "60"), TryLater, "")
            .after(60),
        row("a quota by name", oauth(403, "rate_limit_exceeded", ""), TryLater, "rate_limit_exceeded"),
        row("a quota in a field of its own", answered(403, &device_quota), TryLater, ""),
        row("a quota with 429", answered(429, &quota), TryLater, ""),
        row("denied", oauth(403, "access_denied", ""), Misconfigured, "access_denied"),
    ];
    vendor.check(&provider, rows).await;
}

#[test]
fn the_profile_tells_the_facts() {
    let provider = Google::new().client(CLIENT_ID).build().unwrap();
    let profile = provider.profile();
    assert_eq!((profile.rotation, profile.revocation), (Rotation::Never, RevocationShape::EveryGrant));
    assert_eq!(profile.logout, LogoutShape::None);
    assert!(!profile.access_token_readable);
}
