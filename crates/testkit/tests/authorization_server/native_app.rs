//! [`NativeApp`]: a minimal client of the server under test.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_session_core::{Clock, Timestamp};
use oidc_session_testkit::{AuthorizationServer, AuthorizationServerBuilder};
use reqwest::header::AUTHORIZATION;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;
use url::Url;

/// RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const CALLBACK: &str = "http://127.0.0.1:49152/callback";

/// A running server, and the client `native-app` that talks to it.
pub(crate) struct NativeApp {
    pub(crate) server: AuthorizationServer,
    http: reqwest::Client,
}

/// A status and the JSON that came with it.
pub(crate) type Answer = (StatusCode, Value);

impl NativeApp {
    pub(crate) async fn start() -> Self {
        Self::start_with(AuthorizationServer::builder()).await
    }

    pub(crate) async fn start_with(builder: AuthorizationServerBuilder) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { server: builder.start().await.unwrap(), http }
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        self.server.issuer().join(path).unwrap()
    }

    pub(crate) fn get(&self, url: impl reqwest::IntoUrl) -> RequestBuilder {
        self.http.get(url)
    }

    pub(crate) fn post(&self, path: &str, form: &[(&str, &str)]) -> RequestBuilder {
        self.http.post(self.url(path)).form(form)
    }

    pub(crate) fn authorization_url(&self, more: &[(&str, &str)]) -> Url {
        let mut url = self.url("authorize");
        let request = [
            ("response_type", "code"),
            ("client_id", "native-app"),
            ("redirect_uri", CALLBACK),
            ("scope", "openid offline_access"),
            ("state", "the state"),
            ("nonce", "the nonce"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        // What is given replaces the usual value.
        let usual = request.iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
        url.query_pairs_mut().extend_pairs(usual).extend_pairs(more);
        url
    }

    pub(crate) fn code(&self) -> String {
        self.code_for(&[])
    }

    /// A code that `more` was asked for.
    pub(crate) fn code_for(&self, more: &[(&str, &str)]) -> String {
        let callback = self.server.authorize(&self.authorization_url(more)).unwrap();
        parameter(&callback, "code").unwrap()
    }

    pub(crate) async fn redeem(&self, code: &str, verifier: &str) -> Answer {
        self.redeem_with(code, verifier, &[]).await
    }

    pub(crate) async fn redeem_with(&self, code: &str, verifier: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", "native-app"),
            ("redirect_uri", CALLBACK),
            ("code", code),
            ("code_verifier", verifier),
        ];
        form.extend(more);
        answer(self.post("token", &form)).await
    }

    /// Signs in and returns the answer of the token endpoint.
    pub(crate) async fn sign_in(&self) -> Value {
        let (status, body) = self.redeem(&self.code(), VERIFIER).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    pub(crate) fn refresh_request(&self, refresh_token: &Value) -> RequestBuilder {
        let refresh_token = refresh_token.as_str().unwrap();
        let form = [("grant_type", "refresh_token"), ("client_id", "native-app"), ("refresh_token", refresh_token)];
        self.post("token", &form)
    }

    pub(crate) async fn refresh(&self, refresh_token: &Value) -> Answer {
        answer(self.refresh_request(refresh_token)).await
    }

    pub(crate) async fn refresh_with(&self, refresh_token: &Value, more: &[(&str, &str)]) -> Answer {
        let refresh_token = refresh_token.as_str().unwrap();
        let mut form =
            vec![("grant_type", "refresh_token"), ("client_id", "native-app"), ("refresh_token", refresh_token)];
        form.extend(more);
        answer(self.post("token", &form)).await
    }

    pub(crate) async fn userinfo(&self, access_token: &Value) -> reqwest::Response {
        let bearer = format!("Bearer {}", access_token.as_str().unwrap());
        self.get(self.url("userinfo")).header(AUTHORIZATION, bearer).send().await.unwrap()
    }
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The claims of an ID token, not verified.
pub(crate) fn claims(body: &Value) -> Value {
    let payload = body["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// A clock that stands still until it is told.
#[derive(Debug, Default)]
pub(crate) struct StoppedClock(AtomicI64);

impl StoppedClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(1_700_000_000) + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.load(Ordering::Relaxed)).unwrap())
    }
}
