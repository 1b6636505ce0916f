//! [`ResourceServer`]: a server on loopback that remembers what it was sent.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{AUTHORIZATION, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode};
use oidc_session_http_client::ResourceOrigin;
use oidc_session_testkit::AuthorizationServer;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use url::Url;

pub(crate) const INVALID_TOKEN: &str = r#"Bearer realm="test", error="invalid_token", error_description="no, thanks""#;

/// Ends with its last test.
pub(crate) struct ResourceServer {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: AbortHandle,
}

/// A request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn authorization(&self) -> Option<&str> {
        self.header(AUTHORIZATION.as_str())
    }

    /// The access token, whatever the scheme.
    pub(crate) fn token(&self) -> &str {
        self.authorization().and_then(|value| value.split_once(' ')).map_or("", |(_, token)| token)
    }
}

impl ResourceServer {
    pub(crate) async fn start<F>(answer: impl Fn(Seen) -> F + Clone + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let noted = Arc::clone(&seen);
        let router = Router::new().fallback(move |request: Request| {
            let (noted, answer) = (Arc::clone(&noted), answer.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
                let path = parts.uri.path().to_owned();
                let seen = Seen { method: parts.method, path, headers: parts.headers, body };
                noted.lock().unwrap().push(seen.clone());
                answer(seen).await
            }
        });
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }).abort_handle();
        Self { address, seen, task }
    }

    /// Answers everything with the same.
    pub(crate) async fn always(status: u16, header: Option<(&'static str, &'static str)>) -> Self {
        Self::start(move |_| async move { answer(status, header) }).await
    }

    /// Takes what the authorization server holds for active.
    pub(crate) async fn of(server: &Arc<AuthorizationServer>) -> Self {
        let server = Arc::clone(server);
        Self::start(move |seen| {
            let active = server.is_active(seen.token());
            async move { if active { ok() } else { invalid_token() } }
        })
        .await
    }

    /// Takes any token but these.
    pub(crate) async fn refusing(tokens: &[&str]) -> Self {
        let refused: Arc<[String]> = tokens.iter().map(|token| (*token).to_owned()).collect();
        Self::start(move |seen| {
            let is_refused = seen.token().is_empty() || refused.iter().any(|token| token == seen.token());
            async move { if is_refused { invalid_token() } else { ok() } }
        })
        .await
    }

    pub(crate) fn origin(&self) -> ResourceOrigin {
        self.address.parse().unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&self.address).unwrap().join(path).unwrap()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The one request that arrived.
    pub(crate) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{} requests arrived", seen.len());
        seen.into_iter().next().unwrap()
    }
}

impl Drop for ResourceServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn ok() -> Response {
    "ok".into_response()
}

pub(crate) fn invalid_token() -> Response {
    answer(401, Some((WWW_AUTHENTICATE.as_str(), INVALID_TOKEN)))
}

pub(crate) fn redirect(status: u16, to: &str) -> Response {
    let mut response = answer(status, None);
    response.headers_mut().insert(LOCATION, to.parse().unwrap());
    response
}

pub(crate) fn answer(status: u16, header: Option<(&'static str, &'static str)>) -> Response {
    let mut response = Response::new(Body::from("body of the answer"));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    if let Some((name, value)) = header {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
