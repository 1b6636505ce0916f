//! [`BackChannelLogout`]: how an authorization server says that a subject has logged out elsewhere.

use std::fmt;

use async_trait::async_trait;

use crate::{ProviderError, Timestamp};

/// Understands back-channel logout (OpenID Connect Back-Channel Logout 1.0). An optional power of a provider.
#[async_trait]
pub trait BackChannelLogout: fmt::Debug + Send + Sync + 'static {
    /// Verifies the `logout_token` of a back-channel logout request (§2.6), all but whether it has been used before:
    /// that is known to whoever acts on it, after the act.
    ///
    /// May fetch metadata and signing keys.
    ///
    /// # Errors
    ///
    /// `InvalidAnswer` for every token that must not be acted upon: answer 400 and keep the sessions. `NotSent`,
    /// `TryLater` and `Misconfigured` if metadata or keys cannot be had: nobody knows whether the token is good.
    async fn verify_logout_token(&self, token: &str) -> Result<LogoutToken, ProviderError>;
}

/// A verified back-channel logout token (OpenID Connect Back-Channel Logout 1.0 §2.4).
///
/// It ends the sessions of `issuer` that have its `sid`; without a `sid`, all of its `subject`. At least one is there.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LogoutToken {
    /// `iss`, in the spelling that [`Session::issuer`](crate::Session::issuer) keeps.
    pub issuer: String,
    /// `sub`: whose sessions end.
    pub subject: Option<String>,
    /// `sid`: which session ends.
    pub sid: Option<String>,
    /// `jti`: the name of this token, unique at its issuer.
    pub jti: String,
    /// `iat`: when it was issued, by the server's clock.
    pub issued_at: Timestamp,
    /// `exp`: when it expires, by the server's clock. Whoever remembers `jti` may forget it two minutes later.
    pub expires_at: Timestamp,
}

impl LogoutToken {
    /// A token that names neither a subject nor a session yet. For implementations of [`BackChannelLogout`].
    pub fn new(issuer: impl Into<String>, jti: impl Into<String>, issued_at: Timestamp, expires_at: Timestamp) -> Self {
        Self { issuer: issuer.into(), subject: None, sid: None, jti: jti.into(), issued_at, expires_at }
    }
}
