//! OneLogin: credentials in one place only, errors that are not what they are called, and a logout of its own.

use oidc_session_core::ProviderErrorKind::{Misconfigured, Rejected};
use oidc_session_core::{Provider as _, ReuseReaction, Revocation, Rotation, Scopes, SignIn as _, Target};
use oidc_session_provider_oidc::{ClientAuth, Oidc};
use oidc_session_provider_presets::OneLogin;
use serde_json::{Value, json};
use url::Url;
use wiremock::ResponseTemplate;

use crate::vendor::{Addresses, Answers, CLIENT_ID, Vendor, asking_for, built, oauth, refresh_token, row, secret};

const ACCOUNT: Addresses = Addresses {
    issuer: "/oidc/2",
    authorize: "/oidc/2/auth",
    token: "/oidc/2/token",
    revoke: "/oidc/2/token/revocation",
    logout: Some("/oidc/2/logout"),
};

fn one_login(vendor: &Vendor) -> OneLogin {
    OneLogin::new("acme").unwrap().emulator(&vendor.address()).unwrap()
}

fn provider(vendor: &Vendor, auth: ClientAuth) -> Oidc {
    built(one_login(vendor).client(CLIENT_ID), auth)
}

fn tokens(refresh_token: &str) -> Value {
    json!({ "access_token": "at", "token_type": "Bearer", "expires_in": 3600, "refresh_token": refresh_token })
}

#[tokio::test]
async fn every_request_of_a_session() {
    let vendor = Vendor::start(ACCOUNT).await;
    vendor.on("POST", ACCOUNT.revoke, ResponseTemplate::new(200)).await;
    let provider = provider(&vendor, ClientAuth::Post(secret()));
    let answers = Answers { code: tokens("rt-1"), refresh: tokens("rt-2"), further: tokens("rt-3") };
    let target = Target::default().scopes(Scopes::parse("groups"));
    let (session, lines) = vendor.life(&provider, answers, &target).await;
    let client = "client_id=my-app&client_secret=hidden-pw";
    assert_eq!(
        lines,
        [
            "GET /oidc/2/auth?response_type=code&client_id=my-app\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&scope=email+offline_access+openid\
             &state=STATE&nonce=NONCE&code_challenge=CHALLENGE&code_challenge_method=S256"
                .to_owned(),
            format!(
                "POST /oidc/2/token grant_type=authorization_code&{client}&code=code-1\
                 &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&code_verifier=VERIFIER"
            ),
            format!("POST /oidc/2/token grant_type=refresh_token&{client}&refresh_token=rt-1"),
            format!("POST /oidc/2/token grant_type=refresh_token&{client}&refresh_token=rt-2&scope=groups"),
            format!("POST /oidc/2/token/revocation {client}&token=rt-3&token_type_hint=refresh_token"),
            "GET /oidc/2/logout?id_token_hint=ID_TOKEN&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye"
                .to_owned(),
        ]
    );
    assert_eq!(session.provider_id.as_str(), "onelogin");
    assert_eq!(refresh_token(&session), "rt-3");
}

#[tokio::test]
async fn credentials_are_never_in_the_header_and_the_body_at_once() {
    let header = " [Basic bXktYXBwOmhpZGRlbi1wdw==]"; // my-app:hidden-pw
    for (auth, in_body, in_header) in [
        (ClientAuth::Basic(secret()), "", header),
        (ClientAuth::Post(secret()), "client_id=my-app&client_secret=hidden-pw&", ""),
        (ClientAuth::None, "client_id=my-app&", ""),
    ] {
        let vendor = Vendor::start(ACCOUNT).await;
        let provider = provider(&vendor, auth);
        vendor.refreshed(&provider, &tokens("rt-2"), &Target::default()).await;
        assert_eq!(vendor.revocation(&provider, ResponseTemplate::new(200)).await, Ok(Revocation::Done));
        assert_eq!(
            vendor.posted().await,
            [
                format!("POST /oidc/2/token grant_type=refresh_token&{in_body}refresh_token=hidden-rt-1{in_header}"),
                format!(
                    "POST /oidc/2/token/revocation {in_body}token=hidden-rt-1&token_type_hint=refresh_token{in_header}"
                ),
            ]
        );
    }
}

#[tokio::test]
async fn every_row_of_the_table() {
    let vendor = Vendor::start(ACCOUNT).await;
    let provider = provider(&vendor, ClientAuth::None);
    let header = "invalid authorization header value format";
    let grant = "unsupported grant_type requested (hidden)";
    let rows = [
        row("wrong client", oauth(400, "invalid_request", "Resource not found"), Misconfigured, "invalid_request")
            .advice("client id"),
        row("wrong header", oauth(401, "invalid_request", header), Misconfigured, "invalid_request")
            .advice("authentication method"),
        row("no such grant", oauth(400, "unsupported_grant_type", grant), Misconfigured, "unsupported_grant_type")
            .advice("grant type"),
        row("any other request", oauth(400, "invalid_request", "hidden"), Misconfigured, "invalid_request")
            .advice("parameters"),
        row("the refresh token is gone", oauth(400, "invalid_grant", "hidden"), Rejected, "invalid_grant"),
    ];
    vendor.check(&provider, rows).await;
}

#[tokio::test]
async fn a_token_that_is_gone_already_counts_as_revoked() {
    let vendor = Vendor::start(ACCOUNT).await;
    let provider = provider(&vendor, ClientAuth::None);
    for (answer, expected) in [
        (ResponseTemplate::new(200), Ok(Revocation::Done)),
        (oauth(400, "unsupported_token_type", ""), Ok(Revocation::Done)),
        (oauth(400, "invalid_request", "Resource not found"), Err(Misconfigured)),
    ] {
        assert_eq!(vendor.revocation(&provider, answer).await, expected);
    }
}

#[tokio::test]
async fn a_logout_comes_back_only_with_an_id_token_and_may_keep_the_single_sign_on() {
    let vendor = Vendor::start(ACCOUNT).await;
    let back = Url::parse("https://app.example/bye").unwrap();
    let ending = provider(&vendor, ClientAuth::None);
    let keeping = built(one_login(&vendor).keep_single_sign_on().client(CLIENT_ID), ClientAuth::None);
    let mut session = vendor.session(&ending);
    let with = "id_token_hint=hidden.id.token&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye";
    for (provider, query) in [(&ending, with.to_owned()), (&keeping, format!("{with}&logout=false"))] {
        let url = provider.end_session_url(&session, Some(&back)).await.unwrap().unwrap();
        assert_eq!(url.query(), Some(query.as_str()));
    }
    session.tokens.id_token = None;
    let url = ending.end_session_url(&session, Some(&back)).await.unwrap().unwrap();
    assert!(url.query().unwrap_or_default().is_empty(), "{url}");
}

#[tokio::test]
async fn a_sign_in_without_a_refresh_token_says_how_to_get_one() {
    let vendor = Vendor::start(ACCOUNT).await;
    let provider = provider(&vendor, ClientAuth::None);
    let session = vendor.sign_in(&provider, asking_for("email"), &json!({ "access_token": "at" })).await;
    assert!(provider.refresh_token_advice(&session).unwrap().contains("timeout for refresh tokens"));
}

#[test]
fn what_is_not_known_is_not_claimed() {
    let provider = OneLogin::new("acme").unwrap().client(CLIENT_ID).build().unwrap();
    let profile = provider.profile();
    assert_eq!((profile.rotation, profile.reuse_reaction), (Rotation::Unknown, ReuseReaction::Unknown));
    assert_eq!(profile.reuse_window, None);
}
