//! What the UserInfo endpoint is asked, and whom its answers are believed to be about.

use crate::authority::{Authority, CLIENT_ID, assert_shows_no_secret, signed};
use oidc_session_core::ProviderErrorKind::{InvalidAnswer, Misconfigured, NotSent, Refused, TryLater};
use oidc_session_core::{ProviderError, Session, TokenType};
use oidc_session_provider_oidc::UserInfo;
use serde_json::{Value, json};
use std::time::Duration;
use wiremock::ResponseTemplate;

async fn start() -> Authority {
    let authority = Authority::silent().await;
    authority.publish(json!({ "userinfo_endpoint": format!("{}/userinfo", authority.issuer()) })).await;
    authority.publish_keys(&[("k1", 1)]).await;
    authority
}

fn session(authority: &Authority) -> Session {
    let mut session = authority.session();
    session.subject = Some("sub-1".into());
    session
}

async fn ask(authority: &Authority, answer: ResponseTemplate) -> Result<UserInfo, ProviderError> {
    authority.on("GET", "/userinfo", answer).await;
    let info = authority.provider().userinfo(&session(authority)).await;
    if let Err(error) = &info {
        assert_shows_no_secret(error);
    }
    info
}

fn answer(claims: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(claims)
}

#[tokio::test]
async fn the_access_token_is_presented_once_and_the_claims_come_back() {
    let authority = start().await;
    let info = ask(&authority, answer(json!({ "sub": "sub-1", "email": "secret@app.example" }))).await.unwrap();
    assert_eq!(info.subject, "sub-1");
    assert_eq!(info.claims["email"], "secret@app.example");
    assert!(!format!("{info:?}").contains("secret"), "{info:?}");

    let requests = authority.http.received_requests().await.unwrap();
    let requests: Vec<_> = requests.iter().filter(|request| request.url.path() == "/userinfo").collect();
    let [request] = requests[..] else { panic!("{requests:?}") };
    assert_eq!(request.method.as_str(), "GET");
    assert_eq!(request.headers["authorization"], "Bearer secret-at-1");
    assert_eq!(request.url.query(), None);
    assert_eq!(authority.count("/jwks").await, 0, "no key is needed");
}

#[tokio::test]
async fn claims_about_somebody_else_are_refused() {
    for claims in [
        json!({ "sub": "secret-2" }),
        json!({ "sub": "SUB-1" }),
        json!({ "sub": ["sub-1"] }),
        json!({ "email": "secret@app.example" }),
    ] {
        let authority = start().await;
        let error = ask(&authority, answer(claims.clone())).await.unwrap_err();
        assert_eq!(error.kind(), InvalidAnswer, "{claims}");
    }
}

#[tokio::test]
async fn an_access_token_that_is_not_accepted_tells_to_refresh() {
    let authority = start().await;
    let unauthorized = ResponseTemplate::new(401).insert_header("www-authenticate", "Bearer error=\"invalid_token\"");
    let error = ask(&authority, unauthorized).await.unwrap_err();
    assert_eq!(error.kind(), Refused);
    assert_eq!(error.error_code(), Some("invalid_token"));
    assert!(error.to_string().ends_with("refresh the session and ask again"), "{error}");
}

#[tokio::test]
async fn every_other_answer_has_its_meaning() {
    for (answer, expected) in [
        (ResponseTemplate::new(403), Misconfigured),
        (ResponseTemplate::new(404), Misconfigured),
        (ResponseTemplate::new(302).insert_header("location", "https://evil.example/secret"), Misconfigured),
        (ResponseTemplate::new(204), Misconfigured),
        (ResponseTemplate::new(429).insert_header("retry-after", "7"), TryLater),
        (ResponseTemplate::new(503).insert_header("retry-after", "7"), TryLater),
        (ResponseTemplate::new(500).set_body_string("secret"), TryLater),
        (ResponseTemplate::new(200).set_body_string("<html>secret</html>"), InvalidAnswer),
        (ResponseTemplate::new(200).set_body_string("[]"), InvalidAnswer),
        (ResponseTemplate::new(200).set_body_bytes([0xff, 0xfe]), InvalidAnswer),
        (ResponseTemplate::new(200).set_body_bytes(vec![b' '; 1024 * 1024 + 1]), InvalidAnswer),
    ] {
        let authority = start().await;
        let has_time = answer.clone();
        let error = ask(&authority, answer).await.unwrap_err();
        assert_eq!(error.kind(), expected, "{has_time:?}: {error}");
        if error.to_string().contains("429") || error.to_string().contains("503") {
            assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        }
    }
}

#[tokio::test]
async fn a_signed_answer_is_verified() {
    let issuer = |authority: &Authority| authority.issuer();
    for (signer, changes, expected) in [
        (("k1", 1), json!({}), None),
        (("k1", 1), json!({ "iss": null, "aud": [CLIENT_ID, "other"] }), None),
        (("k1", 2), json!({}), Some("its signature does not verify")),
        (("k2", 2), json!({}), Some("no published key fits its signature")),
        (("k1", 1), json!({ "iss": "https://evil.example" }), Some("it names another issuer")),
        (("k1", 1), json!({ "aud": "other" }), Some("it is for another client")),
        (("k1", 1), json!({ "sub": "sub-2" }), Some("is about another subject")),
    ] {
        let authority = start().await;
        let mut claims = json!({ "iss": issuer(&authority), "aud": CLIENT_ID, "sub": "sub-1" });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let body = signed(signer.0, signer.1, &claims);
        let answer = ResponseTemplate::new(200).set_body_raw(body, "application/jwt");
        match (ask(&authority, answer).await, expected) {
            (Ok(info), None) => assert_eq!(info.claims["sub"], "sub-1"),
            (Err(error), Some(reason)) => {
                assert_eq!(error.kind(), InvalidAnswer);
                assert!(error.to_string().contains(reason), "{error}");
            }
            (result, _) => panic!("{signer:?} {changes}: {result:?}"),
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_that_cannot_be_answered() {
    let authority = start().await;
    let provider = authority.provider();
    let mut sessions = vec![session(&authority); 5];
    sessions[0].subject = None;
    sessions[1].tokens.access_token = None;
    sessions[2].tokens.token_type = TokenType::from("DPoP".to_owned());
    sessions[3].issuer = "https://elsewhere.example".into();
    sessions[4].client_id = "another".into();
    for session in &sessions {
        let error = provider.userinfo(session).await.unwrap_err();
        assert_eq!(error.kind(), Misconfigured, "{error}");
        assert_shows_no_secret(&error);
    }
    assert_eq!(authority.count("/userinfo").await, 0);

    let without = Authority::start().await;
    assert_eq!(without.provider().userinfo(&session(&without)).await.unwrap_err().kind(), Misconfigured);
}

#[tokio::test]
async fn a_slow_answer_is_given_up_in_time() {
    let authority = start().await;
    let late = answer(json!({ "sub": "sub-1" })).set_delay(Duration::from_secs(60));
    authority.on("GET", "/userinfo", late).await;
    let provider = authority.builder().request_budget(Duration::from_millis(200)).build().unwrap();
    let error = provider.userinfo(&session(&authority)).await.unwrap_err();
    assert_eq!(error.kind(), NotSent);
}
