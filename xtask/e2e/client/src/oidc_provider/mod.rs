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
    dpop::check(server).await?;
    pushed_requests::check(server).await?;
    device::check(server).await?;
    resources::check(server).await?;
    logout::check(server).await
}

/// Our registration `client_id` there.
fn client(server: &Server, client_id: &str, auth: ClientAuth) -> Result<OidcBuilder> {
    let builder = Oidc::builder(server.issuer()?, client_id).client_auth(auth);
    Ok(builder.root_certificate(server.text("/tls_authority")?))
}
