//! What many programs have: a lock, the clock, and a header built for each request.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use tokio::sync::RwLock;

use crate::bearer::bearer;
use crate::{Issued, Peer, TokenEndpoint};

/// A lock around a token, with the second look that keeps a storm to one refresh.
#[derive(Debug)]
pub struct ByHand {
    endpoint: Arc<TokenEndpoint>,
    held: RwLock<Held>,
}

struct Held {
    token: String,
    expires_at: SystemTime,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Held").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl Held {
    fn new(issued: Issued) -> Self {
        Self { token: issued.token, expires_at: after(issued.lifetime) }
    }

    fn header(&self) -> Option<HeaderValue> {
        (after(Duration::ZERO) < self.expires_at).then(|| bearer(&self.token))
    }
}

impl Peer for ByHand {
    const NAME: &'static str = "by_hand";
    const CRATE: Option<&'static str> = None;

    async fn start(endpoint: Arc<TokenEndpoint>) -> Self {
        let held = RwLock::new(Held::new(endpoint.token().await));
        Self { endpoint, held }
    }

    async fn authorization(&self) -> HeaderValue {
        if let Some(header) = self.held.read().await.header() {
            return header;
        }
        let mut held = self.held.write().await;
        if let Some(header) = held.header() {
            return header;
        }
        *held = Held::new(self.endpoint.token().await);
        bearer(&held.token)
    }
}

#[expect(clippy::disallowed_methods, reason = "this peer has no clock to inject")]
fn after(lifetime: Duration) -> SystemTime {
    SystemTime::now() + lifetime
}
