//! Google.

use oidc_session::presets::Google;
use oidc_session::{ClientAuth, ClientSecret, ProviderErrorKind};

use super::{
    CLIENT, RefreshToken, confidential, does_not_revoke, judges_an_unknown_token, keeps_the_session_of_a_wrong_client,
    knows_the_user, refreshes, revokes, signs_in,
};
use crate::checks::{Result, skip};
use crate::server::Server;
use crate::signed_in::SignedIn;

pub(super) async fn check(server: &Server) -> Result {
    let google = Google::new().emulator(server.issuer()?)?;
    let provider = confidential(server, google.clone().client(CLIENT))?;
    let signed_in = signs_in(server, &provider).await?;
    refreshes(server, &signed_in, RefreshToken::Kept).await?;
    knows_the_user(&signed_in).await?;
    judges_an_unknown_token(&signed_in, ProviderErrorKind::Rejected).await?;
    let stranger = google.clone().client(CLIENT).client_auth(ClientAuth::Post(ClientSecret::new("another"))).build()?;
    keeps_the_session_of_a_wrong_client(&signed_in, &stranger).await?;
    does_not_revoke(server, &signed_in).await?;
    let revoking = confidential(server, google.revoke_at_logout().client(CLIENT))?;
    revokes(&SignedIn::by_code(server, &revoking, "google-revoking").await?).await?;
    skip("google: a logout URL", "Google has none");
    Ok(())
}
