//! [`World`]: an authorization server, and sessions that are signed in there.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{Scopes, SessionId, SignIn as _, SignInRequest};
use oidc_session_http_client::{ResourceOrigin, SessionAuth, SessionAuthBuilder, SessionMiddleware};
use oidc_session_manager::{SessionHandle, SessionManager};
use oidc_session_provider_oidc::Oidc;
use oidc_session_store_memory::MemoryStore;
use oidc_session_testkit::{AuthorizationServer, AuthorizationServerBuilder, ManualClock};
use reqwest_middleware::ClientWithMiddleware;

/// Longer than any test lets pass.
pub(crate) const LIFETIME: Duration = Duration::from_secs(3600);

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) server: Arc<AuthorizationServer>,
    provider: Oidc,
    sessions: SessionManager,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|server| server, false).await
    }

    pub(crate) async fn with(
        settings: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
        dpop: bool,
    ) -> Self {
        let clock = ManualClock::new();
        let server = AuthorizationServer::builder().access_token_lifetime(LIFETIME).clock(Arc::new(clock.clone()));
        let server = settings(server).start().await.unwrap();
        let provider = Oidc::builder(server.issuer().as_str(), "native-app")
            .clock(Arc::new(clock.clone()))
            .dpop(dpop)
            .build()
            .unwrap();
        let store = MemoryStore::with_clock(Arc::new(clock.clone()));
        let sessions = SessionManager::builder(provider.clone(), store).clock(clock.clone()).build().unwrap();
        Self { clock, server: Arc::new(server), provider, sessions }
    }

    /// A session that nobody has signed in to.
    pub(crate) fn session(&self, name: &str) -> SessionHandle {
        self.sessions.session(&SessionId::named(name).unwrap())
    }

    pub(crate) async fn signed_in(&self, name: &str) -> SessionHandle {
        self.signed_in_for(name, &[]).await
    }

    /// A session whose refresh token also reaches these.
    pub(crate) async fn signed_in_for(&self, name: &str, resources: &[&str]) -> SessionHandle {
        let session = self.session(name);
        let redirect_uri = "http://127.0.0.1:8400/callback".parse().unwrap();
        let mut request = SignInRequest::new(redirect_uri, Scopes::parse("openid offline_access"));
        request.resources = resources.iter().map(|resource| (*resource).to_owned()).collect();
        let pending = self.provider.authorization_request(request).await.unwrap();
        let callback = self.server.authorize(&pending.authorization_url).unwrap();
        session.sign_in(self.provider.exchange(pending, &callback).await.unwrap()).await.unwrap();
        session
    }

    pub(crate) fn auth(&self, origin: &ResourceOrigin) -> SessionAuthBuilder {
        SessionAuth::builder(origin.clone()).clock(self.clock.clone())
    }

    /// A program with one session, which it uses at `origin`.
    pub(crate) fn client(&self, session: &SessionHandle, origin: &ResourceOrigin) -> ClientWithMiddleware {
        client(self.auth(origin).session(session.clone()).build())
    }

    pub(crate) fn refreshes(&self) -> u64 {
        self.server.counters().refresh_requests
    }
}

pub(crate) fn client(auth: SessionAuth) -> ClientWithMiddleware {
    SessionMiddleware::new(auth).client(reqwest::Client::builder().no_proxy()).unwrap()
}

/// How a token is sent.
pub(crate) async fn bearer(session: &SessionHandle) -> String {
    format!("Bearer {}", session.access_token().await.unwrap().expose())
}
