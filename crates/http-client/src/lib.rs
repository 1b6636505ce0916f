//! A fresh access token on every outgoing request: a reqwest-middleware middleware and a tower layer.
//!
//! [`SessionAuth`] says which requests carry whose token: those to the origins that are named, and no other. A token that has
//! expired is refreshed first. One that the server refuses as `invalid_token` is refreshed if it is still the session's
//! token, and the request is sent once more; never on a 403, and not again and again at a server that refuses everything.
//!
//! With reqwest, [`SessionMiddleware`] makes the client:
//!
//! ```
//! # #[cfg(feature = "reqwest")]
//! # mod example {
//! use oidc_session_http_client::{SessionAuth, SessionMiddleware};
//! # use oidc_session_manager::SessionHandle;
//!
//! # pub async fn example(session: SessionHandle) -> Result<(), Box<dyn std::error::Error>> {
//! let auth = SessionAuth::builder("https://api.example".parse()?).session(session).build();
//! let client = SessionMiddleware::new(auth).client(reqwest::Client::builder())?;
//!
//! let answer = client.get("https://api.example/me").send().await?; // with the token
//! let answer = client.get("https://news.example/").send().await?; // without
//! # Ok(())
//! # }
//! # }
//! ```
//!
//! With tower, [`SessionLayer`] goes around any client of [`http::Request`]s:
//!
//! ```
//! # #[cfg(feature = "tower")]
//! # mod example {
//! use http::{Request, Response};
//! use oidc_session_http_client::{SessionAuth, SessionLayer};
//! use tower::{Layer as _, ServiceExt as _};
//! # use oidc_session_manager::SessionHandle;
//! # async fn send(_: Request<String>) -> Result<Response<String>, std::io::Error> {
//! #     Ok(Response::new(String::new()))
//! # }
//!
//! # pub async fn example(session: SessionHandle) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let auth = SessionAuth::builder("https://api.example".parse()?).session(session).build();
//! let client = SessionLayer::new(auth).layer(tower::service_fn(send));
//!
//! let answer = client.oneshot(Request::get("https://api.example/me").body(String::new())?).await?;
//! # Ok(())
//! # }
//! # }
//! ```
//!
//! A server that acts for its visitors names the session with each request ([`WithSession`]):
//!
//! ```
//! # #[cfg(feature = "reqwest")]
//! # mod example {
//! use oidc_session_http_client::{HttpSessionError, WithSession as _};
//! use oidc_session_manager::{SessionErrorKind, SessionHandle};
//! use reqwest_middleware::ClientWithMiddleware;
//!
//! /// Whether the visitor must sign in first.
//! pub async fn show_orders(client: &ClientWithMiddleware, visitor: SessionHandle) -> Result<bool, reqwest_middleware::Error> {
//!     match client.get("https://api.example/orders").with_session(visitor).send().await {
//!         Ok(orders) => Ok(orders.status() == http::StatusCode::UNAUTHORIZED),
//!         Err(error) => match HttpSessionError::find(&error) {
//!             Some(why) if why.kind() == SessionErrorKind::SignInNeeded => Ok(true),
//!             _ => Err(error),
//!         },
//!     }
//! }
//! # }
//! ```
//!
//! A session whose tokens are bound to a key (DPoP) needs the feature `dpop`: each request then has a proof of its own, with the
//! nonce that the server asked for. Without the feature such a request fails; the token is not sent.

#![cfg_attr(
    not(any(feature = "reqwest", feature = "tower")),
    expect(dead_code, reason = "without a client there is nobody to decide for")
)]

mod auth;
#[cfg(feature = "dpop")]
mod bound;
mod challenge;
mod error;
mod exchange;
#[cfg(feature = "tower")]
mod layer;
#[cfg(feature = "reqwest")]
mod middleware;
mod origin;
mod presented;
#[cfg(feature = "reqwest")]
mod redirect;
mod refusal;
#[cfg(feature = "tower")]
mod replay;
mod rests;
mod with_session;

pub use auth::{SessionAuth, SessionAuthBuilder, WithoutSession};
pub use error::HttpSessionError;
#[cfg(feature = "tower")]
pub use layer::{SessionLayer, SessionService};
#[cfg(feature = "reqwest")]
pub use middleware::SessionMiddleware;
pub use origin::{InvalidOrigin, ResourceOrigin};
#[cfg(feature = "tower")]
pub use replay::{Cloned, Never, Replay};
pub use with_session::WithSession;
