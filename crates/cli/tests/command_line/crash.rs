use std::time::Duration;

use oidc_session_core::{Clock as _, SystemClock};
use oidc_session_testkit::AuthorizationServer;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use super::terminal::{PATIENCE, Ran, Terminal};

/// What a session manager takes a lease for by default.
const LEASE: Duration = Duration::from_secs(15);

/// Starts a process that takes the lease, and kills it where its refresh would be sent.
async fn die_holding_the_lease(terminal: &Terminal) {
    let mut command = terminal.command("token --hold-lease-before-send");
    let mut holder = command.env_remove("RUST_LOG").spawn().unwrap();
    let mut line = String::new();
    let mut stderr = BufReader::new(holder.stderr.take().unwrap());
    timeout(PATIENCE, stderr.read_line(&mut line)).await.unwrap().unwrap();
    assert_eq!(line.trim_end(), r#"{"event":"lease_held"}"#);
    // SIGKILL: it gets no chance to give anything back.
    holder.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_dies_before_sending_delays_the_others_by_its_lease_at_most() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    terminal.run("expire --json").await.ok();
    die_holding_the_lease(&terminal).await;

    let killed_at = SystemClock.monotonic();
    let (one, other) = tokio::join!(terminal.run("token --json"), terminal.run("token --json"));
    let waited = SystemClock.monotonic() - killed_at;
    assert!(waited < LEASE + Duration::from_secs(5), "they waited for {waited:?}");
    assert!(waited > Duration::from_secs(5), "nobody held the lease");

    assert_eq!(one.ok()["access_token"], other.ok()["access_token"]);
    let counters = terminal.server.counters();
    assert_eq!((counters.refresh_grants, counters.reuse_detected), (1, 0));
    assert_eq!(terminal.run("status --json").await.ok()["state"], "fresh");
    assert_eq!(terminal.run("refresh --force --json").await.ok()["outcome"], "refreshed");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_command_still_stores_the_refresh_it_began() {
    let server = AuthorizationServer::builder().latency(Duration::from_millis(1500));
    let terminal = Terminal::open_with(server).await;
    terminal.login("native-app", "").await.ok();
    terminal.run("expire --json").await.ok();

    let process = terminal.command("token --json").spawn().unwrap();
    let pid = process.id().unwrap().to_string();
    let finished = tokio::spawn(process.wait_with_output());
    let sent = async {
        while terminal.server.counters().refresh_requests == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, sent).await.unwrap();
    let interrupted = Command::new("kill").args(["-INT", &pid]).status().await.unwrap();
    assert!(interrupted.success());

    let ran = Ran::from(timeout(PATIENCE, finished).await.unwrap().unwrap().unwrap());
    assert_eq!(ran.error(1)["reason"], "interrupted");
    assert_eq!(terminal.run("token --json").await.ok()["outcome"], "fresh");
    assert_eq!(terminal.server.counters().refresh_requests, 1);
}
