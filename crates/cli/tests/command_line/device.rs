use std::time::Duration;

use oidc_session_testkit::{AuthorizationServer, AuthorizationServerBuilder, Client, DeviceHabits};

use super::terminal::{Login, Terminal};

fn quick() -> AuthorizationServerBuilder {
    AuthorizationServer::builder().device_interval(Duration::from_secs(1))
}

/// Starts a `login --device`, up to where somebody has to sign in. Returns what it shows beside.
async fn start(terminal: &Terminal, more: &str) -> (Login, String) {
    let issuer = terminal.server.issuer();
    let login = format!("login --issuer {issuer} --client-id native-app --device --json {more}");
    let mut login = Login::start(terminal.command(&login)).await;
    let code = login
        .read_to(|line| {
            let code = line.strip_prefix("    ")?.trim_end();
            (code.len() == 9 && code.contains('-')).then(|| code.to_owned())
        })
        .await;
    (login, code)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_on_another_device_keeps_the_session() {
    let terminal = Terminal::open_with(quick()).await;
    let (mut login, code) = start(&terminal, "").await;
    assert_eq!(login.url.path(), "/device");
    let complete = login.read_to(|line| line.contains("user_code=").then(|| line.trim().to_owned())).await;
    assert!(complete.ends_with(&format!("/device?user_code={code}")), "{complete}");
    login.read_to(|line| line.starts_with("Waiting up to ").then_some(())).await;
    assert!(terminal.server.approve_device_as(&code, "bob"));

    let ran = login.finish().await;
    let signed_in = ran.ok();
    assert_eq!((&signed_in["session"], &signed_in["subject"]), (&"default".into(), &"bob".into()));
    assert!(signed_in["expires_at"].as_str().unwrap().ends_with('Z'));
    let counters = terminal.server.counters();
    assert_eq!((counters.device_grants, counters.device_slow_downs, counters.authorizations), (1, 0, 0));
    assert_eq!(terminal.run("refresh --force --json").await.ok()["outcome"], "refreshed");
    // Resources are named in the browser flow only, so that is the way that is suggested.
    let hint = terminal.run("token --json --resource https://api.example").await.error(5)["hint"].to_string();
    assert!(hint.contains("--resource https://api.example") && !hint.contains("--device"), "{hint}");
    terminal.run("logout").await;
    let hint = terminal.run("token --json").await.error(3)["hint"].to_string();
    assert!(hint.contains(" --device"), "{hint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_refused_is_a_sign_in_still_needed() {
    let terminal = Terminal::open_with(quick()).await;
    let (login, code) = start(&terminal, "").await;
    assert!(terminal.server.deny_device(&code));
    let error = login.finish().await.error(3);
    assert_eq!((&error["kind"], &error["reason"]), (&"sign_in_needed".into(), &"access_denied".into()));
    assert_eq!(terminal.run("status --json").await.ok()["state"], "none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_has_expired_is_a_sign_in_still_needed() {
    let terminal = Terminal::open_with(quick().device_code_lifetime(Duration::from_secs(2))).await;
    let ran = start(&terminal, "").await.0.finish().await;
    let error = ran.error(3);
    assert_eq!(error["reason"], "expired_token");
    // The advice of the error itself, and no other beside it.
    assert!(error["message"].as_str().unwrap().contains("start the sign-in anew"), "{error}");
    assert!(error["hint"].is_null(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_at_the_device_is_waited_for_no_longer_than_told() {
    let terminal = Terminal::open_with(quick()).await;
    let error = start(&terminal, "--timeout 200ms").await.0.finish().await.error(3);
    assert_eq!(error["reason"], "sign_in_timed_out");
    assert_eq!(terminal.server.counters().device_polls, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_devices_is_told_with_the_way_out() {
    let server = quick().hide_from_discovery("device_authorization_endpoint");
    let terminal = Terminal::open_with(server).await;
    let issuer = terminal.server.issuer();
    let error = terminal.run(&format!("login --issuer {issuer} --client-id native-app --device --json")).await.error(5);
    assert!(error["message"].as_str().unwrap().contains("no sign-in on devices"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("leave out --device"), "{error}");
    let error = terminal.run(&format!("login --issuer {issuer} --client-id nobody --device --json")).await.error(5);
    assert!(error["hint"].as_str().unwrap().contains("--device"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_its_own_words_for_the_flow_is_understood() {
    let server = quick().device_habits(DeviceHabits::Google).client(Client::confidential("tv", "secret"));
    let terminal = Terminal::open_with(server).await;
    let issuer = terminal.server.issuer();
    let mut command = terminal.command(&format!(
        "login --issuer {issuer} --client-id tv --client-secret-env TV_SECRET --device --dpop --json"
    ));
    command.env("TV_SECRET", "secret");
    let mut login = Login::start(command).await;
    let code = login.read_to(|line| line.trim().contains('-').then(|| line.trim().to_owned())).await;
    assert!(terminal.server.approve_device(&code));
    let signed_in = login.finish().await.ok();
    assert_eq!((&signed_in["subject"], &signed_in["token_type"]), (&"alice".into(), &"DPoP".into()));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_sign_in_says_so_and_keeps_nothing() {
    let terminal = Terminal::open_with(quick()).await;
    for login in [start(&terminal, "").await.0, terminal.start_login("native-app", "").await] {
        login.signal("-INT").await;
        assert_eq!(login.finish().await.error(1)["reason"], "interrupted");
    }
    assert_eq!(terminal.run("status --json").await.ok()["state"], "none");
}
