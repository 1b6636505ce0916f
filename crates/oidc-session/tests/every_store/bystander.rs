//! [`Bystander`]: an authorization server that counts what it is asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use oidc_session::{
    AccessToken, Clock as _, Provider, ProviderError, ProviderId, ProviderProfile, RefreshToken, Revocation, Session,
    Target, TokenAnswer,
};
use oidc_session_testkit::ManualClock;

use crate::world::LIFETIME;

/// An authorization server that grants whatever it is asked for, and remembers that it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Bystander {
    profile: ProviderProfile,
    clock: ManualClock,
    asked: Arc<Mutex<Vec<&'static str>>>,
}

impl Bystander {
    pub(crate) fn new(clock: &ManualClock) -> Self {
        let mut profile = ProviderProfile::new(ProviderId::new("bystander"));
        profile.request_budget = Duration::from_secs(5);
        Self { profile, clock: clock.clone(), asked: Arc::default() }
    }

    /// What it was asked since it was looked at last.
    pub(crate) fn asked(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn is_asked(&self, what: &'static str) {
        self.asked.lock().unwrap().push(what);
    }
}

#[async_trait]
impl Provider for Bystander {
    fn profile(&self) -> &ProviderProfile {
        &self.profile
    }

    async fn prepare(&self, _: &Session) -> Result<(), ProviderError> {
        self.is_asked("prepare");
        Ok(())
    }

    async fn refresh(&self, _: &Session, _: &Target) -> Result<TokenAnswer, ProviderError> {
        self.is_asked("refresh");
        let mut answer = TokenAnswer::new(self.clock.now(), self.clock.now());
        answer.access_token = Some(AccessToken::new("at-SECRET-refreshed"));
        answer.refresh_token = Some(RefreshToken::new("rt-SECRET-refreshed"));
        answer.expires_in = Some(LIFETIME);
        Ok(answer)
    }

    async fn revoke(&self, _: &Session) -> Result<Revocation, ProviderError> {
        self.is_asked("revoke");
        Ok(Revocation::Done)
    }
}
