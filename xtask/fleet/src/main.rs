//! Several real processes over one Redis or PostgreSQL, against a real authorization server with rotation and reuse
//! detection. `cargo xtask fleet` runs it; a worker is this program again.
//!
//! Start at `scenario/`: one file for each thing that is shown.

mod backend;
mod home;
mod order;
mod report;
mod scenario;
mod team;
mod worker;

use std::error::Error;
use std::process::ExitCode;

/// Whatever goes wrong ends the run.
type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        Some("worker") => worker::run().await,
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
