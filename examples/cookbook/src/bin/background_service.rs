//! A service without a user in front of it: calls an API every so often, and ends gracefully.
//!
//! ```text
//! cargo run -p oidc-session-example-cookbook --bin background_service
//! ROUNDS=1000000 PERIOD_MS=1000 cargo run -p oidc-session-example-cookbook --bin background_service   # then Ctrl-C
//! ```
//!
//! `keep_fresh` refreshes the session before its access token expires, so that no round waits for that. On Ctrl-C or
//! SIGTERM the round under way is finished, then `drain` waits for a refresh under way: none is cut off between the
//! server's answer and the store. With `OIDC_ISSUER` and `OIDC_CLIENT_ID` it signs in there, and calls `API_URL`.

use std::env;
use std::pin::pin;
use std::time::Duration;

use oidc_session::{
    Preemptive, SessionErrorKind, SessionEventKind, SessionHandle, SessionId, SessionManager, SqliteStore,
};
use oidc_session_example_cookbook::{Issuer, Result, http_client};
use reqwest::header::AUTHORIZATION;
use reqwest::{Client, StatusCode};
use tokio::sync::broadcast::error::TryRecvError;
use url::Url;

#[tokio::main]
async fn main() -> Result {
    let (rounds, period) = (number("ROUNDS", 20)?, Duration::from_millis(number("PERIOD_MS", 200)?.max(1)));
    let issuer = Issuer::from_env(Duration::from_secs(3)).await?;
    let api: Url = match env::var("API_URL") {
        Ok(url) => url.parse()?,
        Err(_) => issuer.join("userinfo")?,
    };
    let (provider, folder) = (issuer.provider()?, tempfile::tempdir()?);
    let store = SqliteStore::open(folder.path().join("sessions.db")).await?;
    let sessions =
        SessionManager::builder(provider.clone(), store).policy(Preemptive::skew(Duration::from_secs(60))).build()?;
    let session = sessions.session(&SessionId::named("service")?);
    session.sign_in(issuer.sign_in(&provider).await?).await?;

    let mut events = session.subscribe();
    let kept = session.keep_fresh();
    let (client, mut ticks) = (http_client(&api).build()?, tokio::time::interval(period));
    let mut stop = pin!(stop_request()?);
    println!("Working; Ctrl-C ends it.");
    let mut done = 0;
    while done < rounds {
        tokio::select! {
            () = &mut stop => {
                println!("Asked to stop.");
                break;
            }
            // What a branch does is not cancelled: the round is finished.
            _ = ticks.tick() => work(&client, &api, &session).await?,
        }
        done += 1;
    }

    drop(kept);
    sessions.drain().await;
    let mut refreshed = 0;
    loop {
        match events.try_recv() {
            Ok(event) => refreshed += u32::from(event.kind == SessionEventKind::Refreshed),
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    println!("Drained: {done} rounds, {refreshed} refreshes.");
    Ok(())
}

/// One round. What may pass by itself ends with the round, not with the service.
async fn work(client: &Client, api: &Url, session: &SessionHandle) -> Result {
    let authorization = match session.authorization().await {
        Ok(authorization) => authorization,
        Err(error) if error.kind() == SessionErrorKind::Unavailable => {
            eprintln!("This round is left out: {error}.");
            return Ok(());
        }
        // Somebody has to sign in, or to correct the settings.
        Err(error) => return Err(error.into()),
    };
    match client.get(api.clone()).header(AUTHORIZATION, authorization).send().await.map(|answer| answer.status()) {
        Ok(StatusCode::UNAUTHORIZED) => eprintln!("The API does not accept the access token."),
        Ok(status) if status.is_success() => {}
        Ok(status) => eprintln!("The API answers {status}."),
        Err(error) => eprintln!("The API does not answer: {}.", error.without_url()),
    }
    Ok(())
}

/// Listens for Ctrl-C, and for the SIGTERM that service managers send, from now on; the future ends with the first.
#[cfg(unix)]
fn stop_request() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Listens for Ctrl-C from now on; the future ends with it.
#[cfg(windows)]
fn stop_request() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}

fn number(name: &str, default: u64) -> Result<u64> {
    match env::var(name) {
        Ok(text) => text.parse().map_err(|_| format!("{name} is not a number").into()),
        Err(_) => Ok(default),
    }
}
