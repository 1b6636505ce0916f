//! [`Provider`]: what keeping a session alive needs of an authorization server.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{ProviderId, Session, TokenAnswer};

/// One authorization server, as the session manager sees it.
///
/// # Contract
///
/// - `prepare` does everything a refresh needs that can fail without the refresh token (discovery, keys). It runs
///   before the lease is taken. It caches what it learned.
/// - `refresh` presents the refresh token of `session` **at most once**, and returns within
///   [`request_budget`](ProviderProfile::request_budget). It does nothing after the answer that can fail or wait: the
///   answer must reach the store first.
/// - The kind of a failure is a promise. [`NotSent`](ProviderErrorKind::NotSent) only if no byte of the request can
///   have arrived; [`Rejected`](ProviderErrorKind::Rejected) only for a parsed verdict of the token endpoint; a broken
///   or missing answer is [`OutcomeUnknown`](ProviderErrorKind::OutcomeUnknown).
/// - Errors and `Debug` output never contain a token, a secret or an answer's body.
#[async_trait]
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// The facts about this server, as data.
    fn profile(&self) -> &ProviderProfile;

    /// Gets ready to refresh `session`, without using its tokens.
    async fn prepare(&self, session: &Session) -> Result<(), ProviderError>;

    /// Presents the refresh token of `session` to the token endpoint (RFC 6749 §6).
    async fn refresh(&self, session: &Session) -> Result<TokenAnswer, ProviderError>;

    /// Revokes the refresh token of `session`, or else its access token (RFC 7009).
    async fn revoke(&self, session: &Session) -> Result<Revocation, ProviderError>;
}

/// A provider that is chosen at run time: `Arc<dyn Provider>` is a provider.
#[async_trait]
impl<P: Provider + ?Sized> Provider for Arc<P> {
    fn profile(&self) -> &ProviderProfile {
        (**self).profile()
    }

    async fn prepare(&self, session: &Session) -> Result<(), ProviderError> {
        (**self).prepare(session).await
    }

    async fn refresh(&self, session: &Session) -> Result<TokenAnswer, ProviderError> {
        (**self).refresh(session).await
    }

    async fn revoke(&self, session: &Session) -> Result<Revocation, ProviderError> {
        (**self).revoke(session).await
    }
}

/// Facts about an authorization server that decide how its sessions are kept alive.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ProviderProfile {
    /// Which adapter this is.
    pub id: ProviderId,
    /// How long a consumed refresh token may be presented again, if the server allows it at all.
    pub reuse_window: Option<Duration>,
    /// The longest a `refresh` takes, connection and answer included. A lease must outlive it.
    pub request_budget: Duration,
}

impl ProviderProfile {
    /// A profile that promises nothing beyond plain OIDC: no reuse window, ten seconds for a request.
    pub fn new(id: ProviderId) -> Self {
        Self { id, reuse_window: None, request_budget: Duration::from_secs(10) }
    }
}

/// What became of a revocation.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Revocation {
    /// The server took it.
    Done,
    /// The server offers no revocation, or the session has nothing to revoke.
    Unsupported,
}

/// What the caller can do about a [`ProviderError`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ProviderErrorKind {
    /// Nothing reached the server. Later may help; repeating is harmless.
    NotSent,
    /// The request may have been processed, but no usable answer came back.
    OutcomeUnknown,
    /// The server asked to come back later (429, 503). It did not process the request.
    TryLater,
    /// A verdict: the grant is gone for good. Sign in again.
    Rejected,
    /// The subject must do something at the authorization server. Sign in again; the session is kept.
    InteractionRequired,
    /// The subject or the server refused the sign-in.
    Refused,
    /// Client id, secret, issuer or address are wrong. Tell the operator; the session is kept.
    Misconfigured,
    /// The server broke the protocol in a way that must not be trusted, such as an ID token that does not verify.
    InvalidAnswer,
}

/// Why an authorization server could not do what it was asked.
///
/// `Display` is one clause without the cause; [`source`](Error::source) gives the cause.
pub struct ProviderError {
    kind: ProviderErrorKind,
    detail: String,
    error: Option<String>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ProviderError {
    /// An error of `kind`; `detail` is one lowercase clause without secrets.
    pub fn new(kind: ProviderErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), error: None, retry_after: None, source: None }
    }

    /// The same error with the OAuth error code the server sent (RFC 6749 §5.2).
    ///
    /// Anything that is not made of the characters of such a code, or longer than 64 bytes, is dropped.
    #[must_use]
    pub fn with_error_code(mut self, code: &str) -> Self {
        let well_formed = !code.is_empty()
            && code.len() <= 64
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        self.error = well_formed.then(|| code.to_owned());
        self
    }

    /// The same error with how long the server asked to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// The same error with its cause. The cause must not quote a token, a secret, a body or a query.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> ProviderErrorKind {
        self.kind
    }

    /// The OAuth error code, such as `invalid_grant`.
    pub fn error_code(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// How long the server asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)?;
        match &self.error {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderError")
            .field("kind", &self.kind)
            .field("detail", &self.detail)
            .field("error", &self.error)
            .field("retry_after", &self.retry_after)
            .field("source", &self.source)
            .finish()
    }
}

impl Error for ProviderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
