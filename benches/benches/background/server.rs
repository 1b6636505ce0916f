//! [`Server`]: knows when it was asked for whom.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use oidc_session_benches::{Granting, fresh_session};
use oidc_session_core::{
    Clock as _, Provider, ProviderError, ProviderProfile, Revocation, Session, SystemClock, Target, Timestamp,
    TokenAnswer,
};

/// An authorization server that grants every refresh at once, for a day, and notes when each session was refreshed first.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    granting: Granting,
    /// In milliseconds of the wall clock; zero before.
    asked: Arc<[AtomicI64]>,
}

impl Server {
    pub(crate) fn of(sessions: usize) -> Self {
        Self { granting: Granting::at_once(), asked: (0..sessions).map(|_| AtomicI64::new(0)).collect() }
    }

    /// The session of this number, of those that it was made for.
    pub(crate) fn session(number: usize) -> Session {
        let mut session = fresh_session();
        session.subject = Some(number.to_string());
        session
    }

    /// How many refreshes it was asked for.
    pub(crate) fn refreshes(&self) -> u64 {
        self.granting.refreshes()
    }

    /// When the session of this number was refreshed first.
    pub(crate) fn asked_for(&self, number: usize) -> Option<Timestamp> {
        let at = self.asked.get(number)?.load(Ordering::Relaxed);
        (at != 0).then(|| Timestamp::from_unix_millis(at))
    }
}

#[async_trait]
impl Provider for Server {
    fn profile(&self) -> &ProviderProfile {
        self.granting.profile()
    }

    async fn prepare(&self, _session: &Session) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn refresh(&self, session: &Session, target: &Target) -> Result<TokenAnswer, ProviderError> {
        let number = session.subject.as_ref().and_then(|subject| subject.parse::<usize>().ok());
        if let Some(asked) = number.and_then(|number| self.asked.get(number)) {
            let now = SystemClock.now().as_unix_millis();
            // Later ones are counted, and that is all.
            let _ = asked.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        }
        self.granting.refresh(session, target).await
    }

    async fn revoke(&self, session: &Session) -> Result<Revocation, ProviderError> {
        self.granting.revoke(session).await
    }
}
