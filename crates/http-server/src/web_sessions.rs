//! [`WebSessions`]: the sessions of a web server's visitors.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use oidc_session_core::{BackChannelLogout, Scopes, SignIn, SignInRequest};
use oidc_session_manager::SessionManager;
use url::Url;

use crate::builder::WebSessionsBuilder;
use crate::cookies::SessionCookie;
use crate::directory::Directory;
use crate::pending::PendingCookies;
use crate::routes::{self, Paths};
use crate::{GuardLayer, SessionLayer};

/// The sessions of a web server's visitors: one for each browser that signed in. Cheap to clone.
///
/// Any number of processes may serve the same visitors, if they share the store and the key ring. Nothing about a visitor
/// is kept in one process alone.
#[derive(Clone)]
pub struct WebSessions(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) sessions: SessionManager,
    pub(crate) provider: Arc<dyn SignIn>,
    pub(crate) logout_tokens: Option<Arc<dyn BackChannelLogout>>,
    pub(crate) base_url: Url,
    pub(crate) paths: Paths,
    pub(crate) cookie: SessionCookie,
    pub(crate) pending: PendingCookies,
    pub(crate) directory: Directory,
    pub(crate) scopes: Scopes,
    pub(crate) resources: Vec<String>,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) sign_in_page: Option<String>,
    pub(crate) after_sign_in: String,
    pub(crate) after_logout: String,
}

impl WebSessions {
    /// Begins the sessions of the web server whose address, as browsers see it, is `base_url`: `https://app.example`. Only
    /// its scheme, host and port count. `http` is for loopback only.
    ///
    /// `provider` signs visitors in; `sessions` has the same provider, and a store.
    pub fn builder(sessions: SessionManager, provider: impl SignIn, base_url: Url) -> WebSessionsBuilder {
        WebSessionsBuilder::new(sessions, Arc::new(provider), base_url)
    }

    /// Finds the session of each request, and refreshes it before the handler runs. For the whole application, outermost
    /// of what asks for [`AuthState`](crate::AuthState).
    pub fn layer(&self) -> SessionLayer {
        SessionLayer::new(self.clone())
    }

    /// Lets signed-in visitors through, and answers the others: pages are redirected to the sign-in, fetches get a 401. For
    /// the routes that need a visitor.
    pub fn guard(&self) -> GuardLayer {
        GuardLayer::new()
    }

    /// The routes of signing in and out:
    ///
    /// - `GET /auth/login?return_to=/path` begins a sign-in;
    /// - `GET /auth/callback` finishes it: its address is to be registered at the authorization server;
    /// - `POST /auth/logout` ends the session here, revokes its tokens, and goes on to the end of the authorization
    ///   server's own session, if it has such a page;
    /// - `POST /auth/back-channel-logout`, with
    ///   [`back_channel_logout`](crate::WebSessionsBuilder::back_channel_logout), is for the authorization server.
    ///
    /// They bring their own [`layer`](Self::layer).
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        routes::router(self)
    }

    /// Where the authorization server sends browsers back to: to be registered there.
    pub fn redirect_uri(&self) -> Url {
        self.0.at(&self.0.paths.callback)
    }

    /// Where the authorization server sends logout tokens to: to be registered there.
    pub fn back_channel_logout_uri(&self) -> Url {
        self.0.at(&self.0.paths.back_channel_logout)
    }

    /// The path of the login route. `?return_to=` takes a path of this server.
    pub fn login_path(&self) -> &str {
        &self.0.paths.login
    }

    /// The path of the logout route, for the `action` of a form with the method `post`.
    pub fn logout_path(&self) -> &str {
        &self.0.paths.logout
    }
}

impl Shared {
    /// The address of a path of this server.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.base_url.clone();
        url.set_path(path);
        url
    }

    pub(crate) fn sign_in_request(&self) -> SignInRequest {
        let mut request = SignInRequest::new(self.at(&self.paths.callback), self.scopes.clone());
        request.resources.clone_from(&self.resources);
        request.parameters.clone_from(&self.parameters);
        request
    }
}

impl fmt::Debug for WebSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSessions")
            .field("base_url", &self.0.base_url.as_str())
            .field("provider", &self.0.provider)
            .finish_non_exhaustive()
    }
}
