//! Microsoft Entra ID.

use oidc_session::{ClientAuth, ClientSecret, EntraId, ProviderErrorKind, SignIn as _, Target};

use super::{
    CLIENT, RefreshToken, confidential, does_not_revoke, judges_a_used_token, judges_an_unknown_token,
    keeps_the_session_of_a_wrong_client, knows_the_user, leads_back, refreshes, signs_in,
};
use crate::checks::{Result, ensure, holds, skip};
use crate::server::Server;
use crate::signed_in::{SignedIn, fails, request};

pub(super) async fn check(server: &Server) -> Result {
    let tenant = EntraId::tenant(server.text("/tenant")?)?.authority(server.text("/authority")?)?;
    let provider = confidential(server, tenant.client(CLIENT))?;
    let signed_in = signs_in(server, &provider).await?;
    refreshes(server, &signed_in, RefreshToken::Replaced).await?;
    knows_the_user(&signed_in).await?;
    // The emulator has no AADSTS codes. Without one, `invalid_grant` asks for a sign-in, but ends no session.
    judges_a_used_token(&signed_in, ProviderErrorKind::InteractionRequired).await?;
    judges_an_unknown_token(&signed_in, ProviderErrorKind::InteractionRequired).await?;
    let stranger = tenant.client(CLIENT).client_auth(ClientAuth::Post(ClientSecret::new("another"))).build()?;
    keeps_the_session_of_a_wrong_client(&signed_in, &stranger).await?;
    reaches_another_resource(&signed_in).await?;
    leads_back(&signed_in).await?;
    does_not_revoke(server, &signed_in).await?;
    refuses_one_tenant_for_many(server).await?;
    skip("entra-id: common and organizations", "the emulator names the consumers' tenant in their documents");
    Ok(())
}

/// Over the same refresh token, which rotates once more. The emulator's access tokens do not tell for whom they are.
async fn reaches_another_resource(signed_in: &SignedIn) -> Result {
    holds("entra-id: an access token for another resource, beside that of the sign-in", async {
        let own = signed_in.session.access_token().await?;
        let graph = signed_in.session.for_target(Target::resource("https://graph.microsoft.com"));
        let other = graph.access_token().await?;
        ensure(other != own, || "it is the same access token".into())?;
        ensure(signed_in.session.access_token().await? == own, || "that of the sign-in was replaced".into())?;
        signed_in.stays(1, true).await
    })
    .await
}

/// Whoever asked for any tenant must not be sent to one, even if that is what a document says.
async fn refuses_one_tenant_for_many(server: &Server) -> Result {
    holds("entra-id: a document of many tenants that names one of them is refused", async {
        let many = EntraId::common().authority(server.text("/authority")?)?;
        let pending = confidential(server, many.client(CLIENT))?.authorization_request(request()?).await;
        fails(pending, ProviderErrorKind::Misconfigured).map(drop)
    })
    .await
}
