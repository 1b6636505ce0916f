//! Refreshing at the token endpoint of the login domain.

use std::time::Duration;

use oidc_session_core::{AnsweredIdToken, Provider as _, ProviderErrorKind, Scopes, Target, Timestamp};
use oidc_session_provider_oidc::ClientAuth;
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::pool::{NOW, Pool, UPDATED_ISSUER, answer, basic, built, header, json_answer, post, sent_once, text_of};

#[tokio::test]
async fn a_refresh_carries_the_token_the_client_and_nothing_else() {
    for (auth, authorization, body) in [
        (ClientAuth::None, None, "grant_type=refresh_token&client_id=1example23456789&refresh_token=secret-rt-1"),
        (
            basic(),
            Some("Basic MWV4YW1wbGUyMzQ1Njc4OTpzZWNyZXQtcHc="),
            "grant_type=refresh_token&refresh_token=secret-rt-1",
        ),
        (
            post(),
            None,
            "grant_type=refresh_token&client_id=1example23456789&client_secret=secret-pw&refresh_token=secret-rt-1",
        ),
    ] {
        let pool = Pool::start().await;
        answer(&pool.login, "/oauth2/token", json_answer(200, json!({ "access_token": "secret-at-2" }))).await;
        let provider = built(pool.cognito(), auth);
        provider.prepare(&pool.session()).await.unwrap();
        provider.refresh(&pool.session(), &Target::default()).await.unwrap();

        let request = sent_once(&pool.login, "/oauth2/token").await;
        assert_eq!(text_of(&request), body);
        assert_eq!(header(&request, "authorization"), authorization);
        assert_eq!(header(&request, "content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(header(&request, "x-amz-target"), None);
    }
}

#[tokio::test]
async fn without_rotation_the_old_refresh_token_stays() {
    let pool = Pool::start().await;
    let id_token = pool.id_token(json!({}));
    let body =
        json!({ "id_token": id_token, "access_token": "secret-at-2", "token_type": "Bearer", "expires_in": 3600 });
    answer(&pool.login, "/oauth2/token", json_answer(200, body)).await;
    let (provider, session) = (pool.provider(), pool.session());
    provider.prepare(&session).await.unwrap();
    let answer = provider.refresh(&session, &Target::default()).await.unwrap();
    assert!(matches!(answer.id_token, Some(AnsweredIdToken::Verified { .. })));

    let merged = session.merge_refresh(answer, &Target::default());
    assert_eq!(merged.violation, None);
    let tokens = merged.session.tokens;
    assert_eq!(tokens.access_token.unwrap().expose(), "secret-at-2");
    assert_eq!(tokens.refresh_token.unwrap().expose(), "secret-rt-1");
    assert_eq!(tokens.expires_in, Some(Duration::from_secs(3600)));
}

#[tokio::test]
async fn with_rotation_the_successor_replaces_it() {
    let pool = Pool::start().await;
    let body = json!({ "access_token": "secret-at-2", "refresh_token": "secret-rt-2", "expires_in": 3600 });
    answer(&pool.login, "/oauth2/token", json_answer(200, body)).await;
    let session = pool.session();
    let answer = pool.provider().refresh(&session, &Target::default()).await.unwrap();
    let merged = session.merge_refresh(answer, &Target::default());
    assert_eq!(merged.session.tokens.refresh_token.unwrap().expose(), "secret-rt-2");
}

#[tokio::test]
async fn a_pool_that_was_switched_to_the_updated_issuer_keeps_its_sessions() {
    let pool = Pool::silent().await;
    pool.publish(json!({ "issuer": UPDATED_ISSUER })).await;
    let body = json!({ "access_token": "secret-at-2", "id_token": pool.id_token(json!({ "iss": UPDATED_ISSUER })) });
    answer(&pool.login, "/oauth2/token", json_answer(200, body)).await;
    let (provider, session) = (pool.provider(), pool.session());
    provider.prepare(&session).await.unwrap();
    let answer = provider.refresh(&session, &Target::default()).await.unwrap();
    let merged = session.merge_refresh(answer, &Target::default());
    assert_eq!(merged.violation, None);
    assert_eq!(merged.session.issuer, pool.issuer());
}

#[tokio::test]
async fn the_access_token_may_say_when_it_expires() {
    let pool = Pool::start().await;
    // Claims of an access token: {"token_use":"access","exp":1700003600}
    let access_token = "e30.eyJ0b2tlbl91c2UiOiJhY2Nlc3MiLCJleHAiOjE3MDAwMDM2MDB9.c2ln";
    answer(&pool.login, "/oauth2/token", json_answer(200, json!({ "access_token": access_token }))).await;
    let answer = pool.provider().refresh(&pool.session(), &Target::default()).await.unwrap();
    assert_eq!(answer.expires_at_hint, Some(Timestamp::from_unix_seconds(NOW.as_unix_seconds() + 3600)));
}

#[tokio::test]
async fn a_further_target_is_refused_before_anything_is_sent() {
    for through_api in [false, true] {
        let pool = Pool::start().await;
        let cognito = if through_api { pool.cognito().through_api() } else { pool.cognito() };
        let provider = built(cognito, ClientAuth::None);
        provider.prepare(&pool.session()).await.unwrap();
        for target in [
            Target::resource("https://api.acme.example"),
            Target::default().scopes(Scopes::parse("https://api.acme.example/read")),
        ] {
            let error = provider.refresh(&pool.session(), &target).await.unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
            assert!(error.advice().unwrap().contains("at the sign-in"), "{error}");
        }
        let posts = |requests: Vec<wiremock::Request>| requests.iter().filter(|it| it.method == "POST").count();
        assert_eq!(posts(pool.login.received_requests().await.unwrap()), 0);
        assert_eq!(posts(pool.service.received_requests().await.unwrap()), 0);
    }
}

#[tokio::test]
async fn without_the_api_a_pool_without_a_domain_is_a_setting_and_not_a_verdict() {
    let pool = Pool::without_domain().await;
    let at = format!("/{}/token", crate::pool::POOL_ID);
    answer(&pool.service, &at, ResponseTemplate::new(400).set_body_string("Bad Request")).await;
    let error = pool.provider().refresh(&pool.session(), &Target::default()).await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
}
