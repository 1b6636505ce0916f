//! Revocation and the end of the provider's own session.

use crate::authority::{Authority, assert_shows_no_secret};
use oidc_session_core::ProviderErrorKind::{Misconfigured, OutcomeUnknown, TryLater};
use oidc_session_core::{Provider as _, Revocation, SignIn as _, Target};
use serde_json::json;
use url::Url;
use wiremock::ResponseTemplate;

#[tokio::test]
async fn the_refresh_token_is_revoked_or_else_the_access_token() {
    let authority = Authority::start().await;
    authority.on("POST", "/revoke", ResponseTemplate::new(200)).await;
    let provider = authority.provider();
    let mut session = authority.session();
    assert_eq!(provider.revoke(&session).await.unwrap(), Revocation::Done);
    session.tokens.refresh_token = None;
    assert_eq!(provider.revoke(&session).await.unwrap(), Revocation::Done);
    session.tokens.access_token = None;
    assert_eq!(provider.revoke(&session).await.unwrap(), Revocation::Unsupported);

    let requests = authority.http.received_requests().await.unwrap();
    let bodies: Vec<_> = requests
        .iter()
        .filter(|request| request.url.path() == "/revoke")
        .map(|request| String::from_utf8(request.body.clone()).unwrap())
        .collect();
    assert_eq!(
        bodies,
        [
            "client_id=my-app&token=secret-rt-1&token_type_hint=refresh_token",
            "client_id=my-app&token=secret-at-1&token_type_hint=access_token",
        ]
    );
}

#[tokio::test]
async fn a_session_of_another_server_or_client_is_sent_nowhere() {
    let authority = Authority::start().await;
    authority.on("POST", "/revoke", ResponseTemplate::new(200)).await;
    let provider = authority.provider();
    let mut sessions = vec![authority.session(); 2];
    sessions[0].issuer.push('/');
    sessions[1].client_id = "another".into();
    for session in &sessions {
        for error in [
            provider.prepare(session).await.unwrap_err(),
            provider.refresh(session, &Target::default()).await.unwrap_err(),
            provider.revoke(session).await.unwrap_err(),
            provider.end_session_url(session, None).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), Misconfigured);
        }
    }
    assert_eq!(authority.count("/revoke").await + authority.count("/token").await, 0);
}

#[tokio::test]
async fn a_server_that_offers_no_revocation_says_so() {
    let authority = Authority::silent().await;
    authority.publish(json!({ "revocation_endpoint": null })).await;
    assert_eq!(authority.provider().revoke(&authority.session()).await.unwrap(), Revocation::Unsupported);

    let authority = Authority::start().await;
    let refused = ResponseTemplate::new(400).set_body_json(json!({ "error": "unsupported_token_type" }));
    authority.on("POST", "/revoke", refused).await;
    assert_eq!(authority.provider().revoke(&authority.session()).await.unwrap(), Revocation::Unsupported);
}

#[tokio::test]
async fn every_failure_has_its_meaning() {
    for (answer, expected) in [
        (ResponseTemplate::new(401).set_body_json(json!({ "error": "invalid_client" })), Misconfigured),
        (ResponseTemplate::new(404), Misconfigured),
        (ResponseTemplate::new(503).insert_header("retry-after", "7"), TryLater),
        (ResponseTemplate::new(500).set_body_string("secret"), OutcomeUnknown),
        (ResponseTemplate::new(502).set_body_json(json!({ "error": "unsupported_token_type" })), OutcomeUnknown),
    ] {
        let authority = Authority::start().await;
        authority.on("POST", "/revoke", answer).await;
        let error = authority.provider().revoke(&authority.session()).await.unwrap_err();
        assert_eq!(error.kind(), expected);
        assert_shows_no_secret(&error);
    }
}

#[tokio::test]
async fn the_end_session_url_names_the_session() {
    let authority = Authority::start().await;
    let back = Url::parse("https://app.example/bye").unwrap();
    let url = authority.provider().end_session_url(&authority.session(), Some(&back)).await.unwrap().unwrap();
    assert_eq!(
        url.as_str(),
        format!(
            "{}/end?id_token_hint=secret.id.token&client_id=my-app\
             &post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye",
            authority.issuer()
        )
    );
    let authority = Authority::silent().await;
    authority.publish(json!({ "end_session_endpoint": null })).await;
    assert_eq!(authority.provider().end_session_url(&authority.session(), None).await.unwrap(), None);
}
