//! Revocation at the login domain, and the logout URL.

use oidc_session_core::ProviderErrorKind::{Misconfigured, OutcomeUnknown, TryLater};
use oidc_session_core::{IdToken, Provider as _, Revocation, SignIn as _};
use oidc_session_provider_oidc::ClientAuth;
use serde_json::json;
use url::Url;
use wiremock::ResponseTemplate;

use crate::pool::{Pool, answer, assert_shows_no_secret, basic, built, header, json_answer, sent, sent_once, text_of};

fn back() -> Url {
    Url::parse("https://app.example/bye").unwrap()
}

#[tokio::test]
async fn the_refresh_token_is_revoked() {
    for (auth, authorization, body) in [
        (ClientAuth::None, None, "client_id=1example23456789&token=secret-rt-1&token_type_hint=refresh_token"),
        (
            basic(),
            Some("Basic MWV4YW1wbGUyMzQ1Njc4OTpzZWNyZXQtcHc="),
            "token=secret-rt-1&token_type_hint=refresh_token",
        ),
    ] {
        let pool = Pool::start().await;
        answer(&pool.login, "/oauth2/revoke", ResponseTemplate::new(200)).await;
        let provider = built(pool.cognito(), auth);
        assert_eq!(provider.revoke(&pool.session()).await.unwrap(), Revocation::Done);
        let request = sent_once(&pool.login, "/oauth2/revoke").await;
        assert_eq!(text_of(&request), body);
        assert_eq!(header(&request, "authorization"), authorization);
    }
}

#[tokio::test]
async fn an_access_token_is_never_sent_to_be_revoked() {
    let pool = Pool::start().await;
    let mut session = pool.session();
    session.tokens.refresh_token = None;
    assert_eq!(pool.provider().revoke(&session).await.unwrap(), Revocation::Unsupported);
    assert_eq!(sent(&pool.login, "/oauth2/revoke").await.len(), 0);
}

#[tokio::test]
async fn a_client_with_revocation_turned_off_says_so() {
    for code in ["invalid_request", "unsupported_token_type"] {
        let pool = Pool::start().await;
        answer(&pool.login, "/oauth2/revoke", json_answer(400, json!({ "error": code }))).await;
        assert_eq!(pool.provider().revoke(&pool.session()).await.unwrap(), Revocation::Unsupported, "{code}");
    }
}

#[tokio::test]
async fn other_refusals_of_a_revocation_are_failures() {
    for (refusal, expected) in [
        (json_answer(401, json!({ "error": "invalid_client" })), Misconfigured),
        (json_answer(400, json!({ "error": "unauthorized_client" })), Misconfigured),
        (ResponseTemplate::new(429).set_body_string("secret-text"), TryLater),
        (ResponseTemplate::new(500).set_body_string("secret-text"), OutcomeUnknown),
    ] {
        let pool = Pool::start().await;
        answer(&pool.login, "/oauth2/revoke", refusal).await;
        let error = pool.provider().revoke(&pool.session()).await.unwrap_err();
        assert_eq!(error.kind(), expected);
        assert_shows_no_secret(&error);
    }
}

#[tokio::test]
async fn logout_names_the_client_and_the_way_back_and_no_id_token() {
    let pool = Pool::start().await;
    let mut session = pool.session();
    session.tokens.id_token = Some(IdToken::new("secret.id.token"));
    let url = pool.provider().end_session_url(&session, Some(&back())).await.unwrap().unwrap();
    assert_eq!(
        url.as_str(),
        format!("{}/logout?client_id=1example23456789&logout_uri=https%3A%2F%2Fapp.example%2Fbye", pool.login.uri())
    );
}

#[tokio::test]
async fn without_a_way_back_there_is_no_logout_url() {
    let pool = Pool::start().await;
    assert_eq!(pool.provider().end_session_url(&pool.session(), None).await.unwrap(), None);
}

#[tokio::test]
async fn the_login_domain_serves_where_the_metadata_names_no_logout() {
    let pool = Pool::without_domain().await;
    let unnamed = pool.provider().end_session_url(&pool.session(), Some(&back())).await.unwrap();
    assert_eq!(unnamed, None);
    for domain in ["auth.acme.example", "https://auth.acme.example/"] {
        let provider = built(pool.cognito().login_domain(domain).unwrap(), ClientAuth::None);
        let url = provider.end_session_url(&pool.session(), Some(&back())).await.unwrap().unwrap();
        assert_eq!(
            url.as_str(),
            "https://auth.acme.example/logout?client_id=1example23456789&logout_uri=https%3A%2F%2Fapp.example%2Fbye"
        );
    }
}

#[tokio::test]
async fn a_published_logout_comes_before_the_login_domain() {
    let pool = Pool::start().await;
    let provider = built(pool.cognito().login_domain("auth.acme.example").unwrap(), ClientAuth::None);
    let url = provider.end_session_url(&pool.session(), Some(&back())).await.unwrap().unwrap();
    assert!(url.as_str().starts_with(&pool.login.uri()), "{url}");
}
