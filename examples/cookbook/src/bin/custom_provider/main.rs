//! A provider of your own, in `provider.rs`: for a server that is no OpenID provider.
//!
//! ```text
//! cargo run -p oidc-session-example-cookbook --bin custom_provider
//! ```
//!
//! A server that is one, and only differs here and there, needs less: a `Dialect` for `Oidc`.

mod provider;

use std::time::Duration;

use oidc_session::{MemoryStore, ProviderId, Session, SessionHandle, SessionId, SessionManager};
use oidc_session_example_cookbook::{Issuer, Result};
use oidc_session_testkit::{Fault, RetryAfter};

use crate::provider::TokenService;

#[tokio::main]
async fn main() -> Result {
    let issuer = Issuer::from_env(Duration::from_secs(60)).await?;
    let service = TokenService::new(issuer.join("token")?)?;
    let sessions = SessionManager::builder(service, MemoryStore::new()).build()?;
    let session = sessions.session(&SessionId::named("default")?);

    sign_in(&issuer, &session).await?;
    refresh(&session, "Nothing goes wrong").await?;
    let Some(server) = issuer.server() else { return Ok(()) };
    server.inject(Fault::status(500));
    refresh(&session, "The server fails once").await?;
    server.inject(Fault::too_many_requests(RetryAfter::Seconds(30)));
    refresh(&session, "The server is overloaded").await?;

    sign_in(&issuer, &session).await?;
    server.revoke_all();
    refresh(&session, "An administrator has ended the session").await?;
    Ok(())
}

/// How the first tokens are come by is the program's business.
async fn sign_in(issuer: &Issuer, session: &SessionHandle) -> Result {
    let granted = issuer.sign_in(&issuer.provider()?).await?;
    let id = ProviderId::new("token-service");
    session.sign_in(Session::new(id, granted.issuer, granted.client_id, granted.tokens)).await?;
    Ok(())
}

async fn refresh(session: &SessionHandle, what: &str) -> Result {
    session.expire().await?;
    match session.refresh_if_expired().await {
        Ok(outcome) => println!("{what}: {outcome}"),
        Err(error) => println!("{what}: {error}"),
    }
    Ok(())
}
