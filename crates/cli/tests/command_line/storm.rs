use std::collections::BTreeSet;
use std::time::Duration;

use oidc_session_testkit::AuthorizationServer;
use tokio::task::JoinSet;

use super::terminal::Terminal;

const PROCESSES: usize = 50;

/// Runs that many `token` commands at once. Returns the different tokens, and how many said `refreshed`.
async fn ask_all_at_once(terminal: &Terminal) -> (BTreeSet<String>, usize) {
    let mut processes = JoinSet::new();
    for _ in 0..PROCESSES {
        let mut command = terminal.command("token --json");
        // What fifty processes would log, all at trace, is not what is asked here.
        command.env("RUST_LOG", "warn");
        processes.spawn(Terminal::finish(command));
    }
    let answers: Vec<_> = processes.join_all().await.iter().map(|ran| ran.ok()).collect();
    let refreshed = answers.iter().filter(|answer| answer["outcome"] == "refreshed").count();
    let tokens = answers.iter().map(|answer| answer["access_token"].as_str().unwrap().to_owned()).collect();
    (tokens, refreshed)
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_processes_share_one_refresh_round_after_round() {
    let server = AuthorizationServer::builder().latency(Duration::from_millis(100));
    let terminal = Terminal::open_with(server).await;
    terminal.login("native-app", "").await.ok();

    let mut seen = BTreeSet::new();
    for round in 1..=4 {
        terminal.run("expire --json").await.ok();
        let (tokens, refreshed) = ask_all_at_once(&terminal).await;
        assert_eq!(tokens.len(), 1, "round {round}");
        assert_eq!(refreshed, 1, "round {round}");
        assert!(seen.insert(tokens), "round {round} served the token of another");
        let counters = terminal.server.counters();
        assert_eq!(counters.refresh_requests, round, "one grant for each round");
        assert_eq!((counters.refresh_grants, counters.reuse_detected), (round, 0));
    }
    assert_eq!(terminal.run("status --json").await.ok()["state"], "fresh");
}
