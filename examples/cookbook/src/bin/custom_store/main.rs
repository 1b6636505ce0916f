//! A session store of your own, in `store.rs`, and the contract that every store keeps, in `contract.rs`.
//!
//! ```text
//! cargo run -p oidc-session-example-cookbook --bin custom_store
//! cargo test -p oidc-session-example-cookbook --bin custom_store     # some seventy tests, races among them
//! ```

#[cfg(test)]
mod contract;
mod store;

use std::sync::Arc;
use std::time::Duration;

use oidc_session::{SessionId, SessionManager, SystemClock};
use oidc_session_example_cookbook::{Issuer, Result};

use crate::store::TableStore;

/// Two programs over one store; both find the access token expired, at once.
#[tokio::main]
async fn main() -> Result {
    let issuer = Issuer::from_env(Duration::from_secs(60)).await?;
    let (provider, store) = (issuer.provider()?, TableStore::new(Arc::new(SystemClock)));
    let one = SessionManager::builder(provider.clone(), store.clone()).build()?;
    let other = SessionManager::builder(provider.clone(), store).build()?;
    let id = SessionId::named("default")?;
    let (one, other) = (one.session(&id), other.session(&id));

    one.sign_in(issuer.sign_in(&provider).await?).await?;
    one.expire().await?;
    let (first, second) = tokio::try_join!(one.refresh_if_expired(), other.refresh_if_expired())?;
    println!("One program: {first}. The other: {second}.");
    if one.access_token().await? != other.access_token().await? {
        return Err("the two programs have different access tokens".into());
    }
    println!("Both have the same access token.");
    if let Some(server) = issuer.server() {
        println!("The server was asked to refresh {} time(s).", server.counters().refresh_requests);
    }
    Ok(())
}
