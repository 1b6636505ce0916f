//! [`Provider`]: what keeping a session alive needs of an authorization server.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{ProviderError, ProviderProfile, Session, Target, TokenAnswer};

/// One authorization server, as the session manager sees it.
///
/// # Contract
///
/// - `prepare` does everything a refresh needs that can fail without the refresh token (discovery, keys). It runs
///   before the lease is taken. It caches what it learned.
/// - `refresh` presents the refresh token of `session` **at most once**, and returns within
///   [`request_budget`](crate::ProviderProfile::request_budget). It does nothing after the answer that can fail or wait: the
///   answer must reach the store first.
/// - A request that the server refuses unread for want of a nonce (RFC 9449 §8, `use_dpop_nonce`) presents nothing:
///   `refresh` may send it once more with the nonce, within the same budget.
/// - The kind of a failure is a promise. [`NotSent`](crate::ProviderErrorKind::NotSent) only if no byte of the request
///   can have arrived; [`Rejected`](crate::ProviderErrorKind::Rejected) only for a parsed verdict of the token endpoint;
///   a broken or missing answer is [`OutcomeUnknown`](crate::ProviderErrorKind::OutcomeUnknown).
/// - Errors and `Debug` output never contain a token, a secret or an answer's body.
#[async_trait]
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// The facts about this server, as data.
    fn profile(&self) -> &ProviderProfile;

    /// Gets ready to refresh `session`, without using its tokens.
    async fn prepare(&self, session: &Session) -> Result<(), ProviderError>;

    /// Presents the refresh token of `session` to the token endpoint (RFC 6749 §6), for the access token of `target`.
    async fn refresh(&self, session: &Session, target: &Target) -> Result<TokenAnswer, ProviderError>;

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

    async fn refresh(&self, session: &Session, target: &Target) -> Result<TokenAnswer, ProviderError> {
        (**self).refresh(session, target).await
    }

    async fn revoke(&self, session: &Session) -> Result<Revocation, ProviderError> {
        (**self).revoke(session).await
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
