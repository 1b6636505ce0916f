//! [`ByHand`]: what programs write for themselves.

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use tokio::sync::RwLock;

use crate::sample::{ACCESS_TOKEN_LENGTH, opaque_token};

/// An access token behind a lock, as programs keep it without a library.
#[derive(Debug)]
pub struct ByHand(RwLock<Kept>);

#[derive(Debug)]
struct Kept {
    access_token: String,
    expires_at: SystemTime,
}

/// Whether who found the token expired looks again, with the lock in hand, before it refreshes. Not to do so is the classic
/// mistake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SecondLook {
    /// It looks: of all who waited, one refreshes.
    Taken,
    /// It does not, and takes the lock only to store what it got: whoever found the token expired refreshes.
    Forgotten,
}

impl ByHand {
    /// With an access token that is fresh for a day.
    pub fn fresh() -> Self {
        Self(RwLock::new(Kept::for_a_day(opaque_token(ACCESS_TOKEN_LENGTH))))
    }

    /// With one that has expired.
    pub fn expired() -> Self {
        Self(RwLock::new(Kept { access_token: String::new(), expires_at: SystemTime::UNIX_EPOCH }))
    }

    /// The header value, if the token is fresh.
    pub async fn authorization(&self) -> Option<HeaderValue> {
        self.0.read().await.authorization()
    }

    /// The header value, of a token that `refresh` returns if the one at hand has expired.
    pub async fn authorization_or(
        &self,
        second_look: SecondLook,
        refresh: impl AsyncFnOnce() -> String,
    ) -> Option<HeaderValue> {
        if let Some(header) = self.authorization().await {
            return Some(header);
        }
        if second_look == SecondLook::Forgotten {
            let access_token = refresh().await;
            *self.0.write().await = Kept::for_a_day(access_token);
            return self.authorization().await;
        }
        let mut kept = self.0.write().await;
        if !kept.is_fresh() {
            *kept = Kept::for_a_day(refresh().await);
        }
        kept.authorization()
    }
}

#[expect(clippy::disallowed_methods, reason = "programs without an injected clock ask the system")]
impl Kept {
    fn for_a_day(access_token: String) -> Self {
        Self { access_token, expires_at: SystemTime::now() + Duration::from_secs(86_400) }
    }

    fn is_fresh(&self) -> bool {
        SystemTime::now() < self.expires_at
    }

    fn authorization(&self) -> Option<HeaderValue> {
        if !self.is_fresh() {
            return None;
        }
        let mut header = HeaderValue::from_str(&format!("Bearer {}", self.access_token)).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}
