//! A web application with a session for each visitor, to look at and to take apart.
//!
//! `cargo run -p oidc-session-example-web` starts it, with an authorization server of its own, and prints its address.

use std::process::ExitCode;

use clap::Parser as _;
use oidc_session_example_web::{Flags, RunningApp};

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let app = match RunningApp::start(Flags::parse()).await {
        Ok(app) => app,
        Err(error) => {
            eprintln!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            return ExitCode::FAILURE;
        }
    };
    println!("{app}");
    told_to_end().await;
    app.stop().await;
    ExitCode::SUCCESS
}

/// Waits for Ctrl-C, or for SIGTERM where there is one.
async fn told_to_end() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    // Without signals it runs until it is killed.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
