//! The end of the server's own session: asked for by the program, or told to it.

use axum::extract::{Form, State};
use axum::routing::post;
use axum::{Router, serve};
use oidc_session::{ClientAuth, Oidc, ProviderErrorKind, SignIn as _};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use url::Url;

use super::client;
use crate::checks::{Result, ensure, holds};
use crate::server::Server;
use crate::signed_in::{SignedIn, fails};

const SIGNED_OUT: &str = "http://127.0.0.1/signed-out";

#[derive(Debug, Deserialize)]
struct Told {
    logout_token: String,
}

pub(super) async fn check(server: &Server) -> Result {
    let provider = client(server, "logout-app", ClientAuth::Basic(server.secret()))?.build()?;
    let mut told = listen(server).await?;
    let signed_in = SignedIn::by_code(server, &provider, "logout").await?;
    let token = holds("back-channel logout: the token names the session, and is accepted", async {
        server.administer("end-sessions", &[]).await?;
        let token = told.recv().await.ok_or("nothing was told")?;
        accepted(&provider, &token, &signed_in).await?;
        Ok(token)
    })
    .await?;
    holds("back-channel logout: a replay, a forgery and an ID token are refused", async {
        fails(provider.logout_token(&token).await, ProviderErrorKind::InvalidAnswer)?;
        // A provider that has not seen the token: what is refused is the signature.
        let other = client(server, "logout-app", ClientAuth::Basic(server.secret()))?.build()?;
        for part in [1, 2] {
            fails(other.logout_token(&tampered(&token, part)?).await, ProviderErrorKind::InvalidAnswer)?;
        }
        let id_token = signed_in.stored().await?.tokens.id_token.ok_or("no ID token is kept")?;
        fails(other.logout_token(id_token.expose()).await, ProviderErrorKind::InvalidAnswer)?;
        let elsewhere = client(server, "web-app", ClientAuth::Basic(server.secret()))?.build()?;
        fails(elsewhere.logout_token(&token).await, ProviderErrorKind::InvalidAnswer)?;
        accepted(&other, &token, &signed_in).await
    })
    .await?;
    holds("logout by the browser: the end-session URL leads back, and the server tells of it", async {
        let signed_in = SignedIn::by_code(server, &provider, "logout-by-browser").await?;
        let session = signed_in.stored().await?;
        let url = provider.end_session_url(&session, Some(&Url::parse(SIGNED_OUT)?)).await?;
        let ended = server.visit(&url.ok_or("there is no end-session URL")?).await?;
        ensure(ended.as_str().starts_with(SIGNED_OUT), || format!("the browser ended at {}", ended.path()))?;
        let token = told.recv().await.ok_or("nothing was told")?;
        accepted(&provider, &token, &signed_in).await
    })
    .await
}

/// Listens for logout tokens on a loopback port, and tells the server so.
async fn listen(server: &Server) -> Result<mpsc::UnboundedReceiver<String>> {
    let (tell, told) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let uri = format!("http://{}/logout", listener.local_addr()?);
    let application = Router::new().route("/logout", post(receive)).with_state(tell);
    tokio::spawn(async { serve(listener, application).await });
    server.administer("logout-uri", &[("uri", &uri)]).await?;
    Ok(told)
}

async fn receive(State(tell): State<mpsc::UnboundedSender<String>>, Form(told): Form<Told>) {
    // Whoever no longer listens has failed already.
    let _ = tell.send(told.logout_token);
}

async fn accepted(provider: &Oidc, token: &str, signed_in: &SignedIn) -> Result {
    let session = signed_in.stored().await?;
    let logout = provider.logout_token(token).await?;
    ensure(logout.issuer == session.issuer, || format!("it is by {}", logout.issuer))?;
    ensure(logout.sid.is_some() && logout.sid == session.sid, || "it names another session".into())
}

/// The token with one letter of a part changed.
fn tampered(token: &str, part: usize) -> Result<String> {
    let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    let part = parts.get_mut(part).ok_or("not a JWT")?;
    let middle = part.len() / 2;
    let other = if part[middle..].starts_with('A') { "B" } else { "A" };
    part.replace_range(middle..=middle, other);
    Ok(parts.join("."))
}
