//! [`OrdersApi`]: an API of somebody else, which wants a bearer token.
//!
//! It has a port of its own and knows nothing of sessions: it asks the authorization server whose access token it was
//! shown (OIDC Core §5.3), at every call, so that a revoked one is refused at once.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use url::Url;

use crate::StartError;

/// The longest the authorization server may take, and the most it may say.
const PATIENCE: Duration = Duration::from_secs(5);
const MOST_BYTES: usize = 64 * 1024;

/// The running API; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct OrdersApi {
    pub(crate) url: Url,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Asking {
    http: reqwest::Client,
    discovery_url: String,
    userinfo_endpoint: OnceCell<String>,
}

impl OrdersApi {
    /// Starts it; it believes the tokens of `issuer`.
    pub(crate) async fn start(issuer: &str) -> Result<Self, StartError> {
        let http = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
        let http = if is_loopback(&Url::parse(issuer)?) { http.no_proxy() } else { http };
        let asking = Asking {
            http: http.build()?,
            discovery_url: format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')),
            userinfo_endpoint: OnceCell::new(),
        };
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let url = Url::parse(&format!("http://{}/orders", listener.local_addr()?))?;
        let router = Router::new().route("/orders", get(orders)).with_state(Arc::new(asking));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the API of the orders has ended");
            }
        });
        Ok(Self { url, task })
    }
}

impl Drop for OrdersApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn orders(State(asking): State<Arc<Asking>>, headers: HeaderMap) -> Response {
    let Some(authorization) = headers.get(AUTHORIZATION) else {
        return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")]).into_response();
    };
    match asking.owner(authorization.clone()).await {
        Ok(Some(owner)) => Json(json!({ "owner": owner, "orders": orders_of(&owner) })).into_response(),
        Ok(None) => {
            let challenge = r#"Bearer error="invalid_token""#;
            (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, challenge)]).into_response()
        }
        Err(error) => {
            tracing::warn!(error = %error.without_url(), "the authorization server did not say whose token it is");
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

impl Asking {
    /// Whose access token it is, if the authorization server accepts it.
    async fn owner(&self, authorization: axum::http::HeaderValue) -> Result<Option<String>, reqwest::Error> {
        let endpoint = self.userinfo_endpoint.get_or_try_init(|| self.discover()).await?;
        let answer = self.http.get(endpoint).header(AUTHORIZATION, authorization).send().await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            return Ok(None);
        }
        let claims = json_of(answer.error_for_status()?).await?;
        Ok(claims["sub"].as_str().map(str::to_owned))
    }

    async fn discover(&self) -> Result<String, reqwest::Error> {
        let document = json_of(self.http.get(&self.discovery_url).send().await?.error_for_status()?).await?;
        Ok(document["userinfo_endpoint"].as_str().unwrap_or_default().to_owned())
    }
}

/// The body, as far as it is JSON of a reasonable length.
async fn json_of(mut answer: reqwest::Response) -> Result<Value, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_BYTES {
            return Ok(Value::Null);
        }
    }
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}

/// The same for everybody: the API is here for its locked door.
fn orders_of(owner: &str) -> Value {
    let initial = owner.chars().next().map_or('x', |first| first.to_ascii_uppercase());
    let order = |number: u32, what: &str, price: &str| json!({ "id": format!("{initial}-{number}"), "what": what, "price": price });
    json!([
        order(1041, "Fountain pen, fine nib", "38.00"),
        order(1057, "Ink, midnight blue, 50 ml", "14.50"),
        order(1093, "Notebook, dotted, A5", "11.90"),
    ])
}

fn is_loopback(issuer: &Url) -> bool {
    match issuer.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
