//! What a new user gets wrong first, and whether the program's own words name the fix.

use std::time::Duration;

use oidc_session::presets::{Duende, Keycloak, Okta, OneLogin, PingOne};
use oidc_session::{
    Auth0, AzureB2c, ClientAuth, ClientSecret, Cognito, EntraId, ExternalId, Oidc, ProviderError, ProviderErrorKind,
    SessionErrorKind,
};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::vendor_server::{SECRET, STRANGER, VendorServer, page, told};
use crate::warnings::Warnings;

const HOUR: Duration = Duration::from_secs(60 * 60);
/// Of the access tokens of [`VendorServer`].
const LIFETIME: Duration = Duration::from_secs(300);

/// The setting that leads to the server, by provider. A provider that is not in it fails the test.
fn setting(name: &str) -> &'static str {
    match name.split(',').next().unwrap() {
        "oidc" | "duende" => "check the issuer URL",
        "auth0" => "use the Domain from the application's settings",
        "entra" => "check the tenant, and the cloud it is in",
        "external id" => "check the subdomain and the tenant",
        "b2c" => "check the tenant and the policy",
        "cognito" => "check the user pool id and its Region",
        "okta" => "check the Okta domain",
        "keycloak" => "check Keycloak's address and the realm",
        "google" => "check that this machine reaches accounts.google.com",
        "pingone" => "check the region and the environment id, or the custom domain",
        "onelogin" => "check the subdomain of onelogin.com",
        other => panic!("{other} has no row"),
    }
}

#[track_caller]
pub(crate) fn assert_names(told: &str, fix: &str, mistake: &str) {
    assert!(told.contains(fix), "{mistake}: {told:?} does not name the fix: {fix:?}");
    for unsaid in [STRANGER, SECRET, "at-1", "rt-1"] {
        assert!(!told.contains(unsaid), "{mistake}: {told:?} quotes {unsaid:?}");
    }
}

#[test]
fn settings_that_cannot_be_right_are_refused_with_the_fix() {
    let secret = |text: &str| ClientAuth::Post(ClientSecret::new(text));
    let plain = |issuer, client: &str| Oidc::builder(issuer, client).build().map(drop);
    let id = "11111111-2222-3333-4444-555555555555";
    let rows: Vec<(&str, Result<(), ProviderError>, &str)> = vec![
        ("a bare host", plain("login.example", "c"), "write it whole, such as https://login.example"),
        ("no TLS", plain("http://login.example", "c"), "does not use https"),
        ("a query", plain("https://login.example?tenant=1", "c"), "leave it out"),
        ("no client id", plain("https://login.example", ""), "set the client id"),
        (
            "a secret with a line break",
            Oidc::builder("https://login.example", "c").client_auth(secret("pw\n")).build().map(drop),
            "trim the client secret",
        ),
        (
            "an empty secret",
            Oidc::builder("https://login.example", "c").client_auth(secret("")).build().map(drop),
            "set the client secret",
        ),
        ("the tenant alone", Auth0::new("acme").map(drop), "use the Domain"),
        ("an endpoint", Auth0::new("https://acme.eu.auth0.com/authorize").map(drop), "use the Domain"),
        ("no tenant", EntraId::tenant("").map(drop), "write its id"),
        ("the tenant's display name", EntraId::tenant("Contoso Ltd").map(drop), "or a verified domain"),
        ("common as a tenant", EntraId::tenant("common").map(drop), "use EntraId::common"),
        ("a whole URL", EntraId::tenant("https://login.microsoftonline.com/common").map(drop), "write its id"),
        ("the tenant's display name", ExternalId::new("contoso", "Contoso Ltd").map(drop), "write its id"),
        ("a whole host", AzureB2c::new("contoso.b2clogin.com", "B2C_1_signin").map(drop), "what stands before"),
        ("a policy without its prefix", AzureB2c::new("contoso", "signin").map(drop), "write its whole name: B2C_1_"),
        ("a pool id without its Region", Cognito::user_pool("AbCdEf123").map(drop), "as in `eu-west-1_AbCdEf123`"),
        ("a login domain", Cognito::user_pool("acme.auth.eu-west-1.amazoncognito.com").map(drop), "as in `eu-west-1_"),
        ("the admin console", Okta::org_server("acme-admin.okta.com").map(drop), "leave out \"-admin\""),
        (
            "an issuer",
            Okta::custom_server("https://acme.okta.com/oauth2/default", "default").map(drop),
            "id goes apart",
        ),
        ("an issuer", Keycloak::new("https://login.example/realms/r", "r").map(drop), "the realm is named apart"),
        ("no realm", Keycloak::new("https://login.example", "").map(drop), "such as \"my-realm\""),
        ("a region by name", PingOne::new("europe", id).map(drop), "com for North America, ca, eu"),
        ("no environment", PingOne::new("eu", "production").map(drop), "as the console shows it"),
        ("a whole host", OneLogin::new("acme.onelogin.com").map(drop), "the part before .onelogin.com"),
        (
            "a bare host",
            Duende::new("login.example").and_then(|server| server.client("c").build()).map(drop),
            "such as \"https://login.example\"",
        ),
    ];
    for (mistake, built, fix) in rows {
        let error = built.expect_err(mistake);
        assert_eq!(error.kind(), ProviderErrorKind::Misconfigured, "{mistake}");
        assert_names(&told(&error), fix, mistake);
    }
}

