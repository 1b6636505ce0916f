//! Signing in on a device without a browser (RFC 8628).

use oidc_session::{
    ClientAuth, DevicePoll, DeviceRequest, DeviceSignIn as _, Oidc, PendingDevice, ProviderErrorKind, Scopes,
};

use super::client;
use crate::checks::{Result, ensure, holds};
use crate::server::Server;
use crate::signed_in::{SignedIn, fails};

pub(super) async fn check(server: &Server) -> Result {
    let provider = client(server, "device-app", ClientAuth::None)?.build()?;
    holds("device: pending until the end user agrees, then signed in and refreshed; the code is good once", async {
        let mut pending = begin(&provider).await?;
        waits(&provider, &mut pending).await?;
        server.visit(pending.verification_uri_complete.as_ref().ok_or("no complete verification URI")?).await?;
        let DevicePoll::SignedIn(session) = provider.poll(&mut pending).await? else {
            return Err("still pending".into());
        };
        ensure(session.subject.is_some(), || "the session has no subject".into())?;
        SignedIn::keeping(server, &provider, "device", *session).await?.stays(2, true).await?;
        fails(provider.poll(&mut pending).await, ProviderErrorKind::Rejected).map(drop)
    })
    .await?;
    holds("device: refused by the end user", async {
        let mut pending = begin(&provider).await?;
        waits(&provider, &mut pending).await?;
        server.refuse(pending.verification_uri_complete.as_ref().ok_or("no complete verification URI")?).await?;
        let refused = fails(provider.poll(&mut pending).await, ProviderErrorKind::Refused)?;
        ensure(refused.error_code() == Some("access_denied"), || format!("it was told: {refused}"))
    })
    .await
}

async fn begin(provider: &Oidc) -> Result<PendingDevice> {
    let mut request = DeviceRequest::new(Scopes::parse("openid offline_access"));
    request.parameters.push(("prompt".into(), "consent".into()));
    Ok(provider.device_authorization(request).await?)
}

async fn waits(provider: &Oidc, pending: &mut PendingDevice) -> Result {
    let poll = provider.poll(pending).await?;
    ensure(matches!(poll, DevicePoll::Pending), || "signed in before the end user agreed".into())
}
