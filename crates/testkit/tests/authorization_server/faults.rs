//! Faults: each does what it says, once, and the grant behind it happens or does not.

use std::time::Duration;

use oidc_session_core::Timestamp;
use oidc_session_testkit::{AuthorizationServer, Fault, Field, Outcome, RetryAfter, StatusBody};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use serde_json::{Value, json};

use crate::native_app::{NativeApp, claims};

async fn signed_in() -> (NativeApp, Value) {
    let app = NativeApp::start().await;
    let refresh_token = app.sign_in().await["refresh_token"].clone();
    (app, refresh_token)
}

fn last_outcome(app: &NativeApp) -> Outcome {
    app.server.presentations().last().unwrap().outcome
}

#[tokio::test]
async fn a_request_lost_on_the_way_there_leaves_the_refresh_token_alone() {
    let (app, refresh_token) = signed_in().await;
    app.server.inject(Fault::DropBefore);
    let error = app.refresh_request(&refresh_token).send().await.unwrap_err();
    assert!(error.is_request() && error.status().is_none(), "{error:?}");
    assert_eq!(last_outcome(&app), Outcome::LostBefore);
    assert_eq!(app.server.counters().refresh_grants, 0);
    assert_eq!(app.refresh(&refresh_token).await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_answer_lost_on_the_way_back_has_consumed_the_refresh_token() {
    let (app, refresh_token) = signed_in().await;
    app.server.inject(Fault::DropAfter);
    let error = app.refresh_request(&refresh_token).send().await.unwrap_err();
    assert!(error.is_request() && error.status().is_none(), "{error:?}");
    assert_eq!(last_outcome(&app), Outcome::LostAfter);
    assert_eq!(app.server.counters().refresh_grants, 1);
    assert_eq!(app.refresh(&refresh_token).await.1["error"], "invalid_grant");
    assert_eq!(last_outcome(&app), Outcome::Reused);
}

#[tokio::test]
async fn a_lost_answer_can_be_fetched_again_inside_the_reuse_window() {
    let app = NativeApp::start_with(AuthorizationServer::builder().reuse_window(Duration::from_secs(60))).await;
    let refresh_token = app.sign_in().await["refresh_token"].clone();
    app.server.inject(Fault::DropAfter);
    app.refresh_request(&refresh_token).send().await.unwrap_err();
    assert_eq!(app.refresh(&refresh_token).await.0, StatusCode::OK);
    assert_eq!(last_outcome(&app), Outcome::GrantedInReuseWindow);
}

#[tokio::test]
async fn a_status_comes_with_its_retry_after_and_its_body() {
    let (app, refresh_token) = signed_in().await;
    let date = RetryAfter::Date(Timestamp::from_unix_seconds(1_475_419_451));
    let html = Fault::Status { code: 502, retry_after: None, body: StatusBody::Html };
    let empty = Fault::Status { code: 503, retry_after: Some(date), body: StatusBody::Empty };
    for (fault, status, retry_after, content_type) in [
        (Fault::too_many_requests(RetryAfter::Seconds(7)), 429, Some("7"), Some("application/json")),
        (Fault::too_many_requests(date), 429, Some("Sun, 02 Oct 2016 14:44:11 GMT"), Some("application/json")),
        (Fault::status(500), 500, None, Some("application/json")),
        (html, 502, None, Some("text/html; charset=utf-8")),
        (empty, 503, Some("Sun, 02 Oct 2016 14:44:11 GMT"), None),
    ] {
        app.server.inject(fault);
        let response = app.refresh_request(&refresh_token).send().await.unwrap();
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(response.status(), status);
        assert_eq!((header(RETRY_AFTER), header(CONTENT_TYPE)), (retry_after, content_type));
        assert_eq!(last_outcome(&app), Outcome::Faulted);
    }
    assert_eq!(app.refresh(&refresh_token).await.0, StatusCode::OK);
    assert_eq!((app.server.counters().faults_injected, app.server.counters().rejected), (5, 0));
}

#[tokio::test]
async fn an_error_has_the_status_of_its_code_and_consumes_nothing() {
    let (app, refresh_token) = signed_in().await;
    let table =
        [("invalid_grant", 400), ("invalid_client", 401), ("temporarily_unavailable", 503), ("server_error", 500)];
    app.server.inject_many(table.map(|(code, _)| Fault::error(code)));
    for (code, status) in table {
        let (actual, body) = app.refresh(&refresh_token).await;
        assert_eq!((actual.as_u16(), &body["error"]), (status, &json!(code)));
    }
    assert_eq!(app.refresh(&refresh_token).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_redirect_leads_elsewhere() {
    let (app, refresh_token) = signed_in().await;
    app.server.inject(Fault::Redirect("http://127.0.0.1:9/elsewhere".parse().unwrap()));
    let response = app.refresh_request(&refresh_token).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(response.headers()[LOCATION], "http://127.0.0.1:9/elsewhere");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_has_consumed_the_refresh_token() {
    for fault in [Fault::Garbage, Fault::Truncated, Fault::Huge] {
        let (app, refresh_token) = signed_in().await;
        app.server.inject(fault.clone());
        let response = app.refresh_request(&refresh_token).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        match (&fault, response.bytes().await) {
            (Fault::Truncated, result) => assert!(result.is_err()),
            (Fault::Huge, result) => assert!(result.unwrap().len() > 16 * 1024 * 1024),
            (_, result) => assert!(serde_json::from_slice::<Value>(&result.unwrap()).is_err()),
        }
        assert_eq!(last_outcome(&app), Outcome::LostAfter, "{fault:?}");
        assert_eq!(app.refresh(&refresh_token).await.1["error"], "invalid_grant");
    }
}

#[tokio::test]
async fn an_omitted_field_is_the_only_one_missing() {
    let (app, mut refresh_token) = signed_in().await;
    for (field, name) in [
        (Field::AccessToken, "access_token"),
        (Field::TokenType, "token_type"),
        (Field::ExpiresIn, "expires_in"),
        (Field::Scope, "scope"),
        (Field::IdToken, "id_token"),
        (Field::RefreshToken, "refresh_token"),
    ] {
        app.server.inject(Fault::Omit(field));
        let (status, body) = app.refresh(&refresh_token).await;
        assert_eq!((status, body.get(name), body.as_object().unwrap().len()), (StatusCode::OK, None, 5));
        refresh_token = body["refresh_token"].clone();
    }
}

#[tokio::test]
async fn a_bent_id_token_differs_in_one_claim() {
    let (app, mut refresh_token) = signed_in().await;
    for (fault, claim, value) in [
        (Fault::WrongSubject, "sub", "somebody-else"),
        (Fault::WrongIssuer, "iss", "https://another-issuer.example/"),
        (Fault::WrongAudience, "aud", "another-client"),
        (Fault::WrongNonce, "nonce", "another-nonce"),
    ] {
        app.server.inject(fault);
        let (_, body) = app.refresh(&refresh_token).await;
        assert_eq!(claims(&body)[claim], value);
        refresh_token = body["refresh_token"].clone();
    }
    let (_, body) = app.refresh(&refresh_token).await;
    assert_eq!(claims(&body)["sub"], "alice");
}

#[tokio::test]
async fn expires_in_can_be_a_string() {
    let (app, refresh_token) = signed_in().await;
    app.server.inject(Fault::ExpiresInString);
    assert_eq!(app.refresh(&refresh_token).await.1["expires_in"], "300");
}

#[tokio::test]
async fn a_client_that_does_not_wait_for_a_delayed_answer_has_lost_it() {
    let (app, refresh_token) = signed_in().await;
    app.server.inject(Fault::Delay(Duration::from_secs(600)));
    let granted = async {
        while app.server.counters().refresh_grants == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = app.refresh_request(&refresh_token).send() => panic!("nobody can wait ten minutes for {answer:?}"),
        () = granted => {} // and the client gives up
    }
    assert_eq!(app.refresh(&refresh_token).await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn a_fault_meets_code_grants_too() {
    let app = NativeApp::start().await;
    app.server.inject(Fault::WrongNonce);
    assert_eq!(claims(&app.sign_in().await)["nonce"], "another-nonce");
}
