//! A scripted authorization server, and what every test needs beside it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oidc_session_core::{
    AccessToken, Clock, IdToken, ProviderError, ProviderId, RefreshToken, Session, Timestamp, TokenSet,
};
use oidc_session_provider_oidc::{Oidc, OidcBuilder};
use openidconnect::core::{CoreEdDsaPrivateSigningKey, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKeyId, PrivateSigningKey as _};
use serde_json::{Value, json};
use url::form_urlencoded;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

pub(crate) const CLIENT_ID: &str = "my-app";

/// What the clock of every test shows.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

/// An instant that does not pass.
#[derive(Debug)]
pub(crate) struct Standstill;

impl Clock for Standstill {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// Serves discovery and keys; a test scripts the rest.
pub(crate) struct Authority {
    pub(crate) http: MockServer,
}

impl Authority {
    /// A server that publishes itself and the key `k1`.
    pub(crate) async fn start() -> Self {
        let authority = Self::silent().await;
        authority.publish(json!({})).await;
        authority.publish_keys(&[("k1", 1)]).await;
        authority
    }

    /// A server that does not answer anything yet.
    pub(crate) async fn silent() -> Self {
        Self { http: MockServer::start().await }
    }

    pub(crate) fn issuer(&self) -> String {
        self.http.uri()
    }

    /// The metadata, with `changes`.
    pub(crate) fn metadata(&self, changes: Value) -> Value {
        let issuer = self.issuer();
        let mut metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/jwks"),
            "revocation_endpoint": format!("{issuer}/revoke"),
            "end_session_endpoint": format!("{issuer}/end"),
        });
        for (name, value) in changes.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        metadata
    }

    pub(crate) async fn publish(&self, changes: Value) {
        let answer = ResponseTemplate::new(200).set_body_json(self.metadata(changes));
        self.on("GET", "/.well-known/openid-configuration", answer).await;
    }

    pub(crate) async fn publish_keys(&self, keys: &[(&str, u8)]) {
        self.on("GET", "/jwks", key_set(keys)).await;
    }

    pub(crate) async fn on(&self, verb: &str, at: &str, answer: ResponseTemplate) {
        Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(&self.http).await;
    }

    /// How often `at` was asked for.
    pub(crate) async fn count(&self, at: &str) -> usize {
        let requests = self.http.received_requests().await.unwrap();
        requests.iter().filter(|request| request.url.path() == at).count()
    }

    pub(crate) fn builder(&self) -> OidcBuilder {
        Oidc::builder(&self.issuer(), CLIENT_ID).clock(Arc::new(Standstill))
    }

    pub(crate) fn provider(&self) -> Oidc {
        self.builder().build().unwrap()
    }

    /// A session of this server with tokens whose names are easy to search for.
    pub(crate) fn session(&self) -> Session {
        session_of(&self.issuer())
    }

    /// The fields of every request to `at`.
    pub(crate) async fn sent(&self, at: &str) -> Vec<BTreeMap<String, String>> {
        let requests = self.http.received_requests().await.unwrap();
        let there = requests.iter().filter(|request| request.url.path() == at);
        there.map(|request| form_urlencoded::parse(&request.body).into_owned().collect()).collect()
    }

    /// The claims of a good ID token, with `changes`.
    pub(crate) fn claims(&self, changes: Value) -> Value {
        let now = NOW.as_unix_seconds();
        let mut claims = json!({
            "iss": self.issuer(), "sub": "sub-1", "aud": CLIENT_ID, "iat": now, "exp": now + 300, "sid": "sid-1",
            "auth_time": now - 5,
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }
}

pub(crate) fn session_of(issuer: &str) -> Session {
    let mut tokens = TokenSet::new(NOW, NOW);
    tokens.access_token = Some(AccessToken::new("secret-at-1"));
    tokens.refresh_token = Some(RefreshToken::new("secret-rt-1"));
    tokens.id_token = Some(IdToken::new("secret.id.token"));
    Session::new(ProviderId::new("oidc"), issuer, CLIENT_ID, tokens)
}

pub(crate) fn key_set(keys: &[(&str, u8)]) -> ResponseTemplate {
    let keys: Vec<_> = keys.iter().map(|(kid, seed)| jwk(kid, *seed)).collect();
    ResponseTemplate::new(200).set_body_json(json!({ "keys": keys }))
}

/// The public key of `seed` under the name `kid`.
pub(crate) fn jwk(kid: &str, seed: u8) -> Value {
    serde_json::to_value(key(kid, seed).as_verification_key()).unwrap()
}

/// An ID token, signed with the key of `seed` under the name `kid`.
pub(crate) fn signed(kid: &str, seed: u8, claims: &Value) -> String {
    signed_as(&json!({ "alg": "EdDSA", "kid": kid }), seed, claims)
}

/// Any token with the Ed25519 signature of the key of `seed`, whatever `header` says.
pub(crate) fn signed_as(header: &Value, seed: u8, claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let input = format!("{}.{}", part(header), part(claims));
    let signature = key("", seed).sign(&CoreJwsSigningAlgorithm::EdDsa, input.as_bytes()).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Neither an error nor anything behind it may show a token, a secret, a body or a query.
pub(crate) fn assert_shows_no_secret(error: &ProviderError) {
    let mut shown = format!("{error} {error:?} {error:#?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        shown.push_str(&format!("{cause} {cause:?}"));
        source = cause.source();
    }
    // Advice may well say "client secret".
    assert!(!shown.replace("client secret", "").contains("secret"), "{shown}");
}

fn key(kid: &str, seed: u8) -> CoreEdDsaPrivateSigningKey {
    // PKCS #8 (RFC 8410 §7) around a seed that is anything but random.
    let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    der.extend([seed; 32]);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(JsonWebKeyId::new(kid.into()))).unwrap()
}
