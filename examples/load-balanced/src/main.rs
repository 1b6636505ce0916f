//! A web server of which any number of instances serve the same visitors, behind a load balancer.
//!
//! ```sh
//! cargo run -p oidc-session-example-load-balanced -- --demo      # everything by itself, on loopback
//! ```
//!
//! What an instance keeps of a visitor is a copy: the truth is in the store, sealed with keys that all instances have. So
//! any of them can serve any request, one of them refreshes for all, and a logout at one is a logout at all.
//!
//! Start at [`server`]: what an instance is made of. [`pages`] are its routes, [`store`] is where sessions live, [`demo`] shows
//! two instances at work.

mod arguments;
mod demo;
mod ending;
mod pages;
mod protected_api;
mod server;
mod store;

use std::error::Error;
use std::io::{IsTerminal as _, stderr};
use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::arguments::Arguments;

/// Whatever goes wrong before the first request ends the program, with a sentence.
type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let colours = stderr().is_terminal();
    tracing_subscriber::fmt().with_writer(stderr).with_ansi(colours).with_env_filter(filter).init();
    let outcome = if arguments.demo { demo::run().await } else { server::run(arguments).await };
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