#[tokio::test]
async fn an_address_where_nobody_listens_names_the_setting() {
    for server in VendorServer::every_elsewhere("http://127.0.0.1:1").await {
        let name = server.name;
        let error = server.begin("openid").await.unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::NotSent, "{name}");
        assert_names(&told(&error), setting(name), name);
        let error = server.access_token(server.earlier_session()).await.unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::Unavailable, "{name}");
        assert_names(&told(&error), setting(name), name);
    }
}

#[tokio::test]
async fn an_address_where_somebody_else_answers_names_the_setting() {
    let json = |body: Value| ResponseTemplate::new(200).set_body_json(body);
    for (mistake, answer) in [
        ("a page that is not there", page(404)),
        ("a page of something else", page(200)),
        ("a page of a proxy", page(403)),
        ("a redirect", page(302).insert_header("location", "https://elsewhere.example/")),
        ("a document of something else", json(json!({ "name": STRANGER }))),
        (
            "metadata of another",
            json(json!({ "issuer": "https://other.example", "jwks_uri": "https://other.example/" })),
        ),
    ] {
        for server in VendorServer::every().await {
            let mistake = format!("{}, {mistake}", server.name);
            server.discovery_answers(answer.clone()).await;
            let error = server.begin("openid").await.unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Misconfigured, "{mistake}");
            assert_names(&told(&error), setting(server.name), &mistake);
            let error = server.access_token(server.earlier_session()).await.unwrap_err();
            assert_eq!(error.kind(), SessionErrorKind::Misconfigured, "{mistake}");
            assert_names(&told(&error), setting(server.name), &mistake);
        }
    }
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_issuer_is_told_by_its_name() {
    for server in VendorServer::every().await {
        let issuer = server.issuer();
        let (published, slash) = match issuer.strip_suffix('/') {
            Some(bare) => (bare.to_owned(), "without the trailing slash"),
            None => (format!("{issuer}/"), "with a trailing slash"),
        };
        server.publish_as(&published).await;
        let told = told(&server.begin("openid").await.unwrap_err());
        // Of the others, the issuer has a form and is not compared.
        if !["entra, common", "external id", "b2c"].contains(&server.name) {
            assert_names(&told, slash, server.name);
        }
        assert_names(&told, setting(server.name), server.name);
    }
}

#[tokio::test]
async fn a_server_without_a_code_flow_is_told_from_a_wrong_address() {
    for server in VendorServer::every().await {
        server.publish_without("authorization_endpoint").await;
        let fix = if server.name.starts_with("cognito") { "give the user pool a domain" } else { "code flow" };
        assert_names(&told(&server.begin("openid").await.unwrap_err()), fix, server.name);
    }
}

#[tokio::test]
async fn a_page_of_a_proxy_is_told_from_an_answer() {
    for status in [302, 400, 403, 404] {
        for server in VendorServer::every().await {
            server.publish().await;
            server.token_answers(page(status)).await;
            let error = server.come_back("code=code-1").await.unwrap_err();
            assert_names(&told(&error), "look for a proxy or a firewall", server.name);
            server.token_answers(page(status)).await;
            let error = server.access_token(server.earlier_session()).await.unwrap_err();
            assert_eq!(error.kind(), SessionErrorKind::Misconfigured, "{}", server.name);
            assert_names(&told(&error), "look for a proxy or a firewall", server.name);
        }
    }
}

#[tokio::test]
async fn a_sign_in_without_a_refresh_token_says_how_to_get_one_and_so_does_its_end() {
    let warnings = Warnings::default();
    let _collecting = warnings.collect();
    for server in VendorServer::every().await {
        server.publish().await;
        let name = server.name;
        for (scopes, asked) in [("openid", false), ("openid offline_access", true)] {
            let fix = match (name.split(',').next().unwrap(), asked) {
                ("cognito", _) => "allow the app client the authorization code grant",
                ("google", _) => "access_type=offline and prompt=consent",
                ("keycloak", _) => "Use refresh tokens",
                ("onelogin", _) => "set a timeout for refresh tokens",
                ("pingone", _) => "grant type Refresh Token, or ask for the scope offline_access",
                (_, false) => "ask for the scope offline_access",
                ("auth0", true) if name.contains("leeway") => "Allow Offline Access",
                ("auth0" | "okta", true) => "the grant type Refresh Token",
                ("entra" | "external id" | "b2c", true) => "the permission offline_access",
                ("duende", true) => "AllowOfflineAccess",
                (_, true) => "let the server issue refresh tokens",
            };
            warnings.take();
            let session = server.sign_in(scopes, json!({ "refresh_token": null })).await.unwrap();
            assert_names(server.provider.refresh_token_advice(&session).unwrap(), fix, name);
            let warned = warnings.take().join(" ").replace("\\\"", "\"");
            assert_names(&warned, fix, name);
            assert!(warned.contains("no refresh token"), "{warned}");

            let error = server.access_token(session).await.unwrap_err();
            assert_eq!(error.kind(), SessionErrorKind::SignInNeeded, "{name}");
            let fix = "sign in again, with the scope offline_access where the server needs it";
            assert_names(&told(&error), fix, name);
            server.clock.set_back(LIFETIME);
        }
    }
}

