//! aliri_tokens: a task refreshes ahead of time, readers borrow the last token.

use std::convert::Infallible;
use std::sync::Arc;

use aliri_clock::DurationSecs;
use aliri_tokens::backoff::ErrorBackoffConfig;
use aliri_tokens::jitter::NullJitter;
use aliri_tokens::sources::AsyncTokenSource;
use aliri_tokens::{AccessToken, IdToken, TokenLifetimeConfig, TokenStatus, TokenWatcher, TokenWithLifetime};
use async_trait::async_trait;
use http::HeaderValue;

use crate::bearer::bearer;
use crate::{Peer, TokenEndpoint};

/// A watcher of a token.
#[derive(Debug)]
pub struct Aliri {
    watcher: TokenWatcher,
}

struct Source(Arc<TokenEndpoint>);

#[async_trait]
impl AsyncTokenSource for Source {
    type Error = Infallible;

    async fn request_token(&mut self) -> Result<TokenWithLifetime, Infallible> {
        let issued = self.0.token().await;
        let lifetimes = TokenLifetimeConfig::new(0.75, DurationSecs(0));
        let token = AccessToken::new(issued.token);
        Ok(lifetimes.create_token(token, None::<IdToken>, issued.lifetime.into()))
    }
}

impl Peer for Aliri {
    const NAME: &'static str = "aliri_tokens";

    async fn start(endpoint: Arc<TokenEndpoint>) -> Self {
        let backoff = ErrorBackoffConfig::default();
        let watching = TokenWatcher::spawn_from_token_source(Source(endpoint), NullJitter, backoff);
        Self { watcher: watching.await.unwrap_or_else(|never| match never {}) }
    }

    /// The borrow itself looks at no clock: an expired token is served like any other, so the storm must look.
    async fn authorization(&self) -> HeaderValue {
        let mut watcher = self.watcher.clone();
        while matches!(watcher.token().token_status(), TokenStatus::Expired) {
            watcher.changed().await.expect("the publisher lives as long as its watchers");
        }
        let token = watcher.token();
        bearer(token.access_token().as_str())
    }

    fn header(&self, _thread: usize) -> HeaderValue {
        bearer(self.watcher.token().access_token().as_str())
    }
}
