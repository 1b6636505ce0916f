//! One instance: what it is made of, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use oidc_session::http_server::WebSessions;
use oidc_session::{Preemptive, SessionManager};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::arguments::Arguments;
use crate::ending::Ending;
use crate::pages::{self, Instance};
use crate::protected_api::ProtectedApi;
use crate::{Result, store};

/// Refreshes begin so long before an access token expires: behind the visitors' backs.
const SKEW: Duration = Duration::from_secs(30);

/// However active its visitor is, a session ends after this.
const ABSOLUTE_LIMIT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long requests, and then refreshes, may take to finish once the instance is told to end. Longer than any of them
/// may take; load balancers and service managers should grant as much.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves until it is told to end, then finishes what it has begun.
pub(crate) async fn run(arguments: Arguments) -> Result {
    let provider = arguments.provider()?;
    let sessions = SessionManager::builder(provider.clone(), store::open(arguments.store()?).await?)
        .policy(Preemptive::skew(SKEW))
        .absolute_limit(ABSOLUTE_LIMIT)
        .seal_with(arguments.keys()?)
        .build()?;
    let web = WebSessions::builder(sessions.clone(), provider.clone(), arguments.base_url()?)
        .scopes(arguments.scopes())
        .back_channel_logout(provider.clone())
        .after_sign_in("/me");
    let with_parameter =
        |web: oidc_session::http_server::WebSessionsBuilder, (name, value)| web.authorization_parameter(name, value);
    let web = arguments.parameters.iter().cloned().fold(web, with_parameter).build()?;

    let listener = TcpListener::bind(arguments.listen).await?;
    let address = listener.local_addr()?;
    let instance = Arc::new(Instance {
        name: arguments.name.unwrap_or_else(|| address.to_string()),
        sessions: sessions.clone(),
        api: ProtectedApi::new(provider, arguments.api)?,
    });
    let ending = Ending::awaited(arguments.until_stdin_ends);
    println!("listening on http://{address}");

    let serving = axum::serve(listener, pages::router(&web, instance)).with_graceful_shutdown(ending.begins());
    tokio::select! {
        served = async { serving.await } => served?,
        () = ending.has_begun_for(PATIENCE) => tracing::warn!("some requests are cut off: they took too long to finish"),
    }
    // An answer that is not stored yet may carry the only refresh token there is.
    if timeout(PATIENCE, sessions.drain()).await.is_err() {
        tracing::warn!("a refresh is still not stored; another instance takes over when its lease has ended");
    }
    Ok(())
}
