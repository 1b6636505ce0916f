//! [`SessionError`]: why no valid access token can be had, by what the caller can do about it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{
    EndReason, ProviderError, ProviderErrorKind, RecordError, StoreError, StoreErrorKind, Violation,
};
use oidc_session_policy::protocol::{Failure, FailureCause};

/// What the caller can do about a [`SessionError`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SessionErrorKind {
    /// There is no session, it has ended, or the subject must act at the authorization server. Sign in.
    SignInNeeded,
    /// The session is kept; later may help. See [`SessionError::retry_in`].
    Unavailable,
    /// Client, issuer, address or store settings are wrong. Tell the operator; the session is kept.
    Misconfigured,
    /// The stored session cannot be read. Nothing was destroyed; restore the store, or sign in again.
    Damaged,
}

/// Why no valid access token can be had.
///
/// Cheap to clone: every caller of a shared refresh gets the same one. `Display` is one clause without the cause.
#[derive(Clone)]
pub struct SessionError(Arc<Facts>);

/// Behind a pointer: a result that is no error should not carry the room for one.
#[derive(Clone)]
struct Facts {
    kind: SessionErrorKind,
    outcome: &'static str,
    detail: String,
    end_reason: Option<EndReason>,
    retry_in: Option<Duration>,
    sign_in_parameters: Arc<[(String, String)]>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl SessionError {
    /// What the caller can do about it.
    pub fn kind(&self) -> SessionErrorKind {
        self.0.kind
    }

    /// The outcome as one stable word, such as `unavailable`, `outcome_unknown` or `ended`.
    pub fn outcome(&self) -> &'static str {
        self.0.outcome
    }

    /// Why the session ended, if it has.
    pub fn end_reason(&self) -> Option<EndReason> {
        self.0.end_reason
    }

    /// When trying again makes sense, if that is known.
    pub fn retry_in(&self) -> Option<Duration> {
        self.0.retry_in
    }

    /// What the next sign-in must ask for to satisfy the authorization server, such as a `claims` challenge: parameters
    /// for [`SignInRequest::parameters`](oidc_session_core::SignInRequest::parameters).
    pub fn sign_in_parameters(&self) -> &[(String, String)] {
        &self.0.sign_in_parameters
    }

    fn new(kind: SessionErrorKind, outcome: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self(Arc::new(Facts {
            kind,
            outcome,
            detail,
            end_reason: None,
            retry_in: None,
            sign_in_parameters: Arc::default(),
            source: None,
        }))
    }

    fn facts(&mut self) -> &mut Facts {
        Arc::make_mut(&mut self.0)
    }

    fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.facts().source = Some(Arc::new(source));
        self
    }

    pub(crate) fn no_session() -> Self {
        Self::new(SessionErrorKind::SignInNeeded, "no_session", "there is no session; sign in first")
    }

    pub(crate) fn ended(reason: EndReason) -> Self {
        let outcome = crate::Outcome::Ended(reason).as_str();
        let detail = format!("the session has ended: {reason}; {}", after(reason));
        let mut error = Self::new(SessionErrorKind::SignInNeeded, outcome, detail);
        error.facts().end_reason = Some(reason);
        error
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(SessionErrorKind::Unavailable, "unavailable", "the refresh was interrupted; the session is kept")
    }

    pub(crate) fn lifetime_too_short(lifetime: Duration, wanted: Duration) -> Self {
        let detail = format!("access tokens of this server live {lifetime:?}, less than the {wanted:?} asked for");
        Self::new(SessionErrorKind::Misconfigured, "lifetime_too_short", detail)
    }

    pub(crate) fn busy() -> Self {
        Self::new(SessionErrorKind::Unavailable, "unavailable", "the session kept changing meanwhile; try again")
    }

    pub(crate) fn expired_on_arrival() -> Self {
        Self::unavailable("the access token had expired by the time it was stored")
    }

    pub(crate) fn old_on_arrival() -> Self {
        Self::unavailable("the access token was too old for what was asked by the time it was stored")
    }

    pub(crate) fn not_a_header() -> Self {
        Self::new(
            SessionErrorKind::Misconfigured,
            "misconfigured",
            "the access token has characters that no Authorization header may carry",
        )
    }

    /// What a failed flight means to its callers. The causes are what the last store and provider calls said.
    pub(crate) fn from_failure(failure: Failure, provider: Option<ProviderError>, store: Option<StoreError>) -> Self {
        let mut error = match failure.cause {
            FailureCause::Store(kind) => {
                let (kind, outcome) = of_store(kind);
                let error = Self::new(kind, outcome, "the session store failed");
                store.map_or(error.clone(), |cause| error.because(cause))
            }
            FailureCause::Provider(kind) => {
                let (kind, outcome, detail) = of_provider(kind);
                let mut error = Self::new(kind, outcome, detail);
                if let Some(cause) = provider {
                    error.facts().sign_in_parameters = cause.sign_in_parameters().into();
                    error = error.because(cause);
                }
                error
            }
            FailureCause::Violation(violation) => {
                Self::new(SessionErrorKind::Unavailable, "answer_refused", refused(violation))
            }
            FailureCause::NoRefreshToken => Self::new(
                SessionErrorKind::SignInNeeded,
                "no_refresh_token",
                format!("there is no refresh token; {}", after(EndReason::NoRefreshToken)),
            ),
            FailureCause::NoTurn => Self::unavailable("too many other sessions are being refreshed"),
            FailureCause::LeaseHeld => Self::unavailable("another process is refreshing and has not finished"),
            FailureCause::Paused => Self::unavailable("an earlier refresh failed, and it is too early for the next"),
            FailureCause::TooSoon => Self::unavailable("the server's access tokens expire as soon as they arrive"),
            _ => Self::unavailable("the session kept changing meanwhile"),
        };
        error.facts().retry_in = failure.retry_in;
        error
    }

    /// The same error, told again to somebody who came later.
    pub(crate) fn again_in(mut self, retry_in: Option<Duration>) -> Self {
        self.facts().retry_in = retry_in;
        self
    }

    fn unavailable(detail: &'static str) -> Self {
        Self::new(SessionErrorKind::Unavailable, "unavailable", detail)
    }
}

