//! [`ProviderError`]: why an authorization server could not do what it was asked.

use std::error::Error;
use std::fmt;
use std::time::Duration;

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
pub struct ProviderError(Box<Facts>);

/// Boxed, so that a result costs no more for what it rarely carries.
struct Facts {
    kind: ProviderErrorKind,
    detail: String,
    error: Option<String>,
    vendor_code: Option<String>,
    advice: Option<&'static str>,
    retry_after: Option<Duration>,
    sign_in_parameters: Vec<(String, String)>,
    before_sending: bool,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ProviderError {
    /// An error of `kind`; `detail` is one lowercase clause without secrets.
    pub fn new(kind: ProviderErrorKind, detail: impl Into<String>) -> Self {
        Self(Box::new(Facts {
            kind,
            detail: detail.into(),
            error: None,
            vendor_code: None,
            advice: None,
            retry_after: None,
            sign_in_parameters: Vec::new(),
            before_sending: kind == ProviderErrorKind::NotSent,
            source: None,
        }))
    }

    /// The same error with the OAuth error code the server sent (RFC 6749 §5.2).
    ///
    /// Anything that is not made of the characters of such a code, or longer than 64 bytes, is dropped.
    #[must_use]
    pub fn with_error_code(mut self, code: &str) -> Self {
        self.0.error = is_code(code).then(|| code.to_owned());
        self
    }

    /// The same error with the vendor's own code, such as `AADSTS700082`. The same characters are allowed.
    #[must_use]
    pub fn with_vendor_code(mut self, code: &str) -> Self {
        self.0.vendor_code = is_code(code).then(|| code.to_owned());
        self
    }

    /// The same error with what to do about it: one clause, such as `check the client id`.
    #[must_use]
    pub fn with_advice(mut self, advice: &'static str) -> Self {
        self.0.advice = Some(advice);
        self
    }

    /// The same error with what the next authorization request must carry, such as a `claims` challenge.
    #[must_use]
    pub fn with_sign_in_parameters(mut self, parameters: Vec<(String, String)>) -> Self {
        self.0.sign_in_parameters = parameters;
        self
    }

    /// The same error with how long the server asked to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    /// The same error, found before anything was sent: whatever its kind, no token was presented.
    #[must_use]
    pub fn before_sending(mut self) -> Self {
        self.0.before_sending = true;
        self
    }

    /// The same error with its cause. The cause must not quote a token, a secret, a body or a query.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> ProviderErrorKind {
        self.0.kind
    }

    /// The OAuth error code, such as `invalid_grant`.
    pub fn error_code(&self) -> Option<&str> {
        self.0.error.as_deref()
    }

    /// Whether a token may have been presented. A server that refuses a request may have spent it all the same.
    pub fn may_have_presented(&self) -> bool {
        !self.0.before_sending
    }

    /// The vendor's own code, such as `AADSTS700082`.
    pub fn vendor_code(&self) -> Option<&str> {
        self.0.vendor_code.as_deref()
    }

    /// What to do about it, if there is more to say than the kind does.
    pub fn advice(&self) -> Option<&'static str> {
        self.0.advice
    }

    /// How long the server asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What the next authorization request must carry to satisfy the server: parameters for
    /// [`SignInRequest::parameters`](crate::SignInRequest::parameters).
    pub fn sign_in_parameters(&self) -> &[(String, String)] {
        &self.0.sign_in_parameters
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)?;
        match (&self.0.error, &self.0.vendor_code) {
            (Some(code), Some(vendor_code)) => write!(f, " ({code}, {vendor_code})")?,
            (Some(code), None) | (None, Some(code)) => write!(f, " ({code})")?,
            (None, None) => {}
        }
        match self.0.advice {
            Some(advice) => write!(f, ": {advice}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderError")
            .field("kind", &self.0.kind)
            .field("detail", &self.0.detail)
            .field("error", &self.0.error)
            .field("vendor_code", &self.0.vendor_code)
            .field("retry_after", &self.0.retry_after)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl Error for ProviderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// Whether `code` is made of the characters of such codes: then it quotes no secret and breaks no line.
fn is_code(code: &str) -> bool {
    !code.is_empty() && code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
