//! The command `oidc-session`: sign in once, then print a valid access token from any number of processes.
//!
//! Start at `arguments.rs`, the whole command line in one tree; `commands/` has one file per command, and `exit_code.rs`
//! says what each way of failing means to a script. This is the one place that names concrete stores and providers.

mod arguments;
mod authorization_check;
mod browser;
mod client_auth;
mod commands;
mod context;
mod exit_code;
mod failure;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod http1;
mod interrupt;
mod key_source;
mod limit_flags;
mod loopback;
mod moving;
mod open_store;
mod output;
#[cfg(test)]
mod pages;
mod patience;
mod policy_flags;
mod proof_flags;
mod provider_choice;
mod provider_setup;
mod resealing;
mod saved_session;
mod standby;
mod store_url;
mod target_flags;
mod timeline;
mod times;
mod token_syntax;

use std::io::{IsTerminal as _, stderr};
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::arguments::Arguments;

/// Runs the command that this process was started with.
#[tokio::main]
pub async fn run() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(unreadable) => return unreadable.explain(),
    };
    log_to_stderr();
    let (context, command) = arguments.into_parts();
    match command.run(&context).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            context.output.failure(&failure);
            failure.exit_code()
        }
    }
}

fn log_to_stderr() {
    // That a sign-in brought no refresh token is a warning of the command itself.
    let default = "warn,oidc_session_provider_oidc::sign_in=error";
    let directives = std::env::var("RUST_LOG").ok().filter(|directives| !directives.is_empty());
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .parse_lossy(directives.as_deref().unwrap_or(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        // A log that cannot be written would be told with `eprintln!`: to the same stderr, which then panics.
        .log_internal_errors(false)
        .with_ansi(stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
        .init();
}
