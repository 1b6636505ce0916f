//! Finding the server's addresses and keys, and refusing the wrong ones.

use std::time::Duration;

use crate::authority::{Authority, CLIENT_ID, assert_shows_no_secret};
use crate::tls_server;
use oidc_session_core::ProviderErrorKind::{Misconfigured, NotSent, TryLater};
use oidc_session_core::{Provider as _, ProviderError, Target};
use oidc_session_provider_oidc::Oidc;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;
use wiremock::matchers::path;
use wiremock::{Mock, ResponseTemplate};

const DOCUMENT: &str = "/.well-known/openid-configuration";

async fn prepared(authority: &Authority) -> Result<(), ProviderError> {
    let prepared = authority.provider().prepare(&authority.session()).await;
    if let Err(error) = &prepared {
        assert_shows_no_secret(error);
    }
    prepared
}

#[test]
fn http_is_refused_beyond_loopback() {
    // A bare machine has no certificates of its own.
    let builder = |issuer| Oidc::builder(issuer, CLIENT_ID).root_certificate(tls_server::Authority::new("ours").pem());
    for (issuer, allowed) in [
        ("https://login.example", true),
        ("http://127.0.0.1:8080", true),
        ("http://[::1]:8080", true),
        ("http://localhost:8080", true),
        ("http://login.example", false),
        ("http://10.0.0.1", false),
        ("login.example", false),
        ("", false),
    ] {
        let built = builder(issuer).build();
        assert_eq!(built.as_ref().err().map(ProviderError::kind), (!allowed).then_some(Misconfigured), "{issuer}");
    }
    let elsewhere = Url::parse("http://login.example/metadata").unwrap();
    assert!(builder("https://login.example").discovery_url(elsewhere).build().is_err());
    assert!(Oidc::builder("https://login.example", "").build().is_err());
    assert!(builder("https://login.example").root_certificate("not PEM at all").build().is_err());
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(builder("https://login.example").root_certificate(broken).build().is_err());
}

#[tokio::test]
async fn metadata_of_another_issuer_is_refused() {
    for suffix in ["/", "/realm", "%2F"] {
        let authority = Authority::silent().await;
        authority.publish(json!({ "issuer": format!("{}{suffix}", authority.issuer()) })).await;
        assert_eq!(prepared(&authority).await.unwrap_err().kind(), Misconfigured, "{suffix}");
    }
}

#[tokio::test]
async fn an_endpoint_over_http_beyond_loopback_is_refused() {
    for name in ["token_endpoint", "authorization_endpoint", "jwks_uri", "revocation_endpoint"] {
        let authority = Authority::silent().await;
        authority.publish(json!({ name: "http://login.example/x" })).await;
        assert_eq!(prepared(&authority).await.unwrap_err().kind(), Misconfigured, "{name}");
    }
}

#[tokio::test]
async fn every_failure_has_its_meaning() {
    let text = |status, body: &str| ResponseTemplate::new(status).set_body_string(body);
    for (answer, expected) in [
        (text(404, ""), Misconfigured),
        (text(403, "<html>secret"), Misconfigured),
        (text(200, "<html>secret"), Misconfigured),
        (text(200, r#"{"issuer":"secret"}"#), Misconfigured),
        (text(200, &"x".repeat(2 * 1024 * 1024)), Misconfigured),
        (text(302, "").insert_header("location", "/elsewhere"), Misconfigured),
        (text(408, ""), TryLater),
        (text(429, ""), TryLater),
        (text(500, ""), TryLater),
        (text(503, ""), TryLater),
    ] {
        let authority = Authority::silent().await;
        authority.on("GET", DOCUMENT, answer.clone()).await;
        let error = prepared(&authority).await.unwrap_err();
        assert_eq!(error.kind(), expected, "{error}");

        let authority = Authority::silent().await;
        authority.publish(json!({})).await;
        authority.on("GET", "/jwks", answer).await;
        let error = prepared(&authority).await.unwrap_err();
        assert_eq!(error.kind(), expected, "keys: {error}");
    }
}

#[tokio::test]
async fn nobody_listening_is_no_reason_to_change_anything() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let issuer = format!("http://{closed}");
    let provider = Oidc::builder(&issuer, CLIENT_ID).build().unwrap();
    let mut session = Authority::silent().await.session();
    session.issuer = issuer;
    assert_eq!(provider.prepare(&session).await.unwrap_err().kind(), NotSent);
    assert_eq!(provider.refresh(&session, &Target::default()).await.unwrap_err().kind(), NotSent);
}

#[tokio::test]
async fn whoever_waits_in_line_for_a_silent_server_has_sent_nothing() {
    let authority = Authority::silent().await;
    let late = ResponseTemplate::new(200).set_delay(Duration::from_secs(60));
    authority.on("GET", DOCUMENT, late).await;
    let provider = authority.builder().request_budget(Duration::from_millis(200)).build().unwrap();
    let (session, target) = (authority.session(), Target::default());
    let refresh = || provider.refresh(&session, &target);
    let (one, two, three) = tokio::join!(refresh(), refresh(), refresh());
    for refreshed in [one, two, three] {
        assert_eq!(refreshed.unwrap_err().kind(), NotSent);
    }
}

#[tokio::test]
async fn a_line_before_a_silent_server_does_not_outlast_one_request() {
    let authority = Authority::silent().await;
    let late = ResponseTemplate::new(200).set_delay(Duration::from_secs(60));
    authority.on("GET", DOCUMENT, late).await;
    let provider = authority.builder().request_budget(Duration::from_millis(200)).build().unwrap();
    let session = authority.session();
    let prepare = || provider.prepare(&session);
    let all = tokio::join!(prepare(), prepare(), prepare(), prepare(), prepare(), prepare(), prepare(), prepare());
    for prepared in [all.0, all.1, all.2, all.3, all.4, all.5, all.6, all.7] {
        assert_eq!(prepared.unwrap_err().kind(), NotSent);
    }
    // Each try lasts half a request. Eight of them, one after another, would have been eight tries.
    assert!(authority.count(DOCUMENT).await <= 3);
}

#[tokio::test]
async fn a_failure_is_not_remembered() {
    let authority = Authority::silent().await;
    let provider = authority.provider();
    let down = Mock::given(path(DOCUMENT)).respond_with(ResponseTemplate::new(503).insert_header("retry-after", "7"));
    down.up_to_n_times(1).mount(&authority.http).await;
    let error = provider.prepare(&authority.session()).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));

    authority.publish(json!({})).await;
    authority.publish_keys(&[("k1", 1)]).await;
    provider.prepare(&authority.session()).await.unwrap();
    provider.prepare(&authority.session()).await.unwrap();
    assert_eq!(authority.count(DOCUMENT).await, 2);
}

#[tokio::test]
async fn the_metadata_may_be_published_elsewhere() {
    let authority = Authority::silent().await;
    let metadata: Value = authority.metadata(json!({}));
    authority.on("GET", "/metadata", ResponseTemplate::new(200).set_body_json(metadata)).await;
    authority.publish_keys(&[("k1", 1)]).await;
    let url = Url::parse(&format!("{}/metadata", authority.issuer())).unwrap();
    let provider = authority.builder().discovery_url(url).build().unwrap();
    provider.prepare(&authority.session()).await.unwrap();
    assert_eq!(authority.count(DOCUMENT).await, 0);
}
