//! Auth0.

use oidc_session::{Auth0, ProviderErrorKind};

use super::{RefreshToken, confidential, judges_an_unknown_token, knows_the_user, leads_back, refreshes, signs_in};
use crate::checks::{Result, skip};
use crate::server::Server;

pub(super) async fn check(server: &Server) -> Result {
    let tenant = Auth0::new(server.issuer()?)?.audience(server.text("/audience")?);
    let provider = confidential(server, tenant.client(server.text("/client_id")?))?;
    let signed_in = signs_in(server, &provider).await?;
    refreshes(server, &signed_in, RefreshToken::Restamped).await?;
    knows_the_user(&signed_in).await?;
    // It answers 500, which no client can take for a verdict; Auth0 answers 403 `invalid_grant`.
    judges_an_unknown_token(&signed_in, ProviderErrorKind::OutcomeUnknown).await?;
    leads_back(&signed_in).await?;
    skip("auth0: a used refresh token", "the simulator accepts it");
    skip("auth0: revocation", "the simulator has none");
    skip("auth0: a wrong client", "the simulator takes any");
    Ok(())
}
