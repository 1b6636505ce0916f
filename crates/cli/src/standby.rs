//! [`Standby`]: the provider of a stored session, as far as it can be had.

use std::error::Error;
use std::fmt;

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
/// So a fresh access token is served without the client secret, and a logout ends the session without it.
#[derive(Clone, Debug)]
pub(crate) struct Standby {
    profile: ProviderProfile,
    readiness: Readiness,
}

#[derive(Clone, Debug)]
enum Readiness {
    Ready(Oidc),
    /// It can be asked what needs no secret.
    WithoutSecret(Oidc, Unready),
    Absent(Unready),
}

/// Why a provider can send nothing: a failure that travels as the cause of an error.
#[derive(Clone, Debug)]
pub(crate) struct Unready(Failure);

impl Standby {
    /// A provider that can do everything.
    pub(crate) fn ready(oidc: Oidc) -> Self {
        Self { profile: oidc.profile().clone(), readiness: Readiness::Ready(oidc) }
    }

    /// A provider that lacks its secret.
    pub(crate) fn without_secret(oidc: Oidc, why: Failure) -> Self {
        Self { profile: oidc.profile().clone(), readiness: Readiness::WithoutSecret(oidc, Unready(why)) }
    }

    /// A provider that could not even be built.
    pub(crate) fn absent(profile: ProviderProfile, why: Failure) -> Self {
        Self { profile, readiness: Readiness::Absent(Unready(why)) }
    }

    /// Whom to ask what needs no secret.
    pub(crate) fn oidc(&self) -> Option<&Oidc> {
        match &self.readiness {
            Readiness::Ready(oidc) | Readiness::WithoutSecret(oidc, _) => Some(oidc),
            Readiness::Absent(_) => None,
        }
    }

    /// Why nothing can be sent. `None` if it is ready.
    pub(crate) fn shortcoming(&self) -> Option<&Failure> {
        match &self.readiness {
            Readiness::Ready(_) => None,
            Readiness::WithoutSecret(_, Unready(why)) | Readiness::Absent(Unready(why)) => Some(why),
        }
    }

    /// Says why an early refresh came to nothing, if it is for want of something here.
    pub(crate) fn warn_if_postponed(&self, output: Output, outcome: Outcome) {
        if let (Outcome::Postponed, Some(why)) = (outcome, self.shortcoming()) {
            output.warn(&format!("the access token is due, but cannot be refreshed: {}", why.whole_message()));
        }
    }

    fn sender(&self) -> Result<&Oidc, ProviderError> {
        match &self.readiness {
            Readiness::Ready(oidc) => Ok(oidc),
            Readiness::WithoutSecret(_, why) | Readiness::Absent(why) => {
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
        self.sender()?.prepare(session).await
    }

    async fn refresh(&self, session: &Session, target: &Target) -> Result<TokenAnswer, ProviderError> {
        self.sender()?.refresh(session, target).await
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
