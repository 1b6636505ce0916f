//! Okta.

use oidc_session::presets::Okta;
use oidc_session::{ClientAuth, ClientSecret, OidcBuilder, ProviderErrorKind};

use super::{
    CLIENT, RefreshToken, confidential, judges_a_used_token, judges_an_unknown_token,
    keeps_the_session_of_a_wrong_client, knows_the_user, leads_back, refreshes, revokes, signs_in,
};
use crate::checks::Result;
use crate::server::Server;

pub(super) async fn check(server: &Server) -> Result {
    let client = || -> Result<OidcBuilder> {
        let okta = Okta::custom_server("acme.okta.com", "e2e")?;
        Ok(okta.emulator(server.text("/org_issuer")?)?.client(CLIENT))
    };
    let provider = confidential(server, client()?)?;
    let signed_in = signs_in(server, &provider).await?;
    refreshes(server, &signed_in, RefreshToken::Replaced).await?;
    knows_the_user(&signed_in).await?;
    judges_a_used_token(&signed_in, ProviderErrorKind::Rejected).await?;
    judges_an_unknown_token(&signed_in, ProviderErrorKind::Rejected).await?;
    let stranger = client()?.client_auth(ClientAuth::Post(ClientSecret::new("another"))).build()?;
    keeps_the_session_of_a_wrong_client(&signed_in, &stranger).await?;
    leads_back(&signed_in).await?;
    revokes(&signed_in).await
}
