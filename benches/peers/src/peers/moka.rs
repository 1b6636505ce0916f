//! moka: a cache of ready headers, whose entries live as long as their tokens.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use moka::Expiry;
use moka::future::Cache;

use crate::bearer::bearer;
use crate::{Peer, TokenEndpoint};

/// The number of the one session.
const SESSION: u64 = 7;

/// A cache of headers by session.
#[derive(Debug)]
pub struct Moka {
    endpoint: Arc<TokenEndpoint>,
    headers: Cache<u64, Ready>,
}

#[derive(Clone, Debug)]
struct Ready {
    header: HeaderValue,
    lifetime: Duration,
}

#[derive(Debug)]
struct WithItsToken;

impl Expiry<u64, Ready> for WithItsToken {
    fn expire_after_create(&self, _session: &u64, ready: &Ready, _created_at: Instant) -> Option<Duration> {
        Some(ready.lifetime)
    }
}

impl Peer for Moka {
    const NAME: &'static str = "moka";

    async fn start(endpoint: Arc<TokenEndpoint>) -> Self {
        let peer = Self { endpoint, headers: Cache::builder().expire_after(WithItsToken).build() };
        peer.authorization().await;
        peer
    }

    async fn authorization(&self) -> HeaderValue {
        let ask = async {
            let issued = self.endpoint.token().await;
            Ok::<_, Infallible>(Ready { header: bearer(&issued.token), lifetime: issued.lifetime })
        };
        self.headers.try_get_with_by_ref(&SESSION, ask).await.expect("the endpoint does not fail").header
    }
}
