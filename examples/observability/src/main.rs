//! What oidc-session tells operators about one session: its spans, by OpenTelemetry, and its metrics, for Prometheus.
//!
//! ```sh
//! cargo run -p oidc-session-example-observability
//! ```
//!
//! It needs nothing: the authorization server is in the program. The names are explained in `docs/observability.md`.

mod metrics_text;
mod traces;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use oidc_session::{MemoryStore, Oidc, Scopes, SessionHandle, SessionId, SessionManager, SignIn as _, SignInRequest};
use oidc_session_testkit::AuthorizationServer;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    // Both before the manager is built: it tells the recorder then what metrics there will be.
    let metrics = metrics_text::install()?;
    let traces = traces::install()?;

    let text = tokio::time::timeout(Duration::from_secs(60), story(&metrics)).await??;

    traces.shutdown()?; // What has not been exported yet is exported now.
    println!("\nWhat GET /metrics of a program would answer\n\n{text}");
    Ok(())
}

/// A sign-in, a refresh that three callers share, a token for nothing, and a logout; then what the metrics say.
async fn story(metrics: &PrometheusHandle) -> Result<String> {
    let server = AuthorizationServer::builder().start().await?;
    let provider = Oidc::builder(server.issuer().as_str(), "native-app").build()?;
    let sessions = SessionManager::builder(provider.clone(), MemoryStore::new()).build()?;
    let session = Arc::new(sessions.session(&SessionId::named("example")?));
    sign_in(&server, &provider, &session).await?;

    session.expire().await?;
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let session = Arc::clone(&session);
            tokio::spawn(async move { session.authorization().await })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    session.authorization().await?; // Fresh: nothing is told of this one, and nothing counted.

    session.logout().await?;
    sessions.drain().await;
    server.shutdown().await;
    Ok(metrics.render())
}

async fn sign_in(server: &AuthorizationServer, provider: &Oidc, session: &SessionHandle) -> Result<()> {
    let redirect_uri = "http://127.0.0.1:8400/callback".parse()?;
    let request = SignInRequest::new(redirect_uri, Scopes::parse("openid offline_access"));
    let pending = provider.authorization_request(request).await?;
    let callback = server.authorize(&pending.authorization_url)?;
    session.sign_in(provider.exchange(pending, &callback).await?).await?;
    Ok(())
}
