//! [`Standby`]: the provider of a stored session, as far as it can be had.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use oidc_session_core::{
    Provider, ProviderError, ProviderErrorKind, ProviderProfile, Revocation, Session, Target, TokenAnswer,
};
use oidc_session_manager::Outcome;
use oidc_session_provider_oidc::Oidc;

use crate::failure::Failure;
use crate::output::Output;

/// The provider of a stored session. If it is not ready, it sends nothing, and says why only when it would have to.
///
/// So a fresh access token is served without the client's secret or key, and a logout ends the session without it.
#[derive(Clone, Debug)]
pub(crate) struct Standby {
    profile: ProviderProfile,
    readiness: Readiness,
    /// Why the last refresh failed: where an access token still serves, the session manager only says that it did.
    last_failure: Arc<Mutex<Option<Failure>>>,
}

#[derive(Clone, Debug)]
enum Readiness {
    Ready(Oidc),
    /// It can be asked what needs no authentication of the client.
    WithoutCredentials(Oidc, Unready),
    Absent(Unready),
}

/// Why a provider can send nothing: a failure that travels as the cause of an error.
#[derive(Clone, Debug)]
pub(crate) struct Unready(Failure);

impl Standby {
    /// A provider that can do everything.
    pub(crate) fn ready(oidc: Oidc) -> Self {
        Self::new(oidc.profile().clone(), Readiness::Ready(oidc))
    }

    /// A provider that lacks its secret or key.
    pub(crate) fn without_credentials(oidc: Oidc, why: Failure) -> Self {
        Self::new(oidc.profile().clone(), Readiness::WithoutCredentials(oidc, Unready(why)))
    }

    /// A provider that could not even be built.
    pub(crate) fn absent(profile: ProviderProfile, why: Failure) -> Self {
        Self::new(profile, Readiness::Absent(Unready(why)))
    }

    fn new(profile: ProviderProfile, readiness: Readiness) -> Self {
        Self { profile, readiness, last_failure: Arc::default() }
    }

    /// Whom to ask what needs no authentication of the client.
    pub(crate) fn oidc(&self) -> Option<&Oidc> {
        match &self.readiness {
            Readiness::Ready(oidc) | Readiness::WithoutCredentials(oidc, _) => Some(oidc),
            Readiness::Absent(_) => None,
        }
    }

    /// Why nothing can be sent. `None` if it is ready.
    pub(crate) fn shortcoming(&self) -> Option<&Failure> {
        match &self.readiness {
            Readiness::Ready(_) => None,
            Readiness::WithoutCredentials(_, Unready(why)) | Readiness::Absent(Unready(why)) => Some(why),
        }
    }

    /// Why the last refresh of this process failed, if it did.
    pub(crate) fn last_failure(&self) -> Option<Failure> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says why an early refresh came to nothing, if it is for want of something here.
    pub(crate) fn warn_if_postponed(&self, output: Output, outcome: Outcome) {
        if let (Outcome::Postponed, Some(why)) = (outcome, self.shortcoming()) {
            output.warn(&format!("the access token is due, but cannot be refreshed: {}", why.whole_message()));
        }
    }

    fn note(&self, error: Option<&ProviderError>) {
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = error.map(Failure::from);
    }

    fn sender(&self) -> Result<&Oidc, ProviderError> {
        match &self.readiness {
            Readiness::Ready(oidc) => Ok(oidc),
            Readiness::WithoutCredentials(_, why) | Readiness::Absent(why) => {
                let detail = "nothing can be sent to the authorization server";
                Err(ProviderError::new(ProviderErrorKind::Misconfigured, detail).because(why.clone()))
            }
        }
    }
}

#[async_trait]
impl Provider for Standby {
    fn profile(&self) -> &ProviderProfile {
        &self.profile
    }

    async fn prepare(&self, session: &Session) -> Result<(), ProviderError> {
        let prepared = self.sender()?.prepare(session).await;
        self.note(prepared.as_ref().err());
        prepared
    }

    async fn refresh(&self, session: &Session, target: &Target) -> Result<TokenAnswer, ProviderError> {
        let answer = self.sender()?.refresh(session, target).await;
        self.note(answer.as_ref().err());
        answer
    }

    async fn revoke(&self, session: &Session) -> Result<Revocation, ProviderError> {
        self.sender()?.revoke(session).await
    }
}

impl Unready {
    /// The failure behind an error, if a provider that was not ready is what caused it.
    pub(crate) fn behind(error: &(dyn Error + 'static)) -> Option<Failure> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(Self(why)) = error.downcast_ref() {
                return Some(why.clone());
            }
            next = error.source();
        }
        None
    }
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.message())
    }
}

impl Error for Unready {}
