//! Pushed authorization requests: left at the server, then referred to, once.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_testkit::{AuthorizationServer, AuthorizeError};
use reqwest::StatusCode;
use serde_json::{Value, json};
use url::Url;

use crate::native_app::{NativeApp, StoppedClock, VERIFIER, answer, claims, parameter};

/// Pushes the usual request.
async fn push(app: &NativeApp) -> Value {
    let (status, body) = push_with(app, &[]).await;
    assert_eq!((status, &body["expires_in"]), (StatusCode::CREATED, &json!(60)), "{body}");
    body["request_uri"].clone()
}

async fn push_with(app: &NativeApp, more: &[(&str, &str)]) -> (StatusCode, Value) {
    let url = app.authorization_url(more);
    let form: Vec<_> = url.query_pairs().into_owned().collect();
    let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    answer(app.post("par", &form)).await
}

fn referring_to(app: &NativeApp, client_id: &str, request_uri: &Value) -> Url {
    let mut url = app.url("authorize");
    url.query_pairs_mut().append_pair("client_id", client_id).append_pair("request_uri", request_uri.as_str().unwrap());
    url
}

#[tokio::test]
async fn a_pushed_request_is_answered_like_any_other() {
    let app = NativeApp::start().await;
    let request_uri = push(&app).await;
    let callback = app.server.authorize(&referring_to(&app, "native-app", &request_uri)).unwrap();
    assert_eq!(parameter(&callback, "state").unwrap(), "the state");
    let (_, tokens) = app.redeem(&parameter(&callback, "code").unwrap(), VERIFIER).await;
    assert_eq!(claims(&tokens)["nonce"], "the nonce");
    assert_eq!(app.server.counters().pushed_authorization_requests, 1);
}

#[tokio::test]
async fn a_request_uri_is_good_once_in_time_for_its_client() {
    let clock = Arc::new(StoppedClock::default());
    let app = NativeApp::start_with(AuthorizationServer::builder().clock(clock.clone())).await;
    let (used, late) = (push(&app).await, push(&app).await);
    let refused = |client_id, request_uri| {
        matches!(app.server.authorize(&referring_to(&app, client_id, request_uri)), Err(AuthorizeError::Refused { .. }))
    };
    assert!(refused("web-app", &used), "another client");
    assert!(!refused("native-app", &used));
    assert!(refused("native-app", &used), "twice");
    clock.advance(Duration::from_secs(60));
    assert!(refused("native-app", &late), "too late");
    assert!(refused("native-app", &json!("urn:ietf:params:oauth:request_uri:made-up")));
}

#[tokio::test]
async fn an_interactive_server_uses_a_request_up_when_somebody_decides() {
    let app = NativeApp::start_with(AuthorizationServer::builder().interactive(true)).await;
    let request_uri = push(&app).await;
    let url = referring_to(&app, "native-app", &request_uri);
    for _ in 0..2 {
        assert_eq!(app.get(url.clone()).send().await.unwrap().status(), StatusCode::OK);
    }
    let form = [("client_id", "native-app"), ("request_uri", request_uri.as_str().unwrap()), ("decision", "sign_in")];
    assert_eq!(app.post("authorize", &form).send().await.unwrap().status(), StatusCode::SEE_OTHER);
    assert_eq!(app.post("authorize", &form).send().await.unwrap().status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_cannot_be_authorized_cannot_be_pushed() {
    let app = NativeApp::start_with(AuthorizationServer::builder().resource("https://orders.example/", "read")).await;
    for (name, value, status, error) in [
        ("client_id", "stranger", 401, "invalid_client"),
        ("client_id", "web-app", 401, "invalid_client"),
        ("redirect_uri", "https://evil.example/", 400, "invalid_request"),
        ("response_type", "token", 400, "unsupported_response_type"),
        ("resource", "https://nowhere.example/", 400, "invalid_target"),
        ("request_uri", "urn:ietf:params:oauth:request_uri:1", 400, "invalid_request"),
    ] {
        let (actual, body) = push_with(&app, &[(name, value)]).await;
        assert_eq!((actual.as_u16(), &body["error"]), (status, &json!(error)), "{name}");
    }
    assert_eq!(push_with(&app, &[("client_id", "web-app"), ("client_secret", "secret")]).await.0, StatusCode::CREATED);
    assert_eq!(app.server.counters().pushed_authorization_requests, 1);
}

#[tokio::test]
async fn a_server_may_insist_on_pushed_requests() {
    for required in [false, true] {
        let builder = AuthorizationServer::builder().require_pushed_authorization_requests(required);
        let app = NativeApp::start_with(builder).await;
        let (_, discovered) = answer(app.get(app.url(".well-known/openid-configuration"))).await;
        assert_eq!(discovered["require_pushed_authorization_requests"], required);
        assert_eq!(discovered["pushed_authorization_request_endpoint"], app.url("par").as_str());
        let callback = app.server.authorize(&app.authorization_url(&[])).unwrap();
        assert_eq!(parameter(&callback, "error"), required.then(|| "invalid_request".to_owned()));
        let request_uri = push(&app).await;
        let callback = app.server.authorize(&referring_to(&app, "native-app", &request_uri)).unwrap();
        assert!(parameter(&callback, "code").is_some());
    }
}