/// What to do when a session has ended.
fn after(reason: EndReason) -> &'static str {
    match reason {
        EndReason::NoRefreshToken => "sign in again, with the scope offline_access where the server needs it",
        EndReason::RejectedAfterUnknownOutcome => {
            "sign in again; if that happens often, set a reuse window at the server and declare no more than that one"
        }
        EndReason::Moved => "use the store it was moved to",
        _ => "sign in again",
    }
}

fn refused(violation: Violation) -> String {
    format!("the authorization server's answer must not be used: {violation}")
}

fn of_store(kind: StoreErrorKind) -> (SessionErrorKind, &'static str) {
    match kind {
        StoreErrorKind::Corrupt => (SessionErrorKind::Damaged, "damaged"),
        StoreErrorKind::Denied | StoreErrorKind::Misconfigured => (SessionErrorKind::Misconfigured, "misconfigured"),
        _ => (SessionErrorKind::Unavailable, "unavailable"),
    }
}

fn of_provider(kind: ProviderErrorKind) -> (SessionErrorKind, &'static str, &'static str) {
    match kind {
        ProviderErrorKind::Misconfigured | ProviderErrorKind::Refused => (
            SessionErrorKind::Misconfigured,
            "misconfigured",
            "the client or the address of the authorization server is not set up right",
        ),
        ProviderErrorKind::InteractionRequired => (
            SessionErrorKind::SignInNeeded,
            "interaction_required",
            "the authorization server wants the user to sign in again",
        ),
        ProviderErrorKind::OutcomeUnknown | ProviderErrorKind::InvalidAnswer => (
            SessionErrorKind::Unavailable,
            "outcome_unknown",
            "the authorization server's answer was lost; the session is kept",
        ),
        _ => (
            SessionErrorKind::Unavailable,
            "unavailable",
            "the authorization server cannot be reached now; the session is kept",
        ),
    }
}

impl fmt::Debug for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionError")
            .field("kind", &self.0.kind)
            .field("outcome", &self.0.outcome)
            .field("detail", &self.0.detail)
            .field("end_reason", &self.0.end_reason)
            .field("retry_in", &self.0.retry_in)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl Error for SessionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<StoreError> for SessionError {
    fn from(cause: StoreError) -> Self {
        let (kind, outcome) = of_store(cause.kind());
        Self::new(kind, outcome, "the session store failed").because(cause)
    }
}

impl From<RecordError> for SessionError {
    fn from(cause: RecordError) -> Self {
        let (kind, outcome) = of_store(cause.kind());
        Self::new(kind, outcome, "the stored session cannot be read").because(cause)
    }
}
