//! `dev-server`: the embedded authorization server alone, for anybody's tests.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgAction, Args};
use oidc_session_testkit::{AuthorizationServer, StartError};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::context::Context;
use crate::failure::Failure;
use crate::http1::{Status, accept, read_request, respond};
use crate::interrupt::interrupted;
use crate::times::{duration, rough};

/// Run the embedded authorization server until Ctrl-C
///
/// It signs in anybody who asks: code flow with PKCE, device flow, rotation, reuse detection, userinfo, revocation,
/// end-session, and pushed requests and DPoP for whoever wants them. Clients: the public `native-app`, and the confidential
/// `web-app` with the secret `secret`. What it counted is served as JSON at the `counters` URL that it prints.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  oidc-session dev-server
  oidc-session dev-server --listen 127.0.0.1:4000 --access-ttl 1m --interactive
  oidc-session dev-server --json --reuse-window 10s --latency 100ms")]
pub(crate) struct DevServer {
    /// Where to listen; a free port of the loopback interface by default
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    listen: SocketAddr,

    /// How long access tokens live
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    access_ttl: Duration,

    /// Whether each refresh replaces the refresh token
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    rotate: bool,

    /// How long a used refresh token is taken again; 0s revokes the family at the first reuse
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    reuse_window: Duration,

    /// How long the token endpoint takes to answer
    #[arg(long, value_name = "DURATION", default_value = "0ms", value_parser = duration)]
    latency: Duration,

    /// Ask whoever sits before the browser, instead of signing in at once
    #[arg(long)]
    interactive: bool,
}

impl DevServer {
    /// Serves.
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let server = AuthorizationServer::builder()
            .listen(self.listen)
            .access_token_lifetime(self.access_ttl)
            .rotate(self.rotate)
            .reuse_window(self.reuse_window)
            .latency(self.latency)
            .interactive(self.interactive)
            .start()
            .await
            .map_err(|error| explain(&error))?;
        let server = Arc::new(server);
        let counters = serve_counters(Arc::clone(&server))
            .await
            .map_err(|error| Failure::failed("cannot listen for requests for the counters").because(&error))?;
        // Whoever reads the announcement may tell the server to stop at once.
        let interrupted = interrupted();
        self.announce(context, server.issuer(), &counters)?;
        interrupted.await;
        Ok(())
    }

    fn announce(&self, context: &Context, issuer: &Url, counters: &Url) -> Result<(), Failure> {
        let object = json!({
            "event": "listening",
            "issuer": issuer,
            "clients": ["native-app", "web-app"],
            "access_ttl_seconds": self.access_ttl.as_secs_f64(),
            "rotate": self.rotate,
            "reuse_window_seconds": self.reuse_window.as_secs_f64(),
            "counters": counters,
        });
        let rotation = match (self.rotate, self.reuse_window.is_zero()) {
            (false, _) => "refresh tokens stay".to_owned(),
            (true, true) => "refresh tokens rotate, and any reuse revokes the family".to_owned(),
            (true, false) => format!("refresh tokens rotate, and may be reused for {}", rough(self.reuse_window)),
        };
        let text = format!(
            "issuer    {issuer}\n\
             clients   native-app (public), web-app (its secret is `secret`)\n\
             tokens    access tokens live {}; {rotation}\n\
             counters  {counters}\n\n\
             Sign in from another terminal:\n  \
             oidc-session login --issuer {issuer} --client-id native-app\n\n\
             Ctrl-C stops it.",
            rough(self.access_ttl)
        );
        context.output.answer(&object, &text)
    }
}

fn explain(error: &StartError) -> Failure {
    let failure = match error {
        StartError::NotLoopback(_) => Failure::usage(error.to_string())
            .hint("the server signs in anybody who asks, so it listens on loopback only, such as 127.0.0.1:4000"),
        StartError::Listen(_) => Failure::failed(error.to_string()).hint("choose another port with --listen"),
        _ => Failure::failed(error.to_string()),
    };
    match std::error::Error::source(error) {
        Some(cause) => failure.because(cause),
        None => failure,
    }
}

/// Serves the counters on a port of their own, so that asking for them is no request to the authorization server.
async fn serve_counters(server: Arc<AuthorizationServer>) -> std::io::Result<Url> {
    const PATH: &str = "/_dev/counters";

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok(stream) = accept(&listener).await {
            tokio::spawn(answer(stream, Arc::clone(&server), PATH));
        }
    });
    Url::parse(&format!("http://{address}{PATH}")).map_err(std::io::Error::other)
}

async fn answer(mut stream: TcpStream, server: Arc<AuthorizationServer>, path: &str) {
    let Ok(request) = read_request(&mut stream).await else {
        return;
    };
    let (status, body) = match request {
        Ok(request) if request.target == path && request.method == "GET" => {
            (Status::Ok, serde_json::to_string(&server.counters()).unwrap_or_default())
        }
        Ok(request) if request.target == path => (Status::MethodNotAllowed, String::new()),
        Ok(_) => (Status::NotFound, String::new()),
        Err(status) => (status, String::new()),
    };
    if let Err(error) = respond(&mut stream, status, "application/json", &body).await {
        tracing::debug!(%error, "somebody who asked for the counters went away");
    }
}
