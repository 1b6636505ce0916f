//! Authorization requests that the server wants pushed (RFC 9126).

use oidc_session::{ClientAuth, ProviderError, SignIn as _};

use super::client;
use crate::checks::{Result, ensure, holds};
use crate::server::Server;
use crate::signed_in::{SignedIn, code_flow, request};

pub(super) async fn check(server: &Server) -> Result {
    holds("PAR: the browser carries a reference only, and the session is refreshed as any other", async {
        let builder = client(server, "par-app", ClientAuth::None)?;
        let pushing = builder.pushed_authorization_requests(true).build()?;
        let url = pushing.authorization_request(request()?).await?.authorization_url;
        let names: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        ensure(names == ["client_id", "request_uri"], || format!("the browser carries {names:?}"))?;
        SignedIn::by_code(server, &pushing, "par").await?.stays(1, true).await
    })
    .await?;
    holds("PAR: what was not pushed is refused, and the program is told", async {
        let plain = client(server, "par-app", ClientAuth::None)?.build()?;
        let refused = code_flow(server, &plain, request()?).await.err().ok_or("it signed in")?;
        let refused = refused.downcast::<ProviderError>()?;
        ensure(refused.error_code() == Some("invalid_request"), || format!("it was told: {refused}"))
    })
    .await?;
    holds("PAR: a client may push although it need not", async {
        let pushing = client(server, "native-app", ClientAuth::None)?.pushed_authorization_requests(true).build()?;
        SignedIn::by_code(server, &pushing, "par-by-choice").await?.stays(1, true).await
    })
    .await
}
