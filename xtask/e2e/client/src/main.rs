//! A program that uses oidc-session as its users do, against servers that are not ours.
//!
//! `cargo xtask e2e` starts it once for each server and tells it in a variable what the server announced. It writes one
//! line of JSON for each check that passed or had to be skipped, and for the first that fails, which ends it. Standard
//! error is its log, where nothing secret may be.

mod checks;
mod oidc_provider;
mod server;
mod signed_in;
mod vendors;

use std::io::stderr;
use std::process::ExitCode;

use checks::Result;
use server::Server;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(stderr)
        .with_ansi(false)
        .init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            checks::fail(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result {
    let server = Server::announced()?;
    match server.checks.as_str() {
        "oidc-provider" => oidc_provider::check(&server).await,
        "oidc-provider, later" => oidc_provider::check_later(&server).await,
        vendor => vendors::check(&server, vendor).await,
    }
}