#[tokio::test]
async fn an_opaque_token_of_auth0_says_that_the_audience_is_missing() {
    let warnings = Warnings::default();
    let _collecting = warnings.collect();
    for (name, access_token, told) in [
        ("auth0", "opaque", true),
        ("auth0", "header.key.iv.text.tag", true), // a JWE without an audience is as opaque
        ("auth0", "header.payload.signature", false), // the tenant has a Default Audience
        ("auth0, leeway", "opaque", false),        // an API may encrypt its tokens
        ("oidc", "opaque", false),
    ] {
        let server = VendorServer::published(name).await;
        warnings.take();
        let session = server.sign_in("openid offline_access", json!({ "access_token": access_token })).await.unwrap();
        let advice = server.provider.access_token_advice(&session);
        assert_eq!(advice.is_some(), told, "{name}, {access_token}");
        let warned = warnings.take().join(" ");
        assert_eq!(warned.contains("name the API to be called as the audience"), told, "{name}: {warned}");
    }
}

#[tokio::test]
async fn a_reuse_window_without_rotation_is_told_once() {
    let warnings = Warnings::default();
    let _collecting = warnings.collect();
    for server in VendorServer::every().await {
        server.publish().await;
        let fix = match server.name {
            "auth0, leeway" => Some("turn on Refresh Token Rotation in the settings of the application"),
            "cognito, grace" => Some("turn on refresh token rotation for the app client"),
            "okta, custom, grace" => Some("let the application rotate refresh tokens"),
            "pingone, grace" => Some("turn on rotation of refresh tokens"),
            _ => None,
        };
        let session = server.sign_in("openid offline_access", json!({})).await.unwrap();
        let program = server.program(session).await;
        warnings.take();
        let mut warned = Vec::new();
        for answered in [json!("rt-1"), json!(null), json!("rt-2")] {
            let mut answer = server.granted(&json!({}));
            answer["refresh_token"] = answered;
            server.token_answers(ResponseTemplate::new(200).set_body_json(answer)).await;
            program.refresh().await.unwrap();
            warned.extend(warnings.take());
        }
        assert_eq!(warned.len(), usize::from(fix.is_some()), "{}: {warned:?}", server.name);
        if let Some(fix) = fix {
            assert_names(&warned[0], fix, server.name);
        }
    }
}

#[tokio::test]
async fn a_reuse_window_that_the_server_does_not_keep_is_told_by_its_end() {
    let server = VendorServer::published("auth0, leeway").await;
    let session = server.sign_in("openid offline_access", json!({})).await.unwrap();
    let program = server.program(session).await;
    server.clock.advance(LIFETIME);
    // The first answer is lost, and the server takes the repeat for a reuse.
    server.token_answers(page(502)).await;
    server.token_answers(ResponseTemplate::new(400).set_body_json(json!({ "error": "invalid_grant" }))).await;
    let error = program.access_token().await.unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::SignInNeeded);
    assert_names(&told(&error), "set a reuse window at the server and declare no more than that one", server.name);
}

#[tokio::test]
async fn a_clock_that_is_off_by_an_hour_is_told_at_the_sign_in_and_at_a_refresh() {
    const FIX: &str = "set the clock of this machine, best by NTP";
    let warnings = Warnings::default();
    let _collecting = warnings.collect();
    for server in VendorServer::every().await {
        server.publish().await;
        let name = server.name;
        let session = server.sign_in("openid offline_access", json!({})).await.unwrap();

        server.clock.set_back(HOUR);
        let error = server.sign_in("openid", json!({})).await.unwrap_err();
        assert_names(&told(&error), FIX, name);
        assert_names(&told(&error), "slow by about 60 minutes", name);
        server.clock.set_forward(2 * HOUR);
        let error = server.sign_in("openid", json!({})).await.unwrap_err();
        assert_names(&told(&error), FIX, name);
        assert_names(&told(&error), "fast by about 60 minutes", name);
        server.clock.set_back(HOUR);

        let program = server.program(session).await;
        let granted = ResponseTemplate::new(200).set_body_json(server.granted(&json!({})));
        server.clock.set_back(HOUR);
        warnings.take();
        server.token_answers(granted.clone()).await;
        // A slow clock costs nothing, since lifetimes count from it. It is told all the same.
        program.refresh().await.unwrap();
        assert_names(&warnings.take().join(" "), "slow by about 60 minutes", name);
        server.clock.set_forward(2 * HOUR);
        server.token_answers(granted).await;
        let error = program.access_token().await.unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::Unavailable, "{name}");
        assert_names(&told(&error), FIX, name);
        assert_names(&warnings.take().join(" "), "fast by about 60 minutes", name);
    }
}
