//! Every way in which a refresh fails, and that it was sent at most once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::authority::{Authority, assert_shows_no_secret};
use oidc_session_core::ProviderErrorKind::{
    self, InteractionRequired, Misconfigured, NotSent, OutcomeUnknown, Rejected, TryLater,
};
use oidc_session_core::{Provider as _, ProviderError, Target};
use oidc_session_provider_oidc::Oidc;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wiremock::ResponseTemplate;

/// The error of a refresh that is answered with `answer`.
async fn failure(answer: ResponseTemplate) -> ProviderError {
    let authority = Authority::start().await;
    authority.on("POST", "/token", answer).await;
    let provider = authority.provider();
    provider.prepare(&authority.session()).await.unwrap();
    let error = provider.refresh(&authority.session(), &Target::default()).await.unwrap_err();
    assert_eq!(authority.count("/token").await, 1, "sent once");
    assert_shows_no_secret(&error);
    error
}

fn text(status: u16, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_string(body)
}

#[tokio::test]
async fn every_answer_has_its_meaning() {
    for (answer, expected) in [
        (text(400, r#"{"error":"invalid_grant","error_description":"secret"}"#), Rejected),
        (text(200, r#"{"error":"invalid_grant"}"#), Rejected),
        (text(401, r#"{"error":"invalid_client"}"#), Misconfigured),
        (text(400, r#"{"error":"use_dpop_nonce"}"#), Misconfigured),
        (text(400, r#"{"error":"secret secret"}"#), Misconfigured),
        (text(400, r#"{"error":"consent_required"}"#), InteractionRequired),
        (text(400, r#"{"error":"temporarily_unavailable"}"#), TryLater),
        (text(403, "<html>secret</html>"), Misconfigured),
        (text(404, ""), Misconfigured),
        (text(408, ""), TryLater),
        (text(429, ""), TryLater),
        (text(503, r#"{"error":"invalid_grant"}"#), OutcomeUnknown),
        (text(500, r#"{"error":"invalid_grant"}"#), OutcomeUnknown),
        (text(502, "<html>secret</html>"), OutcomeUnknown),
        (text(504, ""), OutcomeUnknown),
        (text(200, "<html>secret</html>"), OutcomeUnknown),
        (text(200, r#"{"access_token":"secret"#), OutcomeUnknown),
        (text(200, "{}"), OutcomeUnknown),
        (text(200, ""), OutcomeUnknown),
    ] {
        let error = failure(answer.clone()).await;
        assert_eq!(error.kind(), expected, "{answer:?}");
    }
}

#[tokio::test]
async fn a_verdict_keeps_its_code() {
    let error = failure(text(400, r#"{"error":"invalid_grant"}"#)).await;
    assert_eq!(error.error_code(), Some("invalid_grant"));
}

#[tokio::test]
async fn a_wait_is_read_in_both_forms() {
    for (header, value, seconds) in [
        ("retry-after", "120", 120),
        ("retry-after", "Tue, 14 Nov 2023 22:14:20 GMT", 60), // NOW is 22:13:20
        ("retry-after", "1000000", 86_400),
    ] {
        for status in [429, 503] {
            let error = failure(ResponseTemplate::new(status).insert_header(header, value)).await;
            assert_eq!(error.kind(), TryLater, "{status}");
            assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)), "{header}: {value}");
        }
    }
}

#[tokio::test]
async fn the_end_of_a_rate_limit_says_nothing_about_a_server_that_failed() {
    for (status, kind, seconds) in [(429, TryLater, Some(30)), (503, OutcomeUnknown, None), (500, OutcomeUnknown, None)]
    {
        let answer = ResponseTemplate::new(status).insert_header("x-ratelimit-reset", "1700000030");
        let error = failure(answer).await;
        assert_eq!(error.kind(), kind, "{status}");
        assert_eq!(error.retry_after(), seconds.map(Duration::from_secs), "{status}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let authority = Authority::start().await;
        let answer = ResponseTemplate::new(status).insert_header("location", format!("{}/next", authority.issuer()));
        authority.on("POST", "/token", answer).await;
        let error = authority.provider().refresh(&authority.session(), &Target::default()).await.unwrap_err();
        assert_eq!(error.kind(), Misconfigured, "{status}");
        assert_eq!(authority.count("/next").await, 0);
    }
}

#[tokio::test]
async fn an_endless_body_is_not_read_to_its_end() {
    let body = json!({ "access_token": "secret", "padding": "x".repeat(1024 * 1024) }).to_string();
    assert_eq!(failure(text(200, &body)).await.kind(), OutcomeUnknown);
    // Just below the cap it is an answer like any other.
    let authority = Authority::start().await;
    let body = json!({ "access_token": "at-2", "padding": "x".repeat(1000 * 1024) }).to_string();
    authority.on("POST", "/token", text(200, &body)).await;
    assert!(authority.provider().refresh(&authority.session(), &Target::default()).await.is_ok());
}

#[tokio::test]
async fn an_answer_beyond_the_budget_is_unknown() {
    let authority = Authority::start().await;
    let late = json!({ "access_token": "at-2" });
    let late = ResponseTemplate::new(200).set_body_json(late).set_delay(Duration::from_secs(30));
    authority.on("POST", "/token", late).await;
    let provider = authority.builder().request_budget(Duration::from_millis(100)).build().unwrap();
    prepare_in_haste(&provider, &authority).await;
    let error = provider.refresh(&authority.session(), &Target::default()).await.unwrap_err();
    assert_eq!(error.kind(), OutcomeUnknown);
    assert_shows_no_secret(&error);
}

#[tokio::test]
async fn an_address_where_nobody_listens_was_not_sent_to() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let authority = Authority::silent().await;
    authority.publish(json!({ "token_endpoint": format!("http://{closed}/token?key=secret") })).await;
    let error = authority.provider().refresh(&authority.session(), &Target::default()).await.unwrap_err();
    assert_eq!(error.kind(), NotSent);
    assert_shows_no_secret(&error);
}

#[tokio::test]
async fn a_failed_handshake_was_not_sent() {
    let plain = Broken::start(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let (address, _) = plain.await;
    let authority = Authority::silent().await;
    authority.publish(json!({ "token_endpoint": format!("https://{address}/token") })).await;
    let error = authority.provider().refresh(&authority.session(), &Target::default()).await.unwrap_err();
    assert_eq!(error.kind(), NotSent);
    assert_shows_no_secret(&error);
}

#[tokio::test]
async fn a_handshake_that_stalls_was_not_sent() {
    let (address, _) = Broken::start(|stream| async move {
        let _open = stream;
        std::future::pending().await
    })
    .await;
    let authority = Authority::silent().await;
    authority.publish(json!({ "token_endpoint": format!("https://{address}/token") })).await;
    authority.publish_keys(&[("k1", 1)]).await;
    let provider = authority.builder().request_budget(Duration::from_millis(100)).build().unwrap();
    prepare_in_haste(&provider, &authority).await;
    assert_eq!(provider.refresh(&authority.session(), &Target::default()).await.unwrap_err().kind(), NotSent);
}

#[tokio::test]
async fn every_refresh_has_a_connection_of_its_own() {
    let (address, connections) = Broken::start(|mut stream| async move {
        read_request(&mut stream).await;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\n{\"access_token\":\"at\"}";
        stream.write_all(answer).await.unwrap();
        // Left open: a pool would take it for the next refresh, and not know whether it still stands.
        tokio::spawn(async move {
            let _open = stream;
            std::future::pending::<()>().await;
        });
    })
    .await;
    let authority = Authority::silent().await;
    authority.publish(json!({ "token_endpoint": format!("http://{address}/token") })).await;
    let provider = authority.provider();
    for expected in 1..=3 {
        assert!(provider.refresh(&authority.session(), &Target::default()).await.is_ok());
        assert_eq!(connections.load(Ordering::SeqCst), expected);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_off_proves_nothing_and_is_not_tried_again() {
    // Before a byte of the request was read: the client cannot know that.
    assert_eq!(broken(|stream| async move { drop(stream) }).await, OutcomeUnknown);
    // After the request, instead of an answer.
    assert_eq!(broken(|mut stream| async move { read_request(&mut stream).await }).await, OutcomeUnknown);
    for answer in [
        "HTTP/1.1 200",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"access_token\":\"secret",
        "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"access_token\":\"secret\"}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{\"access",
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 1000\r\n\r\n{\"error\":\"invalid_grant\"}",
    ] {
        let kind = broken(move |mut stream| async move {
            read_request(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        assert_eq!(kind.await, OutcomeUnknown, "{answer}");
    }
}

#[tokio::test]
async fn a_status_that_says_it_all_needs_no_body() {
    let kind = broken(|mut stream| async move {
        read_request(&mut stream).await;
        let answer = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\ncontent-length: 1000\r\n\r\nsorr";
        stream.write_all(answer).await.unwrap();
    });
    assert_eq!(kind.await, TryLater);
}

/// Learns what a refresh needs, however often the short budget runs out on the way.
async fn prepare_in_haste(provider: &Oidc, authority: &Authority) {
    while provider.prepare(&authority.session()).await.is_err() {}
}

/// How a refresh fails if the token endpoint does `behaviour` to its one connection.
async fn broken<F>(behaviour: impl Fn(TcpStream) -> F + Send + 'static) -> ProviderErrorKind
where
    F: Future<Output = ()> + Send,
{
    let (address, connections) = Broken::start(behaviour).await;
    let authority = Authority::silent().await;
    authority.publish(json!({ "token_endpoint": format!("http://{address}/token") })).await;
    let error = authority.provider().refresh(&authority.session(), &Target::default()).await.unwrap_err();
    assert_shows_no_secret(&error);
    assert_eq!(connections.load(Ordering::SeqCst), 1, "one connection, one request");
    error.kind()
}

/// A server below HTTP.
struct Broken;

impl Broken {
    async fn start<F>(behaviour: impl Fn(TcpStream) -> F + Send + 'static) -> (std::net::SocketAddr, Arc<AtomicUsize>)
    where
        F: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                behaviour(stream).await;
            }
        });
        (address, connections)
    }
}

async fn read_request(stream: &mut TcpStream) {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !String::from_utf8_lossy(&request).contains("refresh_token=secret-rt-1") {
        let length = stream.read(&mut buffer).await.unwrap();
        assert_ne!(length, 0, "the client waits for its answer");
        request.extend_from_slice(&buffer[..length]);
    }
}
