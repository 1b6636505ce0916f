//! [`SignIn`]: what a program needs around a session, from the authorization URL to the end-session URL.

use std::fmt;

use async_trait::async_trait;
use url::Url;

use crate::{CodeVerifier, DpopKey, ProviderError, Scopes, Session, Timestamp};

/// Signs a subject in with the authorization code flow and PKCE (RFC 6749 §4.1, RFC 7636, OIDC Core §3.1).
#[async_trait]
pub trait SignIn: fmt::Debug + Send + Sync + 'static {
    /// Makes an authorization URL with fresh `state`, `nonce` and code challenge.
    async fn authorization_request(&self, request: SignInRequest) -> Result<PendingSignIn, ProviderError>;

    /// Exchanges the code of a callback for a session.
    ///
    /// `callback` is the whole URL the browser was sent to. `state` and, where the server sends it, `iss` (RFC 9207)
    /// are checked before the code is used; the ID token is verified before the session exists.
    async fn exchange(&self, pending: PendingSignIn, callback: &Url) -> Result<Session, ProviderError>;

    /// Where to send the browser to end the provider's own session (OIDC RP-Initiated Logout), if the provider has one.
    async fn end_session_url(
        &self,
        session: &Session,
        post_logout_redirect_uri: Option<&Url>,
    ) -> Result<Option<Url>, ProviderError>;
}

/// What to ask for at a sign-in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignInRequest {
    /// Where the browser comes back to.
    pub redirect_uri: Url,
    /// The scopes to ask for; `openid` is always among them.
    pub scopes: Scopes,
    /// The resource servers that the session is to reach (RFC 8707): what its further access tokens may be for.
    pub resources: Vec<String>,
    /// Further parameters of the authorization request, such as `prompt` or `login_hint`.
    pub parameters: Vec<(String, String)>,
}

impl SignInRequest {
    /// A request for `scopes`, coming back to `redirect_uri`.
    pub fn new(redirect_uri: Url, scopes: Scopes) -> Self {
        Self { redirect_uri, scopes, resources: Vec::new(), parameters: Vec::new() }
    }
}

/// A sign-in that waits for its callback. It answers one callback, then it is spent.
#[non_exhaustive]
pub struct PendingSignIn {
    /// Where to send the browser.
    pub authorization_url: Url,
    /// As in the request.
    pub redirect_uri: Url,
    /// Ties the callback to this sign-in (RFC 6749 §10.12).
    pub state: String,
    /// Ties the ID token to this sign-in (OIDC Core §3.1.2.1).
    pub nonce: String,
    /// Ties the code to this sign-in (RFC 7636).
    pub code_verifier: CodeVerifier,
    /// The scopes that were asked for.
    pub scopes: Scopes,
    /// The resource servers that were asked for.
    pub resources: Vec<String>,
    /// When the authorization URL was made.
    pub started_at: Timestamp,
    /// The key to bind the tokens to, if they are to be bound (RFC 9449).
    pub dpop_key: Option<DpopKey>,
}

impl PendingSignIn {
    /// A pending sign-in. For implementations of [`SignIn`].
    pub fn new(
        authorization_url: Url,
        request: &SignInRequest,
        state: impl Into<String>,
        nonce: impl Into<String>,
        code_verifier: CodeVerifier,
        started_at: Timestamp,
    ) -> Self {
        Self {
            authorization_url,
            redirect_uri: request.redirect_uri.clone(),
            state: state.into(),
            nonce: nonce.into(),
            code_verifier,
            scopes: request.scopes.clone(),
            resources: request.resources.clone(),
            started_at,
            dpop_key: None,
        }
    }
}

impl fmt::Debug for PendingSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingSignIn")
            .field("redirect_uri", &self.redirect_uri.as_str())
            .field("started_at", &self.started_at)
            .finish_non_exhaustive()
    }
}
