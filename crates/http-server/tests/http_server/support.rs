//! A small world: an authorization server, two processes of one application, and browsers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::{any, get};
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use http::{Method, Request, Response, StatusCode};
use oidc_session_core::{ClientSecret, Scopes, SessionStore, SystemClock};
use oidc_session_http_server::{AuthState, Visitor, WebSessions, WebSessionsBuilder};
use oidc_session_manager::{KeyRing, SessionManager};
use oidc_session_provider_oidc::{ClientAuth, Oidc};
use oidc_session_store_memory::MemoryStore;
use oidc_session_testkit::{AuthorizationServer, AuthorizationServerBuilder, Client, ManualClock};
use tower::ServiceExt as _;
use url::Url;

pub(crate) const BASE: &str = "https://app.example";
pub(crate) const COOKIE_NAME: &str = "__Host-session";
pub(crate) const TOKEN_LIFETIME: Duration = Duration::from_secs(300);

/// An authorization server, and what the processes of one application share.
pub(crate) struct World {
    pub(crate) server: AuthorizationServer,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: ManualClock,
    ring: KeyRing,
}

/// One process of the application.
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) web: WebSessions,
    pub(crate) sessions: SessionManager,
    pub(crate) app: Router,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|server| server).await
    }

    pub(crate) async fn with(configure: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder) -> Self {
        let clock = ManualClock::new();
        let client = Client::confidential("web-app", "secret")
            .redirect_uri(format!("{BASE}/auth/callback").parse().unwrap())
            .post_logout_redirect_uri(format!("{BASE}/").parse().unwrap());
        let server = AuthorizationServer::builder()
            .client(client)
            .access_token_lifetime(TOKEN_LIFETIME)
            .clock(Arc::new(clock.clone()));
        let server = configure(server).start().await.unwrap();
        let ring = KeyRing::generate(oidc_session_core::Clock::now(&SystemClock));
        Self { server, store: Arc::new(MemoryStore::new()), clock, ring }
    }

    pub(crate) fn process(&self) -> Process {
        self.process_with(|web| web)
    }

    pub(crate) fn process_with(&self, configure: impl FnOnce(WebSessionsBuilder) -> WebSessionsBuilder) -> Process {
        self.process_over(Arc::clone(&self.store), configure)
    }

    pub(crate) fn process_over(
        &self,
        store: impl SessionStore,
        configure: impl FnOnce(WebSessionsBuilder) -> WebSessionsBuilder,
    ) -> Process {
        let provider = Oidc::builder(self.server.issuer().as_str(), "web-app")
            .client_auth(ClientAuth::Basic(ClientSecret::new("secret")))
            .clock(Arc::new(self.clock.clone()))
            .build()
            .unwrap();
        let sessions = SessionManager::builder(provider.clone(), store)
            .seal_with(self.ring.clone())
            .clock(self.clock.clone())
            .build()
            .unwrap();
        let web = WebSessions::builder(sessions.clone(), provider.clone(), BASE.parse().unwrap())
            .scopes(Scopes::parse("openid offline_access"))
            .back_channel_logout(provider);
        let web = configure(web).build().unwrap();
        Process { app: application(&web), web, sessions }
    }

    /// A browser that has signed in at `process`.
    pub(crate) async fn visitor(&self, process: &Process) -> Browser {
        let mut browser = Browser::new();
        let landed = self.sign_in(&mut browser, process, "/auth/login?return_to=/private").await;
        assert_eq!((landed.status, landed.location.as_deref()), (StatusCode::SEE_OTHER, Some("/private")));
        browser
    }

    /// Goes all the way from `login` to the answer of the callback.
    pub(crate) async fn sign_in(&self, browser: &mut Browser, process: &Process, login: &str) -> Answered {
        let callback = self.begin(browser, process, login).await;
        browser.get(process, &callback).await
    }

    /// Goes as far as the authorization server; returns the path and the query of the callback.
    pub(crate) async fn begin(&self, browser: &mut Browser, process: &Process, login: &str) -> String {
        let begun = browser.get(process, login).await;
        assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.body);
        let url: Url = begun.location.unwrap().parse().unwrap();
        let callback = self.server.authorize(&url).unwrap();
        callback[url::Position::BeforePath..].to_owned()
    }
}

fn application(web: &WebSessions) -> Router {
    Router::new()
        .route("/private", any(private))
        .route("/private/deep", get(private))
        .layer(web.guard())
        .route("/open", any(open))
        .route("/extracted", any(private))
        .merge(web.routes())
        .layer(web.layer())
}

async fn private(visitor: Visitor) -> String {
    let token = visitor.session().access_token().await.unwrap();
    format!("{} {}", visitor.outcome(), token.fingerprint_text())
}

async fn open(auth: AuthState) -> String {
    match auth {
        AuthState::SignedOut => "signed out".to_owned(),
        AuthState::SignedIn(_) => "signed in".to_owned(),
        AuthState::Ended(reason) => format!("ended: {}", reason.as_str()),
        AuthState::Unavailable(error) => format!("unavailable: {}", error.outcome()),
        _ => "something new".to_owned(),
    }
}

trait FingerprintText {
    fn fingerprint_text(&self) -> String;
}

impl FingerprintText for oidc_session_core::AccessToken {
    fn fingerprint_text(&self) -> String {
        format!("{:?}", self.fingerprint())
    }
}

/// A browser: it has cookies, and says where requests come from.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookies: BTreeMap<String, String>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) location: Option<String>,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn session(&self) -> Option<&str> {
        self.cookies.get(COOKIE_NAME).map(String::as_str)
    }

    pub(crate) fn pending(&self) -> Vec<String> {
        self.cookies.keys().filter(|name| name.contains("-pending-")).cloned().collect()
    }

    /// Goes to a page.
    pub(crate) async fn get(&mut self, process: &Process, path: &str) -> Answered {
        self.send(process, Method::GET, path, &[("sec-fetch-mode", "navigate")], "").await
    }

    /// Fetches, as a script of our own page does.
    pub(crate) async fn fetch(&mut self, process: &Process, path: &str) -> Answered {
        let headers = [("sec-fetch-mode", "cors"), ("sec-fetch-site", "same-origin")];
        self.send(process, Method::GET, path, &headers, "").await
    }

    /// Sends a form of our own page.
    pub(crate) async fn post(&mut self, process: &Process, path: &str) -> Answered {
        let headers = [("sec-fetch-mode", "navigate"), ("sec-fetch-site", "same-origin")];
        self.send(process, Method::POST, path, &headers, "").await
    }

    pub(crate) async fn send(
        &mut self,
        process: &Process,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answered {
        let mut request = Request::builder().method(method).uri(path);
        if !self.cookies.is_empty() {
            let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = process.app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        self.keep(&response);
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        Answered {
            status: parts.status,
            location: parts.headers.get(LOCATION).map(|location| location.to_str().unwrap().to_owned()),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    fn keep(&mut self, response: &Response<Body>) {
        for header in response.headers().get_all(SET_COOKIE) {
            let text = header.to_str().unwrap();
            let (name, rest) = text.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            assert!(text.contains("Secure") && text.contains("HttpOnly") && text.contains("SameSite=Lax"), "{name}");
            if text.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
