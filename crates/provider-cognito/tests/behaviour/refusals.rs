//! Part 7.4 of the provider facts: what the refusals of `/oauth2/token` mean. One entry for each row.

use std::time::Duration;

use oidc_session_core::ProviderErrorKind::{self, Misconfigured, OutcomeUnknown, Rejected, TryLater};
use oidc_session_core::{Provider as _, ProviderError, Target};
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::pool::{Pool, answer, assert_shows_no_secret, json_answer, sent_once};

/// The error of a refresh that is answered with `refusal`.
async fn refused(refusal: ResponseTemplate) -> ProviderError {
    let pool = Pool::start().await;
    answer(&pool.login, "/oauth2/token", refusal).await;
    let error = pool.provider().refresh(&pool.session(), &Target::default()).await.unwrap_err();
    sent_once(&pool.login, "/oauth2/token").await;
    assert_shows_no_secret(&error);
    error
}

fn code(error: &str) -> ResponseTemplate {
    json_answer(400, json!({ "error": error }))
}

#[tokio::test]
async fn every_row_of_table_7_4_has_its_meaning() {
    let described = |text: &str| json_answer(400, json!({ "error": "invalid_grant", "error_description": text }));
    let rows: [(&str, ResponseTemplate, ProviderErrorKind, Option<&str>); 13] = [
        ("invalid_grant: revoked, expired, used", code("invalid_grant"), Rejected, Some("sign in again")),
        (
            "invalid_grant, and the token is named",
            described("Refresh token secret-rt-1 has been revoked"),
            Rejected,
            Some("sign in again"),
        ),
        (
            "invalid_grant: an attribute that may not be read",
            described("The app client may not read the Attribute email"),
            Misconfigured,
            Some("read every attribute"),
        ),
        (
            "invalid_grant: a trigger",
            described("PreTokenGeneration failed with error secret-x"),
            Misconfigured,
            Some("triggers"),
        ),
        ("invalid_client, with 400", code("invalid_client"), Misconfigured, Some("app client id and its secret")),
        ("unauthorized_client", code("unauthorized_client"), Misconfigured, Some("authorization code grant")),
        ("invalid_request", code("invalid_request"), Misconfigured, Some("has a secret")),
        ("unsupported_grant_type", code("unsupported_grant_type"), Misconfigured, Some("authorization code grant")),
        ("invalid_scope", code("invalid_scope"), Misconfigured, Some("scopes")),
        ("429 in plain text", ResponseTemplate::new(429).set_body_string("Rate exceeded"), TryLater, None),
        ("429 that quotes a verdict", json_answer(429, json!({ "error": "invalid_grant" })), TryLater, None),
        ("500", json_answer(500, json!({ "error": "invalid_grant" })), OutcomeUnknown, None),
        ("503", ResponseTemplate::new(503).set_body_string("<html>"), OutcomeUnknown, None),
    ];
    for (row, refusal, expected, advice) in rows {
        let error = refused(refusal).await;
        assert_eq!(error.kind(), expected, "{row}");
        match advice {
            Some(advice) => assert!(error.advice().is_some_and(|given| given.contains(advice)), "{row}: {error}"),
            None => assert_eq!(error.advice(), None, "{row}"),
        }
    }
}

#[tokio::test]
async fn the_code_is_kept() {
    for name in ["invalid_grant", "invalid_client"] {
        assert_eq!(refused(code(name)).await.error_code(), Some(name));
    }
}

#[tokio::test]
async fn what_is_not_known_is_no_verdict() {
    for refusal in [
        code("token_revoked"),
        code(""),
        json_answer(400, json!({ "message": "invalid_grant" })),
        ResponseTemplate::new(400).set_body_string("invalid_grant"),
        ResponseTemplate::new(403).set_body_string("<html>secret-page</html>"),
        ResponseTemplate::new(302).insert_header("location", "https://login.example/error"),
    ] {
        assert_eq!(refused(refusal.clone()).await.kind(), Misconfigured, "{refusal:?}");
    }
}

#[tokio::test]
async fn a_wait_is_passed_on() {
    let throttled = ResponseTemplate::new(429).insert_header("retry-after", "7").set_body_string("Rate exceeded");
    assert_eq!(refused(throttled).await.retry_after(), Some(Duration::from_secs(7)));
}
