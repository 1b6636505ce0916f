//! [`WebSessionsBuilder`]: how a web server signs its visitors in.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{BackChannelLogout, Scopes, SignIn};
use oidc_session_manager::{Envelope, KeyRing, SessionManager};
use thiserror::Error;
use url::{Host, Url};

use crate::WebSessions;
use crate::cookies::SessionCookie;
use crate::directory::Directory;
use crate::pending::PendingCookies;
use crate::return_to::ReturnTo;
use crate::routes::Paths;
use crate::web_sessions::Shared;

/// Makes [`WebSessions`].
#[must_use = "a builder does nothing until it is built"]
pub struct WebSessionsBuilder {
    sessions: SessionManager,
    provider: Arc<dyn SignIn>,
    logout_tokens: Option<Arc<dyn BackChannelLogout>>,
    base_url: Url,
    routes_at: String,
    cookie_name: String,
    persist_for: Option<Duration>,
    cookie_keys: Option<KeyRing>,
    scopes: Scopes,
    resources: Vec<String>,
    parameters: Vec<(String, String)>,
    sign_in_page: Option<String>,
    after_sign_in: String,
    after_logout: String,
}

impl WebSessionsBuilder {
    pub(crate) fn new(sessions: SessionManager, provider: Arc<dyn SignIn>, base_url: Url) -> Self {
        Self {
            sessions,
            provider,
            logout_tokens: None,
            base_url,
            routes_at: "/auth".to_owned(),
            cookie_name: "session".to_owned(),
            persist_for: None,
            cookie_keys: None,
            scopes: Scopes::parse("openid offline_access"),
            resources: Vec::new(),
            parameters: Vec::new(),
            sign_in_page: None,
            after_sign_in: "/".to_owned(),
            after_logout: "/".to_owned(),
        }
    }

    /// The scopes to ask for. Default: `openid offline_access`.
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }

    /// A resource server that sessions are to reach (RFC 8707).
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// A further parameter of the authorization request, such as `prompt` or `ui_locales`.
    pub fn authorization_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Accepts logout tokens (OpenID Connect Back-Channel Logout 1.0): who logs out at the authorization server is logged
    /// out here, by all processes.
    ///
    /// Which sessions belong to a `sid` or a `sub` is then written down at each sign-in.
    pub fn back_channel_logout(mut self, provider: impl BackChannelLogout) -> Self {
        self.logout_tokens = Some(Arc::new(provider));
        self
    }

    /// Under which path the routes are. Default: `/auth`.
    pub fn routes_at(mut self, path: impl Into<String>) -> Self {
        self.routes_at = path.into();
        self
    }

    /// What the cookie is called after its prefix. Default: `session`. Two applications on one host need two names.
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie_name = name.into();
        self
    }

    /// For how long a browser keeps the cookie. Default: until it is closed. The session may end before.
    pub fn persist_for(mut self, time: Duration) -> Self {
        self.persist_for = Some(time);
        self
    }

    /// Seals sign-ins on their way with the keys of `ring`. Needed only where the sessions have no key ring and several
    /// processes share them. Default: the sessions' ring; without one, a ring of this process.
    pub fn seal_cookies_with(mut self, ring: KeyRing) -> Self {
        self.cookie_keys = Some(ring);
        self
    }

    /// The path of a page that asks visitors to sign in. It is told where to `return_to`, and a `reason` or an `error` in
    /// one word. Default: there is none, and visitors go straight to the authorization server.
    pub fn sign_in_page(mut self, path: impl Into<String>) -> Self {
        self.sign_in_page = Some(path.into());
        self
    }

    /// Where visitors go after a sign-in that was not asked for by a page. Default: `/`.
    pub fn after_sign_in(mut self, path: impl Into<String>) -> Self {
        self.after_sign_in = path.into();
        self
    }

    /// Where visitors go after a logout: the authorization server has to know the address. Default: `/`.
    pub fn after_logout(mut self, path: impl Into<String>) -> Self {
        self.after_logout = path.into();
        self
    }

    /// Makes the web sessions.
    ///
    /// # Errors
    ///
    /// The base URL, a path or the name of the cookie cannot be used.
    pub fn build(self) -> Result<WebSessions, BuildError> {
        let secure = is_secure(&self.base_url)?;
        let mut base_url = self.base_url;
        base_url.set_path("/");
        base_url.set_query(None);
        base_url.set_fragment(None);

        let is_own = |path: &str| ReturnTo::parse(path, &base_url).is_some_and(|parsed| parsed.as_str() == path);
        let pages = [Some(&self.after_sign_in), Some(&self.after_logout), self.sign_in_page.as_ref()];
        for path in pages.into_iter().flatten().chain([&self.routes_at]) {
            if !is_own(path) {
                return Err(BuildError::Path(path.clone()));
            }
        }
        let is_token = |name: &str| {
            let bytes = name.bytes();
            (1..=64).contains(&name.len()) && bytes.into_iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        if !is_token(&self.cookie_name) {
            return Err(BuildError::CookieName(self.cookie_name));
        }
        let envelope = self
            .cookie_keys
            .map(|ring| Envelope::new(ring, PENDING))
            .or_else(|| self.sessions.envelope(PENDING))
            .unwrap_or_else(|| Envelope::new(KeyRing::generate(self.sessions.now()), PENDING));
        let cookie = SessionCookie::new(&self.cookie_name, secure, self.persist_for);
        Ok(WebSessions(Arc::new(Shared {
            directory: Directory::new(self.sessions.clone(), base_url.as_str()),
            pending: PendingCookies::new(envelope, &cookie),
            paths: Paths::under(&self.routes_at),
            sessions: self.sessions,
            provider: self.provider,
            logout_tokens: self.logout_tokens,
            base_url,
            cookie,
            scopes: self.scopes,
            resources: self.resources,
            parameters: self.parameters,
            sign_in_page: self.sign_in_page,
            after_sign_in: self.after_sign_in,
            after_logout: self.after_logout,
        })))
    }
}

/// What sealed cookies are for.
const PENDING: &str = "pending sign-in";

/// Whether cookies may be for TLS only. Without TLS, anybody on the way could read them: that is for loopback.
fn is_secure(base_url: &Url) -> Result<bool, BuildError> {
    let is_loopback = match base_url.host() {
        Some(Host::Domain(domain)) => domain == "localhost" || domain.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(BuildError::BaseUrl),
    };
    match base_url.scheme() {
        "https" => Ok(true),
        "http" if is_loopback => Ok(false),
        "http" => Err(BuildError::NotTls),
        _ => Err(BuildError::BaseUrl),
    }
}

impl fmt::Debug for WebSessionsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSessionsBuilder").field("base_url", &self.base_url.as_str()).finish_non_exhaustive()
    }
}

/// Why there are no web sessions.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum BuildError {
    /// The base URL is no address of a web server.
    #[error("the base URL must be an http or https URL with a host")]
    BaseUrl,
    /// Cookies would travel in the clear. Give the address that browsers see, also behind a proxy that ends TLS.
    #[error("the base URL must begin with https, except on loopback")]
    NotTls,
    /// A path must be one of this server, such as `/sign-in`.
    #[error("{0:?} is not a path of this server; it must begin with one slash and be written as browsers write it")]
    Path(String),
    /// A cookie's name has letters, digits, `-` and `_`.
    #[error("{0:?} is no name for a cookie: use up to 64 letters, digits, - and _")]
    CookieName(String),
}
