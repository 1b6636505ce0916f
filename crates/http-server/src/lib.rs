//! A session for every visitor of a web server: the tokens stay on the server, the browser gets a cookie.
//!
//! ```
//! use axum::Router;
//! use axum::routing::get;
//! use oidc_session_core::Scopes;
//! use oidc_session_http_server::{AuthState, Visitor, WebSessions};
//! use oidc_session_manager::{SessionError, SessionManager};
//! # use oidc_session_provider_oidc::{ClientAuth, Oidc};
//! # use oidc_session_store_memory::MemoryStore;
//!
//! # fn app() -> Result<Router, Box<dyn std::error::Error>> {
//! let provider = Oidc::builder("https://login.example", "web-app").build()?;
//! let sessions = SessionManager::builder(provider.clone(), MemoryStore::new()).build()?;
//! let web = WebSessions::builder(sessions, provider.clone(), "https://app.example".parse()?)
//!     .scopes(Scopes::parse("openid profile offline_access"))
//!     .back_channel_logout(provider)
//!     .build()?;
//!
//! let app = Router::new()
//!     .route("/orders", get(orders))
//!     .layer(web.guard()) // signed-out visitors go to the sign-in, and come back
//!     .route("/", get(home))
//!     .merge(web.routes()) // /auth/login, /auth/callback, /auth/logout, /auth/back-channel-logout
//!     .layer(web.layer()); // finds the session of the cookie, and refreshes it before the handler runs
//! # Ok(app)
//! # }
//!
//! async fn home(auth: AuthState) -> &'static str {
//!     if auth.visitor().is_some() { "welcome back" } else { "hello" }
//! }
//!
//! async fn orders(visitor: Visitor) -> Result<String, axum::http::StatusCode> {
//!     let authorization = visitor.session().authorization().await.map_err(|_| axum::http::StatusCode::SERVICE_UNAVAILABLE)?;
//!     # let _ = authorization;
//!     Ok("an API was called with the visitor's access token".to_owned())
//! }
//! # fn main() { app().unwrap(); }
//! ```
//!
//! Start at [`WebSessions`]; [`SessionLayer`] says what happens to each request, [`GuardLayer`] what becomes of visitors
//! who are not signed in.
//!
//! # The cookie
//!
//! It holds a random id of 256 bits that is new at every sign-in and means nothing outside the server: `__Host-session`,
//! `HttpOnly`, `Secure`, `SameSite=Lax`, `Path=/`. On loopback without TLS it is `session`, and not `Secure`. The store
//! sees only the id's keyed hash. A cookie of a session that has ended is left where it is: taking it away with the answer
//! to an old request could take away the one of a new sign-in in another tab.
//!
//! # A sign-in on its way
//!
//! What has to be remembered between the login route and the callback (`state`, `nonce`, code verifier, where to return
//! to) travels in a cookie of its own, sealed with the sessions' key ring: so any process of a fleet can finish what another
//! began, nobody can fill a server's memory, and only the browser that began a sign-in can finish it. It is good once, for
//! ten minutes; a browser has at most four of them, so that several tabs may sign in at once.
//!
//! # Requests from other sites
//!
//! A request with a method that changes something (not `GET`, `HEAD`, `OPTIONS` or `TRACE`) and with the session's cookie
//! is refused if the browser says that another site sent it (`Sec-Fetch-Site`, else `Origin`). Handlers of `GET` must not
//! change anything.

mod answer;
mod auth_state;
mod builder;
mod cookies;
mod cross_site;
mod directory;
mod failure;
mod guard;
mod layer;
mod pending;
mod return_to;
mod routes;
mod web_sessions;

pub use auth_state::{AuthState, LayerMissing, Visitor, VisitorMissing};
pub use builder::{BuildError, WebSessionsBuilder};
pub use failure::SignInFailure;
pub use guard::{Guard, GuardFuture, GuardLayer};
pub use layer::{SessionFuture, SessionLayer, SessionService};
pub use web_sessions::WebSessions;
