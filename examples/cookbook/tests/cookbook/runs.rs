//! Each example runs to its end, and says what it promises to show.

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Ended, Program};

async fn run(path: &str) -> Ended {
    Program::start(path, []).ends().await
}

#[tokio::test]
async fn command_line_tool_signs_in_once_and_not_again() {
    let ended = run(env!("CARGO_BIN_EXE_command_line_tool")).await;
    ended.well(&[
        "The session: no_session",
        "Signed in.",
        "alice@example.test",
        "The session: fresh",
        "alice@example.test",
    ]);
    assert_eq!(ended.stdout.matches("Signed in.").count(), 1, "{}", ended.stdout);
}

#[tokio::test]
async fn background_service_is_refreshed_behind_its_work() {
    let ended = run(env!("CARGO_BIN_EXE_background_service")).await;
    ended.well(&["Working", "Drained: 20 rounds, "]);
    assert!(!ended.stdout.contains(" 0 refreshes"), "{}", ended.stdout);
}

#[cfg(unix)]
#[tokio::test]
async fn background_service_drains_when_it_is_asked_to_stop() {
    for signal in [Signal::INT, Signal::TERM] {
        let endless = [("ROUNDS", "1000000000".into()), ("PERIOD_MS", "10".into())];
        let mut program = Program::start(env!("CARGO_BIN_EXE_background_service"), endless);
        program.says("Working").await;
        let pid = Pid::from_raw(program.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        program.ends().await.well(&["Asked to stop.", "Drained: "]);
    }
}

#[tokio::test]
async fn custom_provider_refreshes_and_tells_a_verdict_from_a_failure() {
    let ended = run(env!("CARGO_BIN_EXE_custom_provider")).await;
    ended.well(&[
        "Nothing goes wrong: refreshed\n",
        "The server fails once: refreshed\n",
        "The server is overloaded: the authorization server cannot be reached now; the session is kept\n",
        "An administrator has ended the session: ended\n",
    ]);
}

#[tokio::test]
async fn custom_store_has_two_programs_share_one_refresh() {
    let ended = run(env!("CARGO_BIN_EXE_custom_store")).await;
    ended.well(&["Both have the same access token.", "The server was asked to refresh 1 time(s)."]);
}

#[tokio::test]
async fn half_of_an_issuer_is_refused() {
    let half = [("OIDC_ISSUER", "https://login.example".into())];
    let ended = Program::start(env!("CARGO_BIN_EXE_command_line_tool"), half).ends().await;
    assert!(!ended.status.success());
    assert!(ended.stderr.contains("set both OIDC_ISSUER and OIDC_CLIENT_ID"), "{}", ended.stderr);
}
