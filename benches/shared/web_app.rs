//! [`WebApp`]: a small web application, with the session layer and without it. In a file of its own beside the library, so that
//! what the gate builds with optimisation stays small.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use http::header::COOKIE;
use oidc_session_core::SessionId;
use oidc_session_http_server::WebSessions;
use oidc_session_provider_oidc::Oidc;

use oidc_session_benches::SignedIn;

/// A small web application, with the session layer and without it, and a visitor whose access token is fresh.
pub(crate) struct WebApp {
    /// Without any layer.
    pub(crate) plain: Router,
    /// With the session layer.
    pub(crate) layered: Router,
    /// With the session layer, and a guard before its route.
    pub(crate) guarded: Router,
    /// Keeps the visitor's session known.
    pub(crate) sessions: SignedIn,
    cookie: String,
}

impl WebApp {
    /// An application and its visitor.
    pub(crate) fn new() -> Self {
        let id = SessionId::random();
        let sessions = SignedIn::all(std::slice::from_ref(&id));
        let provider = Oidc::builder("https://login.example", "web-app").build().expect("the address is good");
        let base_url = "https://app.example".parse().expect("a URL");
        let web = WebSessions::builder(sessions.manager.clone(), provider, base_url).build().expect("it fits");
        let app = || Router::new().route("/", get(async || "hello"));
        Self {
            plain: app(),
            layered: app().layer(web.layer()),
            guarded: app().layer(web.guard()).layer(web.layer()),
            cookie: format!("__Host-session={}", id.expose()),
            sessions,
        }
    }

    /// A request of the visitor.
    pub(crate) fn request(&self) -> Request<Body> {
        Request::get("/").header(COOKIE, &self.cookie).body(Body::empty()).expect("a request")
    }

    /// The name of the visitor's session, as the browser sends it.
    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }
}
