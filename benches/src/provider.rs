//! Authorization servers that cost nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use oidc_session_core::{
    AccessToken, Clock as _, Provider, ProviderError, ProviderId, ProviderProfile, RefreshToken, Revocation, Session,
    SystemClock, Target, TokenAnswer,
};

use crate::sample::{ACCESS_TOKEN_LENGTH, REFRESH_TOKEN_LENGTH, opaque_token};

/// A provider that may not be reached: every access token stays fresh.
#[derive(Debug)]
pub struct NeverAsked(ProviderProfile);

impl Default for NeverAsked {
    fn default() -> Self {
        Self(ProviderProfile::new(ProviderId::new("never-asked")))
    }
}

#[async_trait]
impl Provider for NeverAsked {
    fn profile(&self) -> &ProviderProfile {
        &self.0
    }

    async fn prepare(&self, _session: &Session) -> Result<(), ProviderError> {
        unreachable!("the token is fresh")
    }

    async fn refresh(&self, _session: &Session, _target: &Target) -> Result<TokenAnswer, ProviderError> {
        unreachable!("the token is fresh")
    }

    async fn revoke(&self, _session: &Session) -> Result<Revocation, ProviderError> {
        unreachable!("nobody logs out")
    }
}

/// A provider that grants every refresh: a new access token for a day, and a new refresh token.
#[derive(Clone, Debug)]
pub struct Granting {
    profile: ProviderProfile,
    after: Duration,
    refreshes: Arc<AtomicU64>,
}

impl Granting {
    /// It answers at once.
    pub fn at_once() -> Self {
        Self::after(Duration::ZERO)
    }

    /// It answers after so long, in the runtime's time.
    pub fn after(time: Duration) -> Self {
        let profile = ProviderProfile::new(ProviderId::new("granting"));
        Self { profile, after: time, refreshes: Arc::default() }
    }

    /// How many refreshes it and its clones were asked for.
    pub fn refreshes(&self) -> u64 {
        self.refreshes.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Provider for Granting {
    fn profile(&self) -> &ProviderProfile {
        &self.profile
    }

    async fn prepare(&self, _session: &Session) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn refresh(&self, _session: &Session, _target: &Target) -> Result<TokenAnswer, ProviderError> {
        let number = self.refreshes.fetch_add(1, Ordering::Relaxed);
        let requested_at = SystemClock.now();
        if !self.after.is_zero() {
            tokio::time::sleep(self.after).await;
        }
        let mut answer = TokenAnswer::new(requested_at, SystemClock.now());
        answer.access_token = Some(AccessToken::new(numbered(ACCESS_TOKEN_LENGTH, number)));
        answer.refresh_token = Some(RefreshToken::new(numbered(REFRESH_TOKEN_LENGTH, number)));
        answer.expires_in = Some(Duration::from_secs(86_400));
        Ok(answer)
    }

    async fn revoke(&self, _session: &Session) -> Result<Revocation, ProviderError> {
        Ok(Revocation::Unsupported)
    }
}

/// An opaque token that is told from the others by its end.
fn numbered(length: usize, number: u64) -> String {
    let mut token = opaque_token(length - 20);
    token.push_str(&format!("{number:020}"));
    token
}
