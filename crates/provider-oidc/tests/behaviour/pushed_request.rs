//! Pushed authorization requests: what is pushed, what is left for the browser, and what can go wrong.

use std::collections::BTreeMap;

use crate::authority::{Authority, CLIENT_ID, assert_shows_no_secret, signed};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_session_core::ProviderErrorKind::{self, InvalidAnswer, Misconfigured, NotSent, OutcomeUnknown, TryLater};
use oidc_session_core::{ClientSecret, PendingSignIn, ProviderError, Scopes, SignIn as _, SignInRequest};
use oidc_session_provider_oidc::{ClientAuth, Diagnosis, Dialect, ErrorAnswer, Meaning, Oidc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use url::Url;
use wiremock::ResponseTemplate;

const REFERENCE: &str = "urn:ietf:params:oauth:request_uri:secret-reference";

/// A server that publishes an endpoint for pushed requests, and requires them if asked to.
async fn pushing(required: bool) -> Authority {
    let authority = Authority::silent().await;
    let changes = json!({
        "pushed_authorization_request_endpoint": format!("{}/par", authority.issuer()),
        "require_pushed_authorization_requests": required,
    });
    authority.publish(changes).await;
    authority.publish_keys(&[("k1", 1)]).await;
    authority
}

async fn accept(authority: &Authority, status: u16) {
    let answer = json!({ "request_uri": REFERENCE, "expires_in": "60" });
    authority.on("POST", "/par", ResponseTemplate::new(status).set_body_json(answer)).await;
}

async fn start(provider: &Oidc) -> Result<PendingSignIn, ProviderError> {
    let redirect_uri = Url::parse("http://127.0.0.1:9/callback").unwrap();
    let mut request = SignInRequest::new(redirect_uri, Scopes::parse("offline_access"));
    request.parameters = vec![("login_hint".into(), "a b".into())];
    provider.authorization_request(request).await
}

fn query(pending: &PendingSignIn) -> BTreeMap<String, String> {
    pending.authorization_url.query_pairs().into_owned().collect()
}

#[tokio::test]
async fn the_browser_carries_nothing_but_a_reference() {
    for (required, status) in [(true, 201), (false, 200)] {
        let authority = pushing(required).await;
        accept(&authority, status).await;
        let provider = authority.builder().pushed_authorization_requests(!required).build().unwrap();
        let pending = start(&provider).await.unwrap();
        assert_eq!(pending.authorization_url.path(), "/authorize");
        let expected = [("client_id", CLIENT_ID), ("request_uri", REFERENCE)];
        assert_eq!(query(&pending), expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert!(!format!("{pending:?}").contains("secret"));

        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(pending.code_verifier.expose()));
        let pushed = authority.sent("/par").await;
        let expected = [
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("redirect_uri", "http://127.0.0.1:9/callback"),
            ("scope", "offline_access openid"),
            ("state", &pending.state),
            ("nonce", &pending.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("login_hint", "a b"),
        ];
        assert_eq!(pushed, [expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into()]);
    }
}

#[tokio::test]
async fn a_sign_in_that_was_pushed_ends_like_any_other() {
    let authority = pushing(true).await;
    accept(&authority, 201).await;
    let provider = authority.provider();
    let pending = start(&provider).await.unwrap();
    let id_token = signed("k1", 1, &authority.claims(json!({ "nonce": pending.nonce })));
    let tokens = json!({ "access_token": "at", "refresh_token": "rt", "id_token": id_token });
    authority.on("POST", "/token", ResponseTemplate::new(200).set_body_json(tokens)).await;
    let callback = Url::parse(&format!("{}?code=c&state={}", pending.redirect_uri, pending.state)).unwrap();
    let verifier = pending.code_verifier.clone();
    let session = provider.exchange(pending, &callback).await.unwrap();
    assert_eq!(session.subject.as_deref(), Some("sub-1"));
    assert_eq!(authority.sent("/token").await[0]["code_verifier"], verifier.expose());
}

#[tokio::test]
async fn nothing_is_pushed_unless_somebody_wants_it() {
    let authority = pushing(false).await;
    let pending = start(&authority.provider()).await.unwrap();
    assert_eq!(query(&pending)["state"], pending.state);
    assert_eq!(authority.count("/par").await, 0);
}

#[tokio::test]
async fn the_client_authenticates_as_everywhere() {
    let secret = || ClientSecret::new("pw");
    for (auth, header, field) in [
        (ClientAuth::None, None, None),
        (ClientAuth::Basic(secret()), Some("Basic bXktYXBwOnB3"), None),
        (ClientAuth::Post(secret()), None, Some("client_secret")),
        (ClientAuth::SecretJwt(secret()), None, Some("client_assertion")),
    ] {
        let authority = pushing(true).await;
        accept(&authority, 201).await;
        start(&authority.builder().client_auth(auth.clone()).build().unwrap()).await.unwrap();
        let requests = authority.http.received_requests().await.unwrap();
        let request = requests.iter().find(|request| request.url.path() == "/par").unwrap();
        assert_eq!(request.headers.get("authorization").map(|value| value.to_str().unwrap()), header, "{auth:?}");
        assert_eq!(String::from_utf8_lossy(&request.body).matches("client_id=").count(), 1, "{auth:?}");
        let sent = &authority.sent("/par").await[0];
        let credentials: Vec<_> =
            ["client_secret", "client_assertion"].into_iter().filter(|name| sent.contains_key(*name)).collect();
        assert_eq!(credentials, Vec::from_iter(field), "{auth:?}");
    }
}

#[tokio::test]
async fn a_server_without_the_endpoint_is_a_matter_of_settings() {
    for (asked, required) in [(true, false), (false, true)] {
        let authority = Authority::silent().await;
        authority.publish(json!({ "require_pushed_authorization_requests": required })).await;
        let provider = authority.builder().pushed_authorization_requests(asked).build().unwrap();
        let error = start(&provider).await.unwrap_err();
        assert_eq!(error.kind(), Misconfigured);
        assert!(error.advice().unwrap().contains("let the server offer them"), "{error:?}");
    }
}

#[tokio::test]
async fn every_failure_has_its_meaning() {
    let text = |status, body: &str| ResponseTemplate::new(status).set_body_string(body);
    for (answer, expected) in [
        (text(400, r#"{"error":"invalid_request","error_description":"secret"}"#), Misconfigured),
        (text(401, r#"{"error":"invalid_client"}"#), Misconfigured),
        (text(404, "<html>secret"), Misconfigured),
        (text(307, "").insert_header("location", "/elsewhere"), Misconfigured),
        (text(429, ""), TryLater),
        (text(500, "secret"), OutcomeUnknown),
        (text(201, "secret"), InvalidAnswer),
        (text(201, r#"{"expires_in":60}"#), InvalidAnswer),
        (text(200, r#"{"request_uri":["secret"]}"#), InvalidAnswer),
    ] {
        let authority = pushing(true).await;
        authority.on("POST", "/par", answer.clone()).await;
        let error = start(&authority.provider()).await.unwrap_err();
        assert_eq!(error.kind(), expected, "{answer:?}");
        assert_shows_no_secret(&error);
        assert_eq!(authority.count("/par").await, 1, "sent once");
    }
}

#[tokio::test]
async fn nobody_listening_is_told_apart() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let authority = Authority::silent().await;
    let endpoint = format!("http://{closed}/par?key=secret");
    authority.publish(json!({ "pushed_authorization_request_endpoint": endpoint })).await;
    let provider = authority.builder().pushed_authorization_requests(true).build().unwrap();
    let error = start(&provider).await.unwrap_err();
    assert_eq!(error.kind(), NotSent);
    assert_shows_no_secret(&error);
}

#[tokio::test]
async fn the_dialect_judges_a_refusal() {
    #[derive(Debug)]
    struct Acme;
    impl Dialect for Acme {
        fn classify(&self, answer: &ErrorAnswer) -> Diagnosis {
            assert_eq!(answer.error(), "invalid_request");
            Diagnosis::from(Meaning::InteractionRequired).code("ACME1").advice("ask Acme")
        }
    }

    let authority = pushing(true).await;
    let refusal: Value = json!({ "error": "invalid_request" });
    authority.on("POST", "/par", ResponseTemplate::new(400).set_body_json(refusal)).await;
    let error = start(&authority.builder().dialect(Acme).build().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::InteractionRequired);
    assert_eq!((error.vendor_code(), error.advice()), (Some("ACME1"), Some("ask Acme")));
}

#[tokio::test]
async fn a_program_cannot_push_credentials_of_its_own() {
    let authority = pushing(true).await;
    accept(&authority, 201).await;
    for name in ["client_secret", "client_assertion", "client_assertion_type"] {
        let redirect_uri = Url::parse("http://127.0.0.1:9/callback").unwrap();
        let mut request = SignInRequest::new(redirect_uri, Scopes::default());
        request.parameters = vec![(name.to_owned(), "x".to_owned())];
        let error = authority.provider().authorization_request(request).await.unwrap_err();
        assert_eq!(error.kind(), Misconfigured, "{name}");
    }
    assert_eq!(authority.count("/par").await, 0);
}
