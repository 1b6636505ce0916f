use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::timeout;

use super::terminal::{PATIENCE, Terminal};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_ends_well_and_says_so() {
    let terminal = Terminal::open().await;
    let ran = terminal.run("demo --seconds 8 --json").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for expected in ["listening", "signed_in", "served", "refreshed", "callers_at_once", "second_program", "logged_out"]
    {
        assert!(events.iter().any(|event| event["event"] == expected), "{expected}");
    }
    let summary = events.last().unwrap();
    assert_eq!((&summary["event"], &summary["ok"]), (&"summary".into(), &true.into()));
    assert!(summary["refreshes"].as_u64().unwrap() >= 3, "{summary}");
    assert_eq!((&summary["reuse_detected"], &summary["callers_joined"]), (&0.into(), &19.into()));
    // It has a store of its own.
    assert!(!terminal.store().exists());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_dev_server_announces_itself_counts_and_stops_when_told() {
    let terminal = Terminal::open().await;
    let mut command = terminal.command("dev-server --json --access-ttl 7s");
    let mut server = command.env_remove("RUST_LOG").spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(server.stdout.take().unwrap());
    timeout(PATIENCE, stdout.read_line(&mut line)).await.unwrap().unwrap();
    let listening: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(listening["event"], "listening");
    assert_eq!(listening["clients"], serde_json::json!(["native-app", "web-app"]));

    let fetch = async |url: &str| -> Value {
        let answer = terminal.browser.get(url).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    };
    let issuer = listening["issuer"].as_str().unwrap();
    let metadata = fetch(&format!("{issuer}.well-known/openid-configuration")).await;
    assert_eq!(metadata["issuer"], issuer);
    let counters = fetch(listening["counters"].as_str().unwrap()).await;
    assert_eq!((&counters["discovery_requests"], &counters["refresh_grants"]), (&1.into(), &0.into()));

    let pid = server.id().unwrap().to_string();
    let told = tokio::process::Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
    assert!(told.success());
    let stopped = timeout(PATIENCE, server.wait()).await.unwrap().unwrap();
    assert_eq!(stopped.code(), Some(0));
}
