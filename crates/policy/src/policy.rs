//! [`RefreshPolicy`]: how long before its expiry an access token is refreshed.

use std::fmt;
use std::time::Duration;

use oidc_session_core::TokenSet;

/// Decides how early a session is refreshed.
///
/// A policy names a wish; [`Schedule::plan`](crate::Schedule::plan) turns it into instants and keeps it within bounds,
/// so that no policy can cause a refresh on every call.
///
/// ```
/// use std::time::Duration;
/// use oidc_session_core::TokenSet;
/// use oidc_session_policy::RefreshPolicy;
///
/// /// Refreshes when a tenth of the lifetime is left.
/// #[derive(Debug)]
/// struct LastTenth;
///
/// impl RefreshPolicy for LastTenth {
///     fn skew(&self, tokens: &TokenSet) -> Duration {
///         tokens.expires_in.unwrap_or_default() / 10
///     }
/// }
/// ```
pub trait RefreshPolicy: fmt::Debug + Send + Sync + 'static {
    /// How long before expiry the access token is due. Zero: only once it has expired.
    fn skew(&self, tokens: &TokenSet) -> Duration;

    /// The lifetime to assume for an access token whose server never said.
    ///
    /// `None`, the default: it counts as fresh until a resource server refuses it.
    fn assumed_lifetime(&self, _tokens: &TokenSet) -> Option<Duration> {
        None
    }
}

/// Refreshes an access token only once it has expired: the documented "refresh the session" flow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ExpiredOnly;

impl RefreshPolicy for ExpiredOnly {
    fn skew(&self, _tokens: &TokenSet) -> Duration {
        Duration::ZERO
    }
}

/// Refreshes a skew before expiry: when `now + skew >= requested_at + expires_in`.
///
/// Inside the skew the access token is still served, so an early refresh that fails costs nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Preemptive {
    skew: Duration,
}

impl Preemptive {
    /// Refreshes `skew` before expiry, but never before three quarters of the lifetime have passed.
    pub const fn skew(skew: Duration) -> Self {
        Self { skew }
    }
}

impl RefreshPolicy for Preemptive {
    fn skew(&self, _tokens: &TokenSet) -> Duration {
        self.skew
    }
}

/// What becomes of a session when a refresh that it needed failed.
///
/// "Fails" hides two cases. A **verdict** of the authorization server (`invalid_grant`) ends the session under either
/// reading. A **failure to get a verdict** (network, 429, 5xx) proves nothing about the session.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum OnRefreshFailure {
    /// Only a verdict ends the session. Without one it stays stored: the caller gets an error and no expired token, and
    /// a later call refreshes. The default, because a network fault must not log anybody out.
    #[default]
    DiscardOnVerdict,
    /// Rule four to the letter: any refresh that was needed and failed ends the session.
    DiscardAlways,
}
