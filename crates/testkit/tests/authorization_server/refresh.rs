//! Refreshing: rotation, reuse, the reuse window, and the end of tokens.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_testkit::{AuthorizationServer, Outcome};
use reqwest::StatusCode;
use reqwest::header::WWW_AUTHENTICATE;
use serde_json::json;

use crate::native_app::{NativeApp, StoppedClock, answer, claims};

fn outcomes(app: &NativeApp) -> Vec<(Option<u32>, Outcome)> {
    app.server.presentations().iter().map(|presentation| (presentation.generation, presentation.outcome)).collect()
}

#[tokio::test]
async fn each_refresh_replaces_the_refresh_token() {
    let app = NativeApp::start().await;
    let signed_in = app.sign_in().await;
    let (status, first) = app.refresh(&signed_in["refresh_token"]).await;
    assert_eq!(status, StatusCode::OK);
    assert_ne!(first["refresh_token"], signed_in["refresh_token"]);
    assert_ne!(first["access_token"], signed_in["access_token"]);
    let (status, _) = app.refresh(&first["refresh_token"]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(outcomes(&app), [(Some(0), Outcome::Granted), (Some(1), Outcome::Granted)]);
    let counters = app.server.counters();
    assert_eq!((counters.refresh_requests, counters.refresh_grants, counters.reuse_detected), (2, 2, 0));
}

#[tokio::test]
async fn a_refreshed_id_token_repeats_the_sign_in_without_its_nonce() {
    let clock = Arc::new(StoppedClock::default());
    let app = NativeApp::start_with(AuthorizationServer::builder().clock(clock.clone())).await;
    let signed_in = app.sign_in().await;
    clock.advance(Duration::from_secs(60));
    let (_, refreshed) = app.refresh(&signed_in["refresh_token"]).await;
    let (before, after) = (claims(&signed_in), claims(&refreshed));
    for claim in ["iss", "sub", "aud", "auth_time", "sid"] {
        assert_eq!(before[claim], after[claim], "{claim}");
    }
    assert_eq!(after["iat"].as_i64().unwrap() - before["iat"].as_i64().unwrap(), 60);
    assert_eq!((before["nonce"].as_str(), after.get("nonce")), (Some("the nonce"), None));
}

#[tokio::test]
async fn reuse_revokes_the_whole_family() {
    let app = NativeApp::start().await;
    let stolen = app.sign_in().await["refresh_token"].clone();
    let (_, latest) = app.refresh(&stolen).await;
    let (status, body) = app.refresh(&stolen).await;
    assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_grant")));

    let userinfo = app.userinfo(&latest["access_token"]).await;
    assert_eq!(userinfo.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(userinfo.headers()[WWW_AUTHENTICATE], r#"Bearer error="invalid_token""#);
    assert_eq!(app.refresh(&latest["refresh_token"]).await.1["error"], "invalid_grant");
    assert_eq!(outcomes(&app), [(Some(0), Outcome::Granted), (Some(0), Outcome::Reused), (Some(1), Outcome::Revoked)]);
    let counters = app.server.counters();
    assert_eq!((counters.reuse_detected, counters.families_revoked, counters.rejected), (1, 1, 2));
}

#[tokio::test]
async fn reuse_leaves_other_families_alone() {
    let app = NativeApp::start().await;
    let (one, other) = (app.sign_in().await, app.sign_in().await);
    app.refresh(&one["refresh_token"]).await;
    app.refresh(&one["refresh_token"]).await;
    assert_eq!(app.refresh(&other["refresh_token"]).await.0, StatusCode::OK);
}

#[tokio::test]
async fn inside_the_reuse_window_the_previous_token_is_granted_again() {
    let clock = Arc::new(StoppedClock::default());
    let builder = AuthorizationServer::builder().clock(clock.clone()).reuse_window(Duration::from_secs(10));
    let app = NativeApp::start_with(builder).await;
    let refresh_token = app.sign_in().await["refresh_token"].clone();
    app.refresh(&refresh_token).await;
    clock.advance(Duration::from_secs(9));
    let (status, fork) = app.refresh(&refresh_token).await;
    assert_eq!(status, StatusCode::OK);
    assert!(app.server.is_active(fork["access_token"].as_str().unwrap()));
    clock.advance(Duration::from_secs(1));
    assert_eq!(app.refresh(&refresh_token).await.0, StatusCode::BAD_REQUEST);
    let expected = [Outcome::Granted, Outcome::GrantedInReuseWindow, Outcome::Reused];
    assert_eq!(outcomes(&app), expected.map(|outcome| (Some(0), outcome)));
}

#[tokio::test]
async fn without_rotation_the_refresh_token_stays() {
    let app = NativeApp::start_with(AuthorizationServer::builder().rotate(false)).await;
    let refresh_token = app.sign_in().await["refresh_token"].clone();
    for _ in 0..2 {
        let (status, body) = app.refresh(&refresh_token).await;
        assert_eq!((status, body.get("refresh_token")), (StatusCode::OK, None));
    }
}

#[tokio::test]
async fn tokens_end_with_their_lifetime() {
    let clock = Arc::new(StoppedClock::default());
    let builder = AuthorizationServer::builder()
        .clock(clock.clone())
        .access_token_lifetime(Duration::from_secs(5))
        .refresh_token_lifetime(Duration::from_secs(60));
    let app = NativeApp::start_with(builder).await;
    let tokens = app.sign_in().await;
    let access_token = tokens["access_token"].as_str().unwrap();
    clock.advance(Duration::from_millis(4_999));
    assert!(app.server.is_active(access_token));
    clock.advance(Duration::from_millis(1));
    assert!(!app.server.is_active(access_token));
    assert_eq!(app.userinfo(&tokens["access_token"]).await.status(), StatusCode::UNAUTHORIZED);
    clock.advance(Duration::from_secs(55));
    assert_eq!(app.refresh(&tokens["refresh_token"]).await.1["error"], "invalid_grant");
    assert_eq!(outcomes(&app), [(Some(0), Outcome::Expired)]);
}

#[tokio::test]
async fn a_refresh_may_ask_for_less_but_not_for_more() {
    let app = NativeApp::start().await;
    let refresh_token = app.sign_in().await["refresh_token"].clone();
    let refresh = async |scope| {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "native-app"),
            ("refresh_token", refresh_token.as_str().unwrap()),
            ("scope", scope),
        ];
        answer(app.post("token", &form)).await
    };
    assert_eq!(refresh("openid email").await.1["error"], "invalid_scope");
    assert_eq!(refresh("openid").await.1["scope"], "openid");
    assert_eq!(outcomes(&app), [(Some(0), Outcome::Refused), (Some(0), Outcome::Granted)]);
}

#[tokio::test]
async fn an_unknown_refresh_token_is_an_invalid_grant() {
    let app = NativeApp::start().await;
    assert_eq!(app.refresh(&json!("rt_made_up")).await.1["error"], "invalid_grant");
    assert_eq!(outcomes(&app), [(None, Outcome::Unknown)]);
}

#[tokio::test]
async fn an_administrator_ends_sessions() {
    let app = NativeApp::start().await;
    let tokens = app.sign_in().await;
    assert_eq!((app.server.revoke_subject("bob"), app.server.revoke_subject("alice")), (0, 1));
    assert_eq!(app.refresh(&tokens["refresh_token"]).await.1["error"], "invalid_grant");
    app.sign_in().await;
    assert_eq!((app.server.revoke_all(), app.server.revoke_all()), (1, 0));
}

#[tokio::test]
async fn of_simultaneous_refreshes_with_one_token_exactly_one_is_granted() {
    let app = NativeApp::start().await;
    let refresh_token = app.sign_in().await["refresh_token"].clone();
    let (one, other) = tokio::join!(app.refresh(&refresh_token), app.refresh(&refresh_token));
    assert_eq!([one.0, other.0].iter().filter(|status| status.is_success()).count(), 1);
    assert_eq!(app.server.counters().reuse_detected, 1);
}
