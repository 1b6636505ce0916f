//! Ending sessions from outside: revocation and the end-session endpoint.

use reqwest::StatusCode;
use reqwest::header::LOCATION;
use serde_json::{Value, json};

use crate::native_app::{NativeApp, answer};

async fn revoke(app: &NativeApp, client_id: &str, token: &Value) -> StatusCode {
    let form = [("client_id", client_id), ("token", token.as_str().unwrap())];
    app.post("revoke", &form).send().await.unwrap().status()
}

#[tokio::test]
async fn revoking_a_refresh_token_ends_its_family() {
    let app = NativeApp::start().await;
    let tokens = app.sign_in().await;
    assert_eq!(revoke(&app, "native-app", &tokens["refresh_token"]).await, StatusCode::OK);
    assert_eq!(app.userinfo(&tokens["access_token"]).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(app.refresh(&tokens["refresh_token"]).await.1["error"], "invalid_grant");
    let counters = app.server.counters();
    assert_eq!((counters.revocations, counters.families_revoked), (1, 1));
}

#[tokio::test]
async fn revoking_an_access_token_spares_the_refresh_token() {
    let app = NativeApp::start().await;
    let tokens = app.sign_in().await;
    assert_eq!(revoke(&app, "native-app", &tokens["access_token"]).await, StatusCode::OK);
    assert_eq!(app.userinfo(&tokens["access_token"]).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(app.refresh(&tokens["refresh_token"]).await.0, StatusCode::OK);
}

#[tokio::test]
async fn revoking_an_unknown_token_succeeds() {
    let app = NativeApp::start().await;
    assert_eq!(revoke(&app, "native-app", &json!("rt_made_up")).await, StatusCode::OK);
    let (status, body) = answer(app.post("revoke", &[("client_id", "stranger"), ("token", "rt_made_up")])).await;
    assert_eq!((status, &body["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_client")));
}

#[tokio::test]
async fn end_session_ends_the_session_of_the_hint_and_returns() {
    let app = NativeApp::start().await;
    let (ended, kept) = (app.sign_in().await, app.sign_in().await);
    let mut url = app.url("end_session");
    url.query_pairs_mut()
        .append_pair("id_token_hint", ended["id_token"].as_str().unwrap())
        .append_pair("post_logout_redirect_uri", "http://127.0.0.1:49152/")
        .append_pair("state", "s");
    let response = app.get(url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(response.headers()[LOCATION], "http://127.0.0.1:49152/?state=s");
    assert_eq!(app.refresh(&ended["refresh_token"]).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(app.refresh(&kept["refresh_token"]).await.0, StatusCode::OK);
    assert_eq!(app.server.counters().end_sessions, 1);
}

#[tokio::test]
async fn end_session_never_redirects_to_an_unregistered_address() {
    let app = NativeApp::start().await;
    let tokens = app.sign_in().await;
    let form = [
        ("id_token_hint", tokens["id_token"].as_str().unwrap()),
        ("post_logout_redirect_uri", "https://evil.example/"),
    ];
    let response = app.post("end_session", &form).send().await.unwrap();
    assert_eq!((response.status(), response.headers().get(LOCATION)), (StatusCode::BAD_REQUEST, None));
    assert_eq!(app.refresh(&tokens["refresh_token"]).await.0, StatusCode::BAD_REQUEST, "the session ends all the same");
}

#[tokio::test]
async fn a_forged_hint_ends_nothing() {
    let app = NativeApp::start().await;
    let tokens = app.sign_in().await;
    let forged = NativeApp::start().await.sign_in().await;
    let form = [("id_token_hint", forged["id_token"].as_str().unwrap())];
    assert_eq!(app.post("end_session", &form).send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    assert_eq!(app.refresh(&tokens["refresh_token"]).await.0, StatusCode::OK);
}
