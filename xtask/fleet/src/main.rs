//! Shows that a fleet keeps its promises: real processes that share one real Redis or PostgreSQL, and an authorization
//! server with rotation and reuse detection that would end a session at the first refresh token presented twice.
//!
//! ```sh
//! cargo xtask fleet                                     # both backends
//!
//! cargo build --release -p oidc-session-fleet -p oidc-session-example-load-balanced
//! target/release/oidc-session-fleet redis               # or postgres
//! ```
//!
//! It needs the servers' programs, starts them on loopback by itself, prints a line with figures for each thing that
//! holds, and fails at the first that does not.
//!
//! | Part | What it is |
//! |---|---|
//! | backend | the server that keeps the sessions, behind a network that can be cut |
//! | stage | authorization server, backend and workers, and the desk that signs in |
//! | worker | a process with a session manager of its own: this program again, told what to do on its standard input |
//! | team | the two workers |
//! | order, reply | what they are told and what they say, a line of JSON each |
//! | home | how each of them opens the same sessions |
//! | web | two processes of the example `load-balanced` behind a load balancer, and its visitors |
//!
//! Start at `scenario/`: one file for each thing that is shown. `chaos/` is the other thing that this program does.

mod backend;
mod chaos;
mod home;
mod order;
mod report;
mod scenario;
mod team;
mod web;
mod worker;

use std::error::Error;
use std::process::ExitCode;

/// Whatever goes wrong ends the run.
type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        Some("worker") => worker::run().await,
        Some("chaos") => chaos::run(std::env::args().skip(2)).await,
        Some("chaos-worker") => chaos::worker::run().await,
        Some(name) => scenario::run(&[name]).await,
        None => scenario::run(&["redis", "postgres"]).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// Fails with `otherwise` unless `holds`.
fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}
