//! Keycloak: descriptions that tell the session from the settings, and fields of its own.

use oidc_session_core::ProviderErrorKind::{InteractionRequired, Misconfigured, Rejected};
use oidc_session_core::{Provider as _, Revocation, Scopes, Target, Violation};
use oidc_session_provider_oidc::{ClientAuth, Oidc};
use oidc_session_provider_presets::Keycloak;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::vendor::{
    Addresses, Answers, CLIENT_ID, NOW, Vendor, asking_for, built, in_seconds, oauth, refresh_token, row, secret,
    signed,
};

const REALM: Addresses = Addresses {
    issuer: "/realms/my-realm",
    authorize: "/realms/my-realm/protocol/openid-connect/auth",
    token: "/realms/my-realm/protocol/openid-connect/token",
    revoke: "/realms/my-realm/protocol/openid-connect/revoke",
    logout: Some("/realms/my-realm/protocol/openid-connect/logout"),
};

fn keycloak(vendor: &Vendor, auth: ClientAuth) -> Oidc {
    let keycloak = Keycloak::new("https://login.example", "my-realm").unwrap().emulator(&vendor.address()).unwrap();
    built(keycloak.client(CLIENT_ID), auth)
}

/// With everything that Keycloak adds.
fn tokens(refresh_token: &str, refresh_expires_in: u64) -> Value {
    json!({
        "access_token": "at", "expires_in": 300, "refresh_expires_in": refresh_expires_in,
        "refresh_token": refresh_token, "token_type": "Bearer", "not-before-policy": 1_600_000_000,
        "session_state": "6a7b", "scope": "openid profile email offline_access",
    })
}

#[tokio::test]
async fn every_request_of_a_session() {
    let vendor = Vendor::start(REALM).await;
    vendor.on("POST", REALM.revoke, ResponseTemplate::new(200)).await;
    let provider = keycloak(&vendor, ClientAuth::Basic(secret()));
    let answers = Answers { code: tokens("rt-1", 1800), refresh: tokens("rt-2", 1800), further: tokens("rt-3", 0) };
    let target = Target::default().scopes(Scopes::parse("profile"));
    let (session, lines) = vendor.life(&provider, answers, &target).await;
    let basic = "[Basic bXktYXBwOmhpZGRlbi1wdw==]"; // my-app:hidden-pw
    let at = "/realms/my-realm/protocol/openid-connect";
    assert_eq!(
        lines,
        [
            format!(
                "GET {at}/auth?response_type=code&client_id=my-app\
                 &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&scope=email+offline_access+openid\
                 &state=STATE&nonce=NONCE&code_challenge=CHALLENGE&code_challenge_method=S256"
            ),
            format!(
                "POST {at}/token grant_type=authorization_code&code=code-1\
                 &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&code_verifier=VERIFIER {basic}"
            ),
            format!("POST {at}/token grant_type=refresh_token&refresh_token=rt-1 {basic}"),
            format!("POST {at}/token grant_type=refresh_token&refresh_token=rt-2&scope=profile {basic}"),
            format!("POST {at}/revoke token=rt-3&token_type_hint=refresh_token {basic}"),
            format!(
                "GET {at}/logout?id_token_hint=ID_TOKEN&client_id=my-app\
                 &post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye"
            ),
        ]
    );
    assert_eq!(session.provider_id.as_str(), "keycloak");
    assert_eq!(refresh_token(&session), "rt-3");
    // `not-before-policy` and `session_state` are Keycloak's own affair.
    assert!(session.provider_data.is_empty());
}

#[tokio::test]
async fn a_refresh_token_that_expires_in_zero_seconds_never_does() {
    for (refresh_expires_in, expected) in [(1800, Some(in_seconds(1800))), (0, None)] {
        let vendor = Vendor::start(REALM).await;
        let provider = keycloak(&vendor, ClientAuth::None);
        let answer = tokens("rt-1", refresh_expires_in);
        let session = vendor.sign_in(&provider, asking_for("offline_access"), &answer).await;
        assert_eq!(session.tokens.refresh_token_expires_at, expected, "sign-in");
        let refreshed = vendor.refreshed(&provider, &answer, &Target::default()).await;
        let merged = session.merge_refresh(refreshed, &Target::default()).session;
        assert_eq!(merged.tokens.refresh_token_expires_at, expected, "refresh");
    }
}

#[tokio::test]
async fn an_access_token_without_expires_in_tells_its_own_end() {
    let vendor = Vendor::start(REALM).await;
    let provider = keycloak(&vendor, ClientAuth::None);
    let answer = json!({ "access_token": signed(&json!({ "exp": NOW.as_unix_seconds() + 60 })) });
    let refreshed = vendor.refreshed(&provider, &answer, &Target::default()).await;
    assert_eq!(refreshed.expires_at_hint, Some(in_seconds(60)));
}

