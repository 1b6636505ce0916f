//! A command line tool: signs in if it has to, keeps the session in an SQLite file, and prints who is signed in.
//!
//! ```text
//! cargo run -p oidc-session-example-cookbook --bin command_line_tool
//! OIDC_ISSUER=https://login.example OIDC_CLIENT_ID=my-app SESSIONS_DB=sessions.db \
//!     cargo run -p oidc-session-example-cookbook --bin command_line_tool
//! ```
//!
//! With an issuer of yours, run it twice: the second run signs nobody in, and refreshes the session if it has to. Without
//! one it does both by itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use oidc_session::{SessionErrorKind, SessionId, SessionManager, Snapshot, SqliteStore};
use oidc_session_example_cookbook::{Issuer, Result};

#[tokio::main]
async fn main() -> Result {
    let issuer = Issuer::from_env(Duration::from_secs(60)).await?;
    if issuer.server().is_none() {
        let path = std::env::var_os("SESSIONS_DB").map_or_else(|| PathBuf::from("sessions.db"), PathBuf::from);
        return print_user(&issuer, &path).await;
    }
    // A server of its own ends with the program, and so should the sessions.
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("sessions.db");
    print_user(&issuer, &path).await?;
    println!("\nThe same once more, as the next run would:");
    print_user(&issuer, &path).await
}

async fn print_user(issuer: &Issuer, path: &Path) -> Result {
    let provider = issuer.provider()?;
    let sessions = SessionManager::builder(provider.clone(), SqliteStore::open(path).await?).build()?;
    let session = sessions.session(&SessionId::named("default")?);

    let is_signed_in = match session.refresh_if_expired().await {
        Ok(outcome) => {
            println!("The session: {outcome}");
            outcome.is_usable()
        }
        // The server wants the user. Any other error keeps the session: a failing network must not sign anybody out.
        Err(error) if error.kind() == SessionErrorKind::SignInNeeded => false,
        Err(error) => return Err(error.into()),
    };
    if !is_signed_in {
        session.sign_in(issuer.sign_in(&provider).await?).await?;
        println!("Signed in.");
    }

    let Snapshot::Active { session, .. } = session.snapshot().await? else {
        return Err("somebody has logged out meanwhile; run it again".into());
    };
    let user = provider.userinfo(&session).await?;
    println!("{}", serde_json::to_string_pretty(&user.claims)?);
    sessions.drain().await;
    Ok(())
}
