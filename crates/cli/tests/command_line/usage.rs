use std::process::Stdio;

use super::terminal::{Ran, Terminal};

async fn run(arguments: &str) -> Ran {
    Terminal::finish(Terminal::open().await.command(arguments)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_command_line_is_usage() {
    for arguments in [
        "tokken --json",
        "token --min-valid 30 --json",
        "token --policy sometimes --json",
        "login --json",
        "login --issuer https://login.example --client-id c --param state=x --json",
        "login --issuer https://login.example --client-id c --timeout 0s --json",
        "login --issuer https://login.example --client-id c --device --redirect-port 8400 --json",
        "login --issuer https://login.example --client-id c --device --no-browser --json",
        "login --issuer https://login.example --client-id c --device --par --json",
        "login --issuer https://login.example --client-id c --resource= --json",
        "token --resource= --json",
        "userinfo --resource https://api.example --json",
        "demo --seconds 1 --json",
        "dev-server --listen 192.0.2.1:1 --json",
        "status --store mysql://user:hunter2@h/0 --json",
        "status --store keyring: --json",
        "status --store sessions.db --json",
        "status --store sqlite:~/x.db --json",
        "status --store sqlite://x.db --json",
        "status --store= --json",
    ] {
        let ran = run(arguments).await;
        let error = ran.error(2);
        assert_eq!(error["kind"], "usage", "{arguments}");
        assert!(!ran.stderr.contains("hunter2") && !ran.stdout.contains("hunter2"), "{ran:?}");
    }
    assert_eq!(run("").await.code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_that_contradict_each_other_are_named() {
    for (flag, name) in
        [("--redirect-port 8400", "--redirect-port"), ("--no-browser", "--no-browser"), ("--par", "--par")]
    {
        let error = run(&format!("login --issuer https://login.example --client-id c --device {flag} --json")).await;
        let message = error.error(2)["message"].to_string();
        assert!(message.contains("--device") && message.contains(name), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_unavailable_and_its_url_stays_secret() {
    for store in ["redis://user:hunter2@127.0.0.1:1/0", "postgres://user:hunter2@127.0.0.1:1/db"] {
        let ran = run(&format!("status --store {store} --json")).await;
        assert_eq!(ran.error(4)["kind"], "unavailable", "{ran:?}");
        assert!(!ran.stderr.contains("hunter2") && !ran.stdout.contains("hunter2"), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_this_build_lacks_is_named_with_those_it_has() {
    let error = run("token --json --store mysql://h/db").await.error(2);
    assert!(error["message"].as_str().unwrap().contains("mysql:"), "{error}");
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.contains("sqlite:") && hint.contains("redis:") && hint.contains("memory:"), "{error}");
    assert_eq!(run("status --json --store memory:").await.ok()["state"], "none");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_variable_counts_as_unset() {
    let terminal = Terminal::open().await;
    let mut command = terminal.command("status --json");
    command.env("OIDC_SESSION_STORE", "").env("XDG_DATA_HOME", terminal.file("data"));
    assert_eq!(Terminal::finish(command).await.ok()["state"], "none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_none_is_left_alone() {
    let terminal = Terminal::open().await;
    std::fs::write(terminal.store(), "this is somebody's diary, and no database at all").unwrap();
    let ran = terminal.run("token --json").await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(std::fs::read_to_string(terminal.store()).unwrap().contains("diary"));
}

#[tokio::test(flavor = "multi_thread")]
async fn help_comes_with_examples_and_exit_codes() {
    let help = run("--help").await;
    assert_eq!(help.code, 0);
    for expected in ["Examples:", "Exit codes:", "--store", "--session", "--json", "dev-server"] {
        assert!(help.stdout.contains(expected), "{expected}");
    }
    let login = run("login --help").await.stdout;
    for expected in ["--client-secret-env", "--device", "--private-key", "--client-certificate", "--par", "--dpop"] {
        assert!(login.contains(expected), "{expected}");
    }
    for provider in ["auth0", "entra", "cognito", "okta", "keycloak", "google"] {
        assert!(login.contains(&format!("login --provider {provider} ")), "{provider}");
    }
    assert!(!run("token --help").await.stdout.contains("hold-lease"));
    assert_eq!(run("--version").await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_left_is_no_disaster() {
    let terminal = Terminal::open().await;
    for arguments in ["status --json", "status", "list", "list --json"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = terminal.command(arguments);
        command.stdout(Stdio::from(writer));
        let ran = Terminal::finish(command).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_does_not_cost_a_refresh() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    terminal.run("expire --json").await.ok();
    for arguments in ["token --json", "refresh --force --json"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = terminal.command(arguments);
        command.stderr(Stdio::from(writer));
        assert_eq!(Terminal::finish(command).await.ok()["outcome"], "refreshed", "{arguments}");
    }
    let counters = terminal.server.counters();
    assert_eq!((counters.refresh_requests, counters.reuse_detected), (2, 0));
}
