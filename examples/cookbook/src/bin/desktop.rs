//! A program on a desktop: signs in through the browser, and keeps the session in the secret store of the user.
//!
//! ```text
//! cargo run -p oidc-session-example-cookbook --bin desktop
//! OIDC_ISSUER=https://login.example OIDC_CLIENT_ID=my-app cargo run -p oidc-session-example-cookbook --bin desktop
//! ```
//!
//! The secret store is that of the operating system: Keychain, Credential Manager, or a secret service on Linux. What is
//! stored stands under the name `oidc-session-example-desktop`, or `SERVICE_NAME`. With a server of its own the example
//! logs out at the end; what remains then is one entry that says so.

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use oidc_session::{KeyringStore, Outcome, Preemptive, SessionId, SessionManager};
use oidc_session_example_cookbook::{Issuer, Result};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", sentence(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result {
    let name = env::var("SERVICE_NAME").unwrap_or_else(|_| "oidc-session-example-desktop".to_owned());
    // Opened first: a user should not sign in for nothing. If there is no secret store, the error says what is missing.
    let store = KeyringStore::open(name).await?;
    let issuer = Issuer::from_env(Duration::from_secs(60)).await?;
    let provider = issuer.provider()?;
    let sessions =
        SessionManager::builder(provider.clone(), store).policy(Preemptive::skew(Duration::from_secs(30))).build()?;
    let session = sessions.session(&SessionId::named("default")?);

    match session.refresh_if_expired().await? {
        Outcome::NoSession => println!("There is no session yet."),
        Outcome::Ended(reason) => println!("The last session has ended: {reason}."),
        outcome => println!("The session of the last run is here: {outcome}."),
    }
    if session.authorization().await.is_err() {
        session.sign_in(issuer.sign_in(&provider).await?).await?;
        println!("Signed in; the session is in the secret store.");
    }
    let authorization = session.authorization().await?;
    println!("For the next request: Authorization: {authorization:?}");
    if issuer.server().is_some() {
        session.logout().await?;
        println!("Logged out.");
    }
    sessions.drain().await;
    Ok(())
}

/// An error with its causes: each says more than the one before.
fn sentence(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