#[tokio::test]
async fn a_scope_that_was_dropped_without_a_word_is_noticed() {
    let vendor = Vendor::start(REALM).await;
    let provider = keycloak(&vendor, ClientAuth::None);
    let target = Target::default().scopes(Scopes::parse("profile reports"));
    let answer = vendor.refreshed(&provider, &tokens("rt-2", 1800), &target).await;
    let merged = vendor.session(&provider).merge_refresh(answer, &target);
    assert_eq!(merged.violation, Some(Violation::Scope));
    assert_eq!(refresh_token(&merged.session), "rt-2", "the rotation is recorded all the same");
}

#[tokio::test]
async fn a_nonce_that_is_repeated_in_a_refresh_is_no_violation() {
    for (nonce, expected) in [("nonce-1", None), ("another", Some(Violation::Nonce))] {
        let vendor = Vendor::start(REALM).await;
        let provider = keycloak(&vendor, ClientAuth::None);
        let mut answer = tokens("rt-2", 1800);
        answer["id_token"] = json!(vendor.id_token(&json!({ "nonce": nonce })));
        let answer = vendor.refreshed(&provider, &answer, &Target::default()).await;
        let mut session = vendor.session(&provider);
        session.nonce = Some("nonce-1".into());
        assert_eq!(session.merge_refresh(answer, &Target::default()).violation, expected);
    }
}

#[tokio::test]
async fn every_row_of_the_table() {
    let vendor = Vendor::start(REALM).await;
    let provider = keycloak(&vendor, ClientAuth::None);
    let gone = [
        "Token is not active",
        "Session not active",
        "Offline session not active",
        "Offline user session not found",
        "Session doesn't have required client",
        "Invalid refresh token",
        "Maximum allowed refresh token reuse exceeded",
        "Stale token",
        "refresh token issued before the client session started",
        "Unknown user",
        "User disabled",
    ];
    let gone = gone.map(|text| row(text, oauth(400, "invalid_grant", text), Rejected, "invalid_grant"));
    let settings = [
        ("Unmatching clients", "the client that signed in"),
        ("Invalid refresh token. Token client and authorized client don't match", "the client that signed in"),
        ("Invalid token issuer. Expected 'https://a' but was 'https://b'", "one host name"),
    ];
    let settings = settings.map(|(text, advice)| {
        row(text, oauth(400, "invalid_grant", text), Misconfigured, "invalid_grant").advice(advice)
    });
    let consent = oauth(400, "invalid_scope", "Client no longer has requested consent from user");
    let wrong_secret = "Invalid client or Invalid client credentials";
    let others = [
        row("consent was taken back", consent, InteractionRequired, "invalid_scope"),
        row("a scope that is none", oauth(400, "invalid_scope", "hidden"), Misconfigured, "invalid_scope")
            .advice("scopes"),
        row("wrong secret", oauth(401, "unauthorized_client", wrong_secret), Misconfigured, "unauthorized_client")
            .advice("client secret"),
        row("wrong client", oauth(401, "invalid_client", wrong_secret), Misconfigured, "invalid_client")
            .advice("client secret"),
        row("a grant that is not allowed", oauth(400, "unauthorized_client", ""), Misconfigured, "unauthorized_client")
            .advice("grant type"),
    ];
    vendor.check(&provider, gone.into_iter().chain(settings).chain(others)).await;
}

#[tokio::test]
async fn another_realm_or_a_missing_prefix_is_told_with_what_to_check() {
    let vendor = Vendor::start(REALM).await;
    let session = vendor.session(&keycloak(&vendor, ClientAuth::None));
    for (base, realm) in [("https://login.example/auth", "my-realm"), ("https://login.example", "My-Realm")] {
        let elsewhere = Keycloak::new(base, realm).unwrap().emulator(&vendor.address()).unwrap();
        let error = elsewhere.client(CLIENT_ID).build().unwrap().prepare(&session).await.unwrap_err();
        assert_eq!(error.kind(), Misconfigured);
        assert!(error.advice().unwrap().contains("/auth"), "{error}");
    }
}

#[tokio::test]
async fn a_revocation_is_done_or_an_error() {
    let vendor = Vendor::start(REALM).await;
    let provider = keycloak(&vendor, ClientAuth::None);
    assert_eq!(vendor.revocation(&provider, ResponseTemplate::new(200)).await, Ok(Revocation::Done));
    let wrong_secret = oauth(401, "unauthorized_client", "");
    assert_eq!(vendor.revocation(&provider, wrong_secret).await, Err(Misconfigured));
}
