//! A scripted user pool: the service host, which publishes it, and the login domain, where its endpoints are.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oidc_session_core::{
    AccessToken, ClientSecret, Clock, ProviderError, ProviderId, RefreshToken, Session, Timestamp, TokenSet,
};
use oidc_session_provider_cognito::Cognito;
use oidc_session_provider_oidc::{ClientAuth, Oidc};
use openidconnect::core::{CoreEdDsaPrivateSigningKey, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKeyId, PrivateSigningKey as _};
use serde_json::{Value, json};
use url::Url;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub(crate) const POOL_ID: &str = "eu-west-1_AbCdEf123";
pub(crate) const CLIENT_ID: &str = "1example23456789";
pub(crate) const ORIGINAL_ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123";
pub(crate) const UPDATED_ISSUER: &str = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123";

/// What the clock of every test shows.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

/// An instant that does not pass.
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

pub(crate) struct Pool {
    pub(crate) service: MockServer,
    pub(crate) login: MockServer,
}

impl Pool {
    /// A pool that publishes itself, its endpoints on the login domain, and the key `k1`.
    pub(crate) async fn start() -> Self {
        let pool = Self::silent().await;
        pool.publish(json!({})).await;
        pool
    }

    /// A pool without a domain. As seen at real ones, its metadata names endpoints that do not exist.
    pub(crate) async fn without_domain() -> Self {
        let pool = Self::silent().await;
        let issuer = pool.issuer();
        pool.publish(json!({
            "authorization_endpoint": format!("{issuer}/authorize"), "token_endpoint": format!("{issuer}/token"),
            "revocation_endpoint": null, "end_session_endpoint": null,
        }))
        .await;
        pool
    }

    /// A pool that does not answer anything yet.
    pub(crate) async fn silent() -> Self {
        Self { service: MockServer::start().await, login: MockServer::start().await }
    }

    pub(crate) fn issuer(&self) -> String {
        format!("{}/{POOL_ID}", self.service.uri())
    }

    /// Publishes the metadata, with `changes`, and the key `k1`.
    pub(crate) async fn publish(&self, changes: Value) {
        let (issuer, login) = (self.issuer(), self.login.uri());
        let mut metadata = json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
            "authorization_endpoint": format!("{login}/oauth2/authorize"),
            "token_endpoint": format!("{login}/oauth2/token"),
            "revocation_endpoint": format!("{login}/oauth2/revoke"),
            "userinfo_endpoint": format!("{login}/oauth2/userInfo"),
            "end_session_endpoint": format!("{login}/logout"),
            "scopes_supported": ["openid", "email", "phone", "profile"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        });
        for (name, value) in changes.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        for (document, body) in
            [("openid-configuration", metadata), ("jwks.json", json!({ "keys": [key().as_verification_key()] }))]
        {
            let answer = ResponseTemplate::new(200).set_body_json(body);
            let at = format!("/{POOL_ID}/.well-known/{document}");
            Mock::given(method("GET")).and(path(at)).respond_with(answer).mount(&self.service).await;
        }
    }

    pub(crate) fn cognito(&self) -> Cognito {
        Cognito::emulator(&self.service.uri(), POOL_ID).unwrap()
    }

    /// A public client.
    pub(crate) fn provider(&self) -> Oidc {
        built(self.cognito(), ClientAuth::None)
    }

    /// A session of this pool with tokens whose names are easy to search for.
    pub(crate) fn session(&self) -> Session {
        let mut tokens = TokenSet::new(NOW, NOW);
        tokens.access_token = Some(AccessToken::new("secret-at-1"));
        tokens.refresh_token = Some(RefreshToken::new("secret-rt-1"));
        Session::new(ProviderId::new("cognito"), self.issuer(), CLIENT_ID, tokens)
    }

    /// An ID token with `changes` to the usual claims.
    pub(crate) fn id_token(&self, changes: Value) -> String {
        let now = NOW.as_unix_seconds();
        let mut claims = json!({
            "iss": self.issuer(), "sub": "sub-1", "aud": CLIENT_ID, "iat": now, "exp": now + 3600,
            "auth_time": now - 5, "token_use": "id", "origin_jti": "jti-0", "jti": "jti-1",
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        signed(&claims)
    }
}

/// A provider of `cognito` whose clock stands still.
pub(crate) fn built(cognito: Cognito, auth: ClientAuth) -> Oidc {
    cognito.client(CLIENT_ID).client_auth(auth).clock(Arc::new(Standstill)).build().unwrap()
}

pub(crate) fn basic() -> ClientAuth {
    ClientAuth::Basic(ClientSecret::new("secret-pw"))
}

pub(crate) fn post() -> ClientAuth {
    ClientAuth::Post(ClientSecret::new("secret-pw"))
}

pub(crate) async fn answer(server: &MockServer, at: &str, answer: ResponseTemplate) {
    Mock::given(method("POST")).and(path(at)).respond_with(answer).mount(server).await;
}

pub(crate) fn json_answer(status: u16, body: Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

/// What was sent to `at`.
pub(crate) async fn sent(server: &MockServer, at: &str) -> Vec<Request> {
    let requests = server.received_requests().await.unwrap();
    requests.into_iter().filter(|request| request.url.path() == at).collect()
}

/// The one request that was sent to `at`.
pub(crate) async fn sent_once(server: &MockServer, at: &str) -> Request {
    let mut requests = sent(server, at).await;
    assert_eq!(requests.len(), 1, "sent once to {at}");
    requests.remove(0)
}

pub(crate) fn text_of(request: &Request) -> String {
    String::from_utf8(request.body.clone()).unwrap()
}

pub(crate) fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name).map(|value| value.to_str().unwrap())
}

/// The parameters of `url`, but the ones that are random.
pub(crate) fn query(url: &Url) -> Vec<(String, String)> {
    const RANDOM: [&str; 3] = ["state", "nonce", "code_challenge"];
    url.query_pairs().into_owned().filter(|(name, _)| !RANDOM.contains(&name.as_str())).collect()
}

/// Neither an error nor anything behind it may show a token, a secret or a body.
pub(crate) fn assert_shows_no_secret(error: &ProviderError) {
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("secret-"), "{shown}");
}

fn signed(claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let input = format!("{}.{}", part(&json!({ "alg": "EdDSA", "kid": "k1" })), part(claims));
    let signature = key().sign(&CoreJwsSigningAlgorithm::EdDsa, input.as_bytes()).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn key() -> CoreEdDsaPrivateSigningKey {
    // PKCS #8 (RFC 8410 §7) around a seed that is anything but random.
    let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    der.extend([1; 32]);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(JsonWebKeyId::new("k1".into()))).unwrap()
}
