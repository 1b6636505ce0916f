//! From the authorization URL to a session.

use oidc_session_core::ProviderErrorKind::{Misconfigured, Rejected};
use oidc_session_core::{PendingSignIn, ProviderError, Scopes, Session, SignIn as _, SignInRequest};
use oidc_session_provider_oidc::{ClientAuth, Oidc};
use serde_json::{Value, json};
use url::Url;

use crate::pool::{
    CLIENT_ID, ORIGINAL_ISSUER, Pool, UPDATED_ISSUER, answer, basic, built, header, json_answer, post, query,
    sent_once, text_of,
};

async fn start(provider: &Oidc, scopes: &str) -> PendingSignIn {
    let redirect_uri = Url::parse("http://127.0.0.1:9/callback").unwrap();
    let mut request = SignInRequest::new(redirect_uri, Scopes::parse(scopes));
    request.parameters = vec![("identity_provider".into(), "Google".into())];
    provider.authorization_request(request).await.unwrap()
}

fn callback(pending: &PendingSignIn, parameters: &[(&str, &str)]) -> Url {
    let mut url = pending.redirect_uri.clone();
    url.query_pairs_mut().append_pair("state", &pending.state).extend_pairs(parameters);
    url
}

/// A whole sign-in, answered with `changes` to the usual answer, by an ID token with `claims`.
async fn sign_in(pool: &Pool, provider: &Oidc, changes: Value, claims: Value) -> Result<Session, ProviderError> {
    let pending = start(provider, "openid email").await;
    let mut claims = claims;
    claims["nonce"] = json!(pending.nonce);
    let mut body = json!({
        "access_token": "secret-at", "id_token": pool.id_token(claims), "refresh_token": "secret-rt",
        "token_type": "Bearer", "expires_in": 3600,
    });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    answer(&pool.login, "/oauth2/token", json_answer(200, body)).await;
    let callback = callback(&pending, &[("code", "secret-code")]);
    provider.exchange(pending, &callback).await
}

#[tokio::test]
async fn the_browser_goes_to_the_login_domain_with_an_s256_challenge() {
    let pool = Pool::start().await;
    let pending = start(&pool.provider(), "openid email phone").await;
    let url = &pending.authorization_url;
    assert!(url.as_str().starts_with(&format!("{}/oauth2/authorize?", pool.login.uri())), "{url}");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        query(url),
        [
            pair("response_type", "code"),
            pair("client_id", CLIENT_ID),
            pair("redirect_uri", "http://127.0.0.1:9/callback"),
            pair("scope", "email openid phone"),
            pair("code_challenge_method", "S256"),
            pair("identity_provider", "Google"),
        ]
    );
}

#[tokio::test]
async fn offline_access_is_not_asked_for() {
    let pool = Pool::start().await;
    let pending = start(&pool.provider(), "openid offline_access aws.cognito.signin.user.admin").await;
    assert!(
        query(&pending.authorization_url).contains(&("scope".into(), "aws.cognito.signin.user.admin openid".into()))
    );
    assert!(!pending.scopes.contains("offline_access"));
}

#[tokio::test]
async fn a_code_becomes_a_session() {
    for (auth, authorization, client) in [
        (ClientAuth::None, None, "client_id=1example23456789&"),
        (basic(), Some("Basic MWV4YW1wbGUyMzQ1Njc4OTpzZWNyZXQtcHc="), ""),
        (post(), None, "client_id=1example23456789&client_secret=secret-pw&"),
    ] {
        let pool = Pool::start().await;
        let provider = built(pool.cognito(), auth);
        let session = sign_in(&pool, &provider, json!({}), json!({})).await.unwrap();
        assert_eq!(session.provider_id.as_str(), "cognito");
        assert_eq!(session.subject.as_deref(), Some("sub-1"));
        assert_eq!(session.tokens.refresh_token.as_ref().unwrap().expose(), "secret-rt");
        assert_eq!(provider.refresh_token_advice(&session), None);

        let request = sent_once(&pool.login, "/oauth2/token").await;
        assert_eq!(header(&request, "authorization"), authorization);
        assert_eq!(header(&request, "content-type"), Some("application/x-www-form-urlencoded"));
        let body = text_of(&request);
        let (body, verifier) = body.split_once("&code_verifier=").unwrap();
        assert_eq!(
            body,
            format!(
                "grant_type=authorization_code&{client}code=secret-code\
                 &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback"
            )
        );
        assert!(verifier.len() >= 43);
    }
}

#[tokio::test]
async fn the_session_keeps_one_issuer_whichever_signed_its_id_token() {
    for iss in [ORIGINAL_ISSUER, UPDATED_ISSUER] {
        let pool = Pool::start().await;
        let session = sign_in(&pool, &pool.provider(), json!({}), json!({ "iss": iss })).await.unwrap();
        assert_eq!(session.issuer, pool.issuer());
        assert_eq!(session.issuer, pool.cognito().issuer());
    }
}

#[tokio::test]
async fn an_id_token_of_another_pool_makes_no_session() {
    for iss in [
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other",
        "https://cognito-idp.us-east-1.amazonaws.com/eu-west-1_AbCdEf123",
        "https://evil.example/eu-west-1_AbCdEf123",
    ] {
        let pool = Pool::start().await;
        assert!(sign_in(&pool, &pool.provider(), json!({}), json!({ "iss": iss })).await.is_err(), "{iss}");
    }
}

#[tokio::test]
async fn a_sign_in_without_a_refresh_token_gets_advice_that_fits_cognito() {
    let pool = Pool::start().await;
    let provider = pool.provider();
    let session = sign_in(&pool, &provider, json!({ "refresh_token": null }), json!({})).await.unwrap();
    let advice = provider.refresh_token_advice(&session).unwrap();
    assert!(advice.contains("authorization code grant") && advice.contains("no scope offline_access"), "{advice}");
}

#[tokio::test]
async fn table_7_4_invalid_scope_comes_back_by_the_browser_and_is_a_setting() {
    let pool = Pool::start().await;
    let provider = pool.provider();
    let pending = start(&provider, "openid").await;
    let callback = callback(&pending, &[("error", "invalid_scope")]);
    let error = provider.exchange(pending, &callback).await.unwrap_err();
    assert_eq!(error.kind(), Misconfigured);
    assert_eq!(error.error_code(), Some("invalid_scope"));
}

#[tokio::test]
async fn a_rejected_code_names_the_attribute_permission() {
    let pool = Pool::start().await;
    answer(&pool.login, "/oauth2/token", json_answer(400, json!({ "error": "invalid_grant" }))).await;
    let provider = pool.provider();
    let pending = start(&provider, "openid").await;
    let callback = callback(&pending, &[("code", "secret-code")]);
    let error = provider.exchange(pending, &callback).await.unwrap_err();
    assert_eq!(error.kind(), Rejected);
    assert!(error.advice().unwrap().contains("read every attribute"), "{error}");
}

#[tokio::test]
async fn a_pool_that_refreshes_through_the_api_still_signs_in_at_its_domain() {
    let pool = Pool::start().await;
    let provider = built(pool.cognito().through_api(), ClientAuth::None);
    let session = sign_in(&pool, &provider, json!({}), json!({})).await.unwrap();
    assert!(session.tokens.refresh_token.is_some());
    sent_once(&pool.login, "/oauth2/token").await;
}
