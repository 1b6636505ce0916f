//! huskarl: its cache in memory, with a source of its public trait.

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderValue;
use huskarl::cache::{InMemoryTokenCache, TokenError, TokenSource};
use huskarl::core::platform::MaybeSendBoxFuture;
use huskarl::grant::core::{RawTokenResponse, TokenResponse};
use huskarl::token::AccessToken;

use crate::{Peer, TokenEndpoint};

/// A cache of a token.
#[derive(Debug)]
pub struct Huskarl {
    cache: InMemoryTokenCache<Source>,
}

#[derive(Debug)]
struct Source(Arc<TokenEndpoint>);

impl TokenSource for Source {
    fn token(&self) -> MaybeSendBoxFuture<'_, Result<Arc<TokenResponse>, TokenError>> {
        Box::pin(async move {
            let issued = self.0.token().await;
            let answer = RawTokenResponse::builder()
                .access_token(issued.token)
                .token_type("Bearer")
                .expires_in(issued.lifetime.as_secs())
                .build();
            Ok(Arc::new(answer.into_token_response(None, now()).expect("a bearer token")))
        })
    }
}

impl Peer for Huskarl {
    const NAME: &'static str = "huskarl";

    async fn start(endpoint: Arc<TokenEndpoint>) -> Self {
        let cache = InMemoryTokenCache::builder().source(Source(endpoint)).build();
        cache.token().await.expect("the endpoint does not fail");
        Self { cache }
    }

    async fn authorization(&self) -> HeaderValue {
        let answer = self.cache.token().await.expect("the endpoint does not fail");
        let AccessToken::Bearer(token) = answer.access_token() else {
            unreachable!("the endpoint issues bearer tokens")
        };
        let mut header = token.expose_header_value().expect("a token of letters");
        header.set_sensitive(true);
        header
    }
}

#[expect(clippy::disallowed_methods, reason = "a token source says itself when a token came")]
fn now() -> SystemTime {
    SystemTime::now()
}
