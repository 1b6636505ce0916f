//! The desktop program, with a secret service.

#![cfg(target_os = "linux")]

use oidc_session_test_servers::{SecretService, fresh_name};

use crate::program::Program;

#[tokio::test]
async fn a_desktop_program_signs_in_through_the_browser_and_keeps_the_session_in_the_secret_store() {
    let service = tokio::task::spawn_blocking(SecretService::start).await.unwrap().unwrap();
    let env = || service.env().into_iter().chain([("SERVICE_NAME", fresh_name().into())]);
    let ended = Program::start(env!("CARGO_BIN_EXE_desktop"), env()).ends().await;
    ended.well(&[
        "There is no session yet.",
        "Signed in; the session is in the secret store.",
        "Sensitive",
        "Logged out.",
    ]);
}
