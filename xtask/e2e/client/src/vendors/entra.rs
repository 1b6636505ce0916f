//! Microsoft Entra ID.

use oidc_session::{ClientAuth, ClientSecret, EntraId, ProviderErrorKind};

use super::{
    CLIENT, RefreshToken, confidential, does_not_revoke, judges_a_used_token, judges_an_unknown_token,
    keeps_the_session_of_a_wrong_client, knows_the_user, leads_back, refreshes, signs_in,
};
use crate::checks::{Result, skip};
use crate::server::Server;

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
    leads_back(&signed_in).await?;
    does_not_revoke(server, &signed_in).await?;
    skip("entra-id: common and organizations", "the emulator names the consumers' tenant in their documents");
    Ok(())
}
