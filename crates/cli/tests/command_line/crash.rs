use std::time::Duration;

use oidc_session_core::{Clock as _, SystemClock};
use oidc_session_testkit::AuthorizationServer;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use super::terminal::{PATIENCE, Ran, Terminal};

/// What a session manager takes a lease for by default.
const LEASE: Duration = Duration::from_secs(20);

/// How long whoever takes over gives its holder to commit what it may have got.
const GRACE: Duration = Duration::from_secs(6);

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
async fn a_holder_that_dies_before_sending_delays_the_others_by_its_lease_and_a_grace() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    terminal.run("expire --json").await.ok();
    die_holding_the_lease(&terminal).await;

    let killed_at = SystemClock.monotonic();
    let (one, other) = tokio::join!(terminal.run("token --json"), terminal.run("token --json"));
    let waited = SystemClock.monotonic() - killed_at;
    assert!(waited < LEASE + GRACE + Duration::from_secs(5), "they waited for {waited:?}");
    assert!(waited > Duration::from_secs(5), "nobody held the lease");

    assert_eq!(one.ok()["access_token"], other.ok()["access_token"]);
    let counters = terminal.server.counters();
    assert_eq!((counters.refresh_grants, counters.reuse_detected), (1, 0));
    assert_eq!(terminal.run("status --json").await.ok()["state"], "fresh");
    assert_eq!(terminal.run("refresh --force --json").await.ok()["outcome"], "refreshed");
}

/// Signals a `token` whose refresh the server is still working on. `prefix` is what runs the program.
#[cfg(unix)]
async fn signalled_while_refreshing(terminal: &Terminal, prefix: &[&str], signals: &[&str]) -> Ran {
    terminal.run("expire --json").await.ok();
    let before = terminal.server.counters().refresh_requests;
    let process = terminal.command_behind(prefix, "token --json").spawn().unwrap();
    let pid = process.id().unwrap().to_string();
    let finished = tokio::spawn(process.wait_with_output());
    let sent = async {
        while terminal.server.counters().refresh_requests == before {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, sent).await.unwrap();
    for signal in signals {
        assert!(Command::new("kill").args([signal, &*pid]).status().await.unwrap().success());
        // Two signals of a kind at once would be one.
        sleep(Duration::from_millis(100)).await;
    }
    let ran = Ran::from(timeout(PATIENCE, finished).await.unwrap().unwrap().unwrap());
    assert_eq!(terminal.server.counters().refresh_requests, before + 1);
    ran
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_command_still_stores_the_refresh_it_began() {
    let server = AuthorizationServer::builder().latency(Duration::from_millis(1500));
    let terminal = Terminal::open_with(server).await;
    terminal.login("native-app", "").await.ok();
    // Whoever closes a terminal sends two hangups.
    for signals in [&["-INT"][..], &["-TERM"], &["-HUP", "-HUP"]] {
        let ran = signalled_while_refreshing(&terminal, &[], signals).await;
        // Where the tests themselves run behind `nohup`, a hangup interrupts nothing.
        if ran.code != 0 || signals != ["-HUP", "-HUP"] {
            assert_eq!(ran.error(1)["reason"], "interrupted", "{signals:?}");
        }
        assert_eq!(terminal.run("token --json").await.ok()["outcome"], "fresh", "{signals:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_command_behind_nohup_outlives_its_terminal() {
    let server = AuthorizationServer::builder().latency(Duration::from_millis(1500));
    let terminal = Terminal::open_with(server).await;
    terminal.login("native-app", "").await.ok();
    let ran = signalled_while_refreshing(&terminal, &["nohup"], &["-HUP"]).await;
    assert_eq!(ran.ok()["outcome"], "refreshed");
}
