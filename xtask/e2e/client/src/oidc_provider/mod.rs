//! Against npm `oidc-provider`: everything that plain OIDC has.

mod authentication;
mod device;
mod dpop;
mod logout;
mod pushed_requests;
mod resources;

use oidc_session::{ClientAuth, Oidc, OidcBuilder};

use crate::checks::Result;
use crate::server::Server;

/// Every check against this server.
pub(crate) async fn check(server: &Server) -> Result {
    authentication::check(server).await?;
    pushed_requests::check(server).await?;
    device::check(server).await?;
    resources::check(server).await?;
    logout::check(server).await?;
    // Last: the nonces that it leaves behind live for a minute.
    dpop::check(server).await
}

/// What another process finds in the store.
pub(crate) async fn check_later(server: &Server) -> Result {
    dpop::check_later(server).await
}

/// Our registration `client_id` there.
fn client(server: &Server, client_id: &str, auth: ClientAuth) -> Result<OidcBuilder> {
    let builder = Oidc::builder(server.issuer()?, client_id).client_auth(auth);
    Ok(builder.root_certificate(server.text("/tls_authority")?))
}
