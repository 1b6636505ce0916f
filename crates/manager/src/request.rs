//! [`Request`]: one request to the authorization server, bounded, timed and told of.

use std::future::Future;

use oidc_session_core::{ProviderError, ProviderErrorKind};
use tracing::Instrument as _;

use crate::observe::{self, metric};
use crate::shared::Shared;

/// What the authorization server is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Request {
    /// Whatever a refresh needs beside the refresh token.
    Prepare,
    /// The refresh.
    Refresh,
    /// The revocation of what an ended session had.
    Revoke,
}

impl Request {
    /// Asks, for as long as a request may take.
    pub(crate) async fn ask<T>(
        self,
        shared: &Shared,
        call: impl Future<Output = Result<T, ProviderError>> + Send,
    ) -> Result<T, ProviderError> {
        let budget = shared.provider.profile().request_budget;
        let (span, began) = (observe::provider_request_span(self.as_str()), shared.clock.monotonic());
        let asked = tokio::time::timeout(budget, call).instrument(span.clone()).await;
        let result = asked.unwrap_or_else(|_| Err(self.late()));
        let word = match &result {
            Ok(_) => metric::OK,
            Err(error) => observe::provider_word(error.kind()),
        };
        if result.is_err() {
            observe::failed(&span, word);
        }
        metric::provider_request(self.as_str(), word, shared.clock.monotonic().saturating_sub(began));
        result
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Refresh => "refresh",
            Self::Revoke => "revoke",
        }
    }

    fn late(self) -> ProviderError {
        match self {
            Self::Prepare => ProviderError::new(ProviderErrorKind::NotSent, "the authorization server took too long"),
            Self::Refresh | Self::Revoke => {
                ProviderError::new(ProviderErrorKind::OutcomeUnknown, "no answer within the request budget")
            }
        }
    }
}
