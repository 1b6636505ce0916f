//! [`HttpSessionError`]: why a request was not sent, by what the caller can do about it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use oidc_session_manager::{SessionError, SessionErrorKind};

/// Why a request got no access token.
///
/// Such a request was not sent. Or, if this is found in the extensions of a 401
/// ([`of_answer`](Self::of_answer)), it was sent, refused, and the token could not be replaced.
///
/// Cheap to clone. `Display` is one clause without the cause.
#[derive(Clone, Debug)]
pub struct HttpSessionError {
    kind: SessionErrorKind,
    detail: &'static str,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl HttpSessionError {
    /// What the caller can do about it.
    pub fn kind(&self) -> SessionErrorKind {
        self.kind
    }

    /// What the session said, if there was one to ask.
    pub fn session_error(&self) -> Option<&SessionError> {
        self.source.as_deref().and_then(|source| source.downcast_ref())
    }

    /// Finds this error in another one, such as a `reqwest_middleware::Error` or the boxed error of a tower service.
    ///
    /// ```
    /// use oidc_session_http_client::HttpSessionError;
    /// # fn show_sign_in() {}
    ///
    /// fn look_at(error: &(dyn std::error::Error + 'static)) {
    ///     use oidc_session_manager::SessionErrorKind::SignInNeeded;
    ///     if HttpSessionError::find(error).is_some_and(|error| error.kind() == SignInNeeded) {
    ///         show_sign_in();
    ///     }
    /// }
    /// ```
    pub fn find<'error>(error: &'error (dyn Error + 'static)) -> Option<&'error Self> {
        let mut next = Some(error);
        for _ in 0..MOST_CAUSES {
            let error = next?;
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            #[cfg(feature = "reqwest")]
            if let Some(reqwest_middleware::Error::Middleware(inner)) = error.downcast_ref()
                && let Some(found) = inner.downcast_ref()
            {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    /// Why the token of an answer with status 401 could not be replaced, from the answer's extensions.
    ///
    /// `None` if nothing was tried: the answer did not say `invalid_token`, or the token was replaced a moment ago.
    pub fn of_answer(extensions: &http::Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// There is no session: none was named, or it is not there any more.
    pub(crate) fn is_absence(&self) -> bool {
        match self.session_error() {
            None => self.kind == SessionErrorKind::SignInNeeded,
            Some(error) => error.end_reason().is_some() || error.outcome() == "no_session",
        }
    }

    pub(crate) fn no_session_named() -> Self {
        let detail = "the request names no session, and there is none for all requests";
        Self { kind: SessionErrorKind::SignInNeeded, detail, source: None }
    }

    pub(crate) fn of_session(error: SessionError) -> Self {
        let detail = "the session has no valid access token for the request";
        Self { kind: error.kind(), detail, source: Some(Arc::new(error)) }
    }

    pub(crate) fn misconfigured(detail: &'static str) -> Self {
        Self { kind: SessionErrorKind::Misconfigured, detail, source: None }
    }

    #[cfg(feature = "dpop")]
    pub(crate) fn no_proof(cause: impl Error + Send + Sync + 'static) -> Self {
        Self {
            source: Some(Arc::new(cause)),
            ..Self::misconfigured("the possession of the session's key cannot be proven")
        }
    }
}

/// Causes are a few; a chain of them that does not end is none of ours.
const MOST_CAUSES: usize = 64;

impl fmt::Display for HttpSessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail)
    }
}

impl Error for HttpSessionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
