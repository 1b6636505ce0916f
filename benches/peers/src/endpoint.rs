//! [`TokenEndpoint`]: where every peer has its tokens from.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderValue;

use crate::bearer::bearer;

const TOKEN_BYTES: usize = 1_024;

/// A token as the endpoint issued it.
#[derive(Clone)]
pub struct Issued {
    /// 1,024 letters.
    pub token: String,
    /// How long it lives from now on.
    pub lifetime: Duration,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Issued").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// Issues tokens and counts them: a first one at once, every later one after a wait.
#[derive(Debug)]
pub struct TokenEndpoint {
    issued: AtomicUsize,
    first_wait: Duration,
    first_lifetime: Duration,
}

impl TokenEndpoint {
    /// How long every token but the first one takes.
    pub const WAIT: Duration = Duration::from_millis(50);

    /// How long every token lives that does not expire on arrival: a day.
    pub const LIFETIME: Duration = Duration::from_secs(86_400);

    /// Its tokens live for a day.
    pub fn fresh() -> Arc<Self> {
        Arc::new(Self { issued: AtomicUsize::new(0), first_wait: Duration::ZERO, first_lifetime: Self::LIFETIME })
    }

    /// Its first token has expired on arrival; later ones live for a day.
    pub fn expired() -> Arc<Self> {
        Arc::new(Self { issued: AtomicUsize::new(0), first_wait: Duration::ZERO, first_lifetime: Duration::ZERO })
    }

    /// Its tokens live for a day, and the first one takes as long as the others.
    pub fn slow() -> Arc<Self> {
        Arc::new(Self { issued: AtomicUsize::new(0), first_wait: Self::WAIT, first_lifetime: Self::LIFETIME })
    }

    /// A new token.
    pub async fn token(&self) -> Issued {
        let before = self.issued.fetch_add(1, Ordering::Relaxed);
        let (wait, lifetime) =
            if before == 0 { (self.first_wait, self.first_lifetime) } else { (Self::WAIT, Self::LIFETIME) };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Issued { token: Self::letters(lifetime), lifetime }
    }

    /// How many tokens were asked for.
    pub fn issued(&self) -> usize {
        self.issued.load(Ordering::Relaxed)
    }

    /// The header value of a token that has not expired.
    pub fn right_header() -> HeaderValue {
        bearer(&Self::letters(Self::LIFETIME))
    }

    fn letters(lifetime: Duration) -> String {
        if lifetime.is_zero() { "x".repeat(TOKEN_BYTES) } else { "a".repeat(TOKEN_BYTES) }
    }
}
