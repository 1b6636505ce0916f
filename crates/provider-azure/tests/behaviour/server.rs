//! A scripted authorization server of Microsoft's kind, and what every test needs beside it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oidc_session_core::{
    Clock, PendingSignIn, ProviderError, RefreshToken, Scopes, Session, SignIn as _, SignInRequest, Target, Timestamp,
    TokenAnswer, TokenSet,
};
use oidc_session_core::{Provider as _, ProviderId};
use oidc_session_provider_oidc::{Oidc, OidcBuilder};
use openidconnect::core::{CoreEdDsaPrivateSigningKey, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKeyId, PrivateSigningKey as _};
use serde_json::{Value, json};
use url::Url;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub(crate) const CLIENT_ID: &str = "cccccccc-2222-3333-4444-555555555555";
pub(crate) const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const OTHER_TENANT: &str = "22222222-2222-3333-4444-555555555555";
pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:9/cb";

/// What the clock of every test shows.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

#[derive(Debug)]
struct Standstill;

impl Clock for Standstill {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// Serves discovery and keys under one path; a test scripts the rest.
pub(crate) struct Server {
    pub(crate) http: MockServer,
    /// The path before `/v2.0` and `/oauth2/v2.0`, such as `/common`.
    base: String,
}

impl Server {
    /// A server that publishes itself under `base` with `issuer`, in which `{host}` stands for its own address.
    pub(crate) async fn start(base: &str, issuer: &str) -> Self {
        let server = Self { http: MockServer::start().await, base: base.to_owned() };
        server.publish(issuer, "").await;
        let keys = json!({ "keys": [key().as_verification_key()] });
        server.on("GET", &format!("{base}/discovery/v2.0/keys"), ResponseTemplate::new(200).set_body_json(keys)).await;
        server
    }

    /// An address of this server.
    pub(crate) fn at(&self, rest: &str) -> String {
        format!("{}{rest}", self.http.uri())
    }

    /// The metadata, with `query` on every endpoint that a browser or a client is sent to.
    pub(crate) async fn publish(&self, issuer: &str, query: &str) {
        let endpoint = |rest: &str| format!("{}{rest}{query}", self.at(&self.base));
        let metadata = json!({
            "issuer": issuer.replace("{host}", &self.http.uri()),
            "authorization_endpoint": endpoint("/oauth2/v2.0/authorize"),
            "token_endpoint": endpoint("/oauth2/v2.0/token"),
            "end_session_endpoint": endpoint("/oauth2/v2.0/logout"),
            "device_authorization_endpoint": endpoint("/oauth2/v2.0/devicecode"),
            "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
            "jwks_uri": self.at(&format!("{}/discovery/v2.0/keys", self.base)),
        });
        let at = format!("{}/v2.0/.well-known/openid-configuration", self.base);
        Mock::given(method("GET"))
            .and(path(at))
            .respond_with(ResponseTemplate::new(200).set_body_json(metadata))
            // The one published last counts.
            .with_priority(if query.is_empty() { 5 } else { 1 })
            .mount(&self.http)
            .await;
    }

    pub(crate) async fn on(&self, verb: &str, at: &str, answer: ResponseTemplate) {
        Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(&self.http).await;
    }

    /// Answers the next request to the token endpoint, and no other.
    pub(crate) async fn answer_once(&self, answer: ResponseTemplate) {
        let at = format!("{}/oauth2/v2.0/token", self.base);
        let mock = Mock::given(method("POST")).and(path(at)).respond_with(answer);
        mock.up_to_n_times(1).mount(&self.http).await;
    }

    /// The requests to the token endpoint.
    pub(crate) async fn token_requests(&self) -> Vec<Request> {
        let requests = self.http.received_requests().await.unwrap();
        requests.into_iter().filter(|request| request.url.path().ends_with("/oauth2/v2.0/token")).collect()
    }

    /// The fields of the last request to the token endpoint.
    pub(crate) async fn last_fields(&self) -> BTreeMap<String, String> {
        let requests = self.token_requests().await;
        url::form_urlencoded::parse(&requests.last().unwrap().body).into_owned().collect()
    }

    /// Signs in: the token endpoint answers with `answer`, and an ID token with `claims`.
    pub(crate) async fn sign_in(
        &self,
        provider: &Oidc,
        scopes: &str,
        answer: Value,
        claims: Value,
    ) -> Result<Session, ProviderError> {
        let pending = pending(provider, scopes).await?;
        let callback = Url::parse(&format!("{REDIRECT_URI}?code=code-1&state={}", pending.state)).unwrap();
        let id_token = id_token(&changed(claims, json!({ "nonce": pending.nonce })));
        let answer = changed(answer, json!({ "id_token": id_token }));
        self.answer_once(ResponseTemplate::new(200).set_body_json(answer)).await;
        provider.exchange(pending, &callback).await
    }

    /// Refreshes: the token endpoint answers with `answer`.
    pub(crate) async fn refresh(
        &self,
        provider: &Oidc,
        session: &Session,
        target: &Target,
        answer: ResponseTemplate,
    ) -> Result<TokenAnswer, ProviderError> {
        self.answer_once(answer).await;
        provider.refresh(session, target).await
    }
}

/// A client of a test: time stands still.
pub(crate) fn build(builder: OidcBuilder) -> Oidc {
    builder.clock(Arc::new(Standstill)).build().unwrap()
}

pub(crate) async fn pending(provider: &Oidc, scopes: &str) -> Result<PendingSignIn, ProviderError> {
    let request = SignInRequest::new(Url::parse(REDIRECT_URI).unwrap(), Scopes::parse(scopes));
    provider.authorization_request(request).await
}

/// A session of `issuer` that was not signed in here.
pub(crate) fn imported(issuer: &str) -> Session {
    let mut tokens = TokenSet::new(NOW, NOW);
    tokens.refresh_token = Some(RefreshToken::new("rt-1"));
    Session::new(ProviderId::new("imported"), issuer, CLIENT_ID, tokens)
}

/// The answer that grants everything.
pub(crate) fn granted(changes: Value) -> Value {
    let answer = json!({
        "token_type": "Bearer", "access_token": "at-1", "refresh_token": "rt-1", "expires_in": 4799,
        "client_info": URL_SAFE_NO_PAD.encode(r#"{"uid":"uid-1","utid":"utid-1"}"#),
    });
    changed(answer, changes)
}

pub(crate) fn ok(answer: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(answer)
}

/// The claims of a good ID token of `issuer`.
pub(crate) fn claims(issuer: &str, changes: Value) -> Value {
    let now = NOW.as_unix_seconds();
    changed(json!({ "iss": issuer, "sub": "sub-1", "aud": CLIENT_ID, "iat": now, "exp": now + 300 }), changes)
}

pub(crate) fn id_token(claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let input = format!("{}.{}", part(&json!({ "alg": "EdDSA", "kid": "k1" })), part(claims));
    let signature = key().sign(&CoreJwsSigningAlgorithm::EdDsa, input.as_bytes()).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn changed(mut object: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

fn key() -> CoreEdDsaPrivateSigningKey {
    // PKCS #8 (RFC 8410 §7) around a seed that is anything but random.
    let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    der.extend([1; 32]);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(JsonWebKeyId::new("k1".into()))).unwrap()
}
