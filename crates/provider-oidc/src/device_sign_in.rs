//! How [`Oidc`] signs a subject in on a device without a browser: the device authorization grant (RFC 8628).

use std::time::Duration;

use async_trait::async_trait;
use oidc_session_core::{
    DevicePoll, DeviceRequest, DeviceSignIn, PendingDevice, ProviderError, ProviderErrorKind, Session,
};

use crate::dpop::Prover;
use crate::token_request::TokenRequest;
use crate::{DeviceStatus, Oidc, device_authorization, device_wait, outcome};

/// How much longer to wait between two polls when the server asks for that (RFC 8628 §3.5).
const SLOWER: Duration = Duration::from_secs(5);

#[async_trait]
impl DeviceSignIn for Oidc {
    async fn device_authorization(&self, request: DeviceRequest) -> Result<PendingDevice, ProviderError> {
        let metadata = self.server.metadata().await?;
        let endpoint = metadata.device_authorization_endpoint.as_ref().ok_or_else(|| {
            ProviderError::new(ProviderErrorKind::Misconfigured, "the server offers no sign-in on devices (RFC 8628)")
        })?;
        let prover = self.prover(None)?;
        let scopes = device_authorization::scopes(&*self.dialect, &request);
        let resources = request.resources.clone();
        let parameters = device_authorization::parameters(&*self.dialect, request)?;
        let request = TokenRequest::device_authorization(self.credentials(metadata)?, &scopes, parameters);

        let clock = &self.server.clock;
        let requested_at = clock.now();
        let answer = self.server.transport.post(endpoint, &request, self.deadline(), || clock.now()).await?;
        tracing::debug!(status = answer.status.as_u16(), "the device authorization endpoint answered");
        let fields = outcome::fields(answer, &*self.dialect)?;
        let mut pending = device_authorization::read(&fields, self.server.channel, scopes, requested_at)?;
        pending.resources = resources;
        pending.dpop_key = prover.map(Prover::into_key);
        Ok(pending)
    }

    async fn poll(&self, pending: &mut PendingDevice) -> Result<DevicePoll, ProviderError> {
        if self.server.clock.now() >= pending.expires_at {
            return Err(expired());
        }
        let metadata = self.server.metadata().await?;
        // Before the device code is spent: without keys its answer would be worth nothing.
        let prover = self.prover(pending.dpop_key.as_ref())?;
        self.server.ensure_keys().await?;

        let request = |credentials| TokenRequest::device_code(credentials, &pending.device_code);
        let presented = self.present(metadata, request, prover.as_ref(), self.deadline()).await?;
        // Before the status is looked at: one server's "not yet" is a 403, another's "slow down" a 429.
        if let Some(refused) = outcome::error_answer(&presented.answer)
            && let Some(status) = self.dialect.device_status(&refused)
        {
            return match status {
                DeviceStatus::Pending => Ok(DevicePoll::Pending),
                DeviceStatus::SlowDown => {
                    pending.interval = pending.interval.saturating_add(SLOWER);
                    Ok(DevicePoll::Pending)
                }
                DeviceStatus::Denied => Err(denied().with_error_code(refused.error())),
                DeviceStatus::Expired => Err(expired().with_error_code(refused.error())),
            };
        }
        let granted = presented.read(&*self.dialect)?;
        let verified = self.verify(metadata, &granted.grant, None).await?;
        let mut session = self.session(granted, verified, prover, pending.scopes.clone())?;
        session.resources.clone_from(&pending.resources);
        Ok(DevicePoll::SignedIn(Box::new(session)))
    }
}

impl Oidc {
    /// Polls until the subject has signed in, has refused, or the code has expired.
    ///
    /// Waits between the polls as the server asks, longer after each one that got no answer (RFC 8628 §3.5), and never
    /// beyond the end of the code. Show [`user_code`](PendingDevice::user_code) and
    /// [`verification_uri`](PendingDevice::verification_uri) first. Dropping the future gives the sign-in up.
    ///
    /// Fails as `Refused` if the subject or the server said no, as `Rejected` if the code has expired, and as any other
    /// sign-in does.
    ///
    /// ```no_run
    /// use oidc_session_core::{DeviceRequest, DeviceSignIn as _, ProviderError, Scopes, Session};
    /// use oidc_session_provider_oidc::Oidc;
    ///
    /// async fn sign_in(provider: &Oidc) -> Result<Session, ProviderError> {
    ///     let pending = provider.device_authorization(DeviceRequest::new(Scopes::parse("offline_access"))).await?;
    ///     println!("Open {} and enter {}", pending.verification_uri, pending.user_code);
    ///     provider.device_session(pending).await
    /// }
    /// ```
    pub async fn device_session(&self, pending: PendingDevice) -> Result<Session, ProviderError> {
        let lifetime = pending.expires_at.saturating_since(self.server.clock.now());
        device_wait::session(self, pending, lifetime).await
    }
}

fn denied() -> ProviderError {
    ProviderError::new(ProviderErrorKind::Refused, "the subject or the server refused the sign-in")
}

/// The code is gone for good, so this is a verdict.
pub(crate) fn expired() -> ProviderError {
    ProviderError::new(ProviderErrorKind::Rejected, "the code of this sign-in has expired")
        .with_advice("start the sign-in anew, for a new code")
}
