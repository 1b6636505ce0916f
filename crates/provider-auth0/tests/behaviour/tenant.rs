//! A scripted tenant, and what every test needs beside it.

use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_session_core::{
    AccessToken, ClientSecret, IdToken, ProviderError, ProviderId, RefreshToken, Session, Timestamp, TokenSet,
};
use oidc_session_provider_auth0::Auth0;
use oidc_session_provider_oidc::{ClientAuth, Oidc};
use oidc_session_testkit::ManualClock;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub(crate) const CLIENT_ID: &str = "CID";
pub(crate) const AUDIENCE: &str = "https://api.acme.example";
pub(crate) const NOW: Timestamp = ManualClock::START;

/// A tenant as Auth0 publishes it; a test scripts what its endpoints answer.
pub(crate) struct Tenant {
    http: MockServer,
}

impl Tenant {
    /// A tenant that publishes an `end_session_endpoint`, as those do that were made since 14 November 2023.
    pub(crate) async fn start() -> Self {
        Self::publishing(json!({ "end_session_endpoint": "oidc/logout" })).await
    }

    /// A tenant whose metadata has `further` addresses, relative to the issuer.
    pub(crate) async fn publishing(further: Value) -> Self {
        let tenant = Self { http: MockServer::start().await };
        let issuer = tenant.issuer();
        let mut metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}authorize"),
            "token_endpoint": format!("{issuer}oauth/token"),
            "device_authorization_endpoint": format!("{issuer}oauth/device/code"),
            "userinfo_endpoint": format!("{issuer}userinfo"),
            "jwks_uri": format!("{issuer}.well-known/jwks.json"),
            "revocation_endpoint": format!("{issuer}oauth/revoke"),
        });
        for (name, address) in further.as_object().unwrap() {
            metadata[name] = json!(format!("{issuer}{}", address.as_str().unwrap()));
        }
        let metadata = ResponseTemplate::new(200).set_body_json(metadata);
        tenant.on("GET", "/.well-known/openid-configuration", metadata).await;
        let x = URL_SAFE_NO_PAD.encode(key().public_key().as_ref());
        let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "k1", "x": x }] });
        tenant.on("GET", "/.well-known/jwks.json", ResponseTemplate::new(200).set_body_json(keys)).await;
        tenant
    }

    /// With the slash at its end.
    pub(crate) fn issuer(&self) -> String {
        format!("{}/", self.http.uri())
    }

    /// The configuration that tests start from: the domain alone.
    pub(crate) fn auth0(&self) -> Auth0 {
        Auth0::new(&self.http.uri()).unwrap()
    }

    /// The tenant for the API of most tests, and a public client.
    pub(crate) fn provider(&self) -> Oidc {
        built(self.auth0().audience(AUDIENCE), ClientAuth::None)
    }

    pub(crate) async fn on(&self, verb: &str, at: &str, answer: ResponseTemplate) {
        Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(&self.http).await;
    }

    pub(crate) async fn on_token(&self, answer: Value) {
        self.on("POST", "/oauth/token", ResponseTemplate::new(200).set_body_json(answer)).await;
    }

    /// The requests that `at` has seen.
    pub(crate) async fn requests(&self, at: &str) -> Vec<Request> {
        let requests = self.http.received_requests().await.unwrap();
        requests.into_iter().filter(|request| request.url.path() == at).collect()
    }

    /// The bodies that `at` has seen.
    pub(crate) async fn bodies(&self, at: &str) -> Vec<String> {
        let requests = self.requests(at).await;
        requests.into_iter().map(|request| String::from_utf8(request.body).unwrap()).collect()
    }

    /// A session of this tenant with tokens whose names are easy to search for.
    pub(crate) fn session(&self) -> Session {
        let mut tokens = TokenSet::new(NOW, NOW);
        tokens.access_token = Some(AccessToken::new("hidden-at-1"));
        tokens.refresh_token = Some(RefreshToken::new("v1.hidden-rt-1"));
        tokens.id_token = Some(IdToken::new("hidden.id.token"));
        Session::new(ProviderId::new("auth0"), self.issuer(), CLIENT_ID, tokens)
    }

    /// An ID token of this tenant with `changes` to its claims.
    pub(crate) fn id_token(&self, changes: &Value) -> String {
        let now = NOW.as_unix_seconds();
        let mut claims = json!({
            "iss": self.issuer(), "sub": "auth0|1", "aud": CLIENT_ID, "iat": now, "exp": now + 36_000, "sid": "sid-1",
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        signed(&claims)
    }
}

/// The provider of `auth0` with a clock that stands still.
pub(crate) fn built(auth0: Auth0, auth: ClientAuth) -> Oidc {
    auth0.client(CLIENT_ID).client_auth(auth).clock(Arc::new(ManualClock::new())).build().unwrap()
}

pub(crate) fn secret() -> ClientSecret {
    ClientSecret::new("hidden-secret")
}

/// A JWT with `claims`, signed with the key that the tenant publishes.
pub(crate) fn signed(claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let input = format!("{}.{}", part(&json!({ "alg": "EdDSA", "typ": "JWT", "kid": "k1" })), part(claims));
    let signature = key().sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

/// Neither an error nor anything behind it may show a token, a secret or what the server wrote beside its code.
pub(crate) fn assert_shows_nothing_hidden(error: &ProviderError) {
    let mut shown = format!("{error} {error:?} {error:#?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        shown.push_str(&format!("{cause} {cause:?}"));
        source = cause.source();
    }
    assert!(!shown.contains("hidden"), "{shown}");
}

fn key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap()
}
