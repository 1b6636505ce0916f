use oidc_session_testkit::{Decision, Fault, Field};

use super::terminal::{Login, Terminal};

#[tokio::test(flavor = "multi_thread")]
async fn a_login_comes_back_from_the_browser_and_keeps_the_session() {
    let terminal = Terminal::open().await;
    let ran = terminal.login("native-app", "").await;

    let signed_in = ran.ok();
    assert_eq!(signed_in["session"], "default");
    assert_eq!(signed_in["subject"], "alice");
    assert_eq!(signed_in["issuer"], terminal.server.issuer().as_str());
    assert!(signed_in["expires_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("http")).count(), 1);

    let token = terminal.run("token --json").await.ok();
    assert!(terminal.server.is_active(token["access_token"].as_str().unwrap()));
    assert_eq!(token["expires_at"], signed_in["expires_at"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_do_not_end_the_wait_for_the_browser() {
    let terminal = Terminal::open().await;
    let login = terminal.start_login("native-app", "").await;
    let callback = terminal.server.authorize(&login.url).unwrap();
    let mut stranger = callback.clone();
    stranger.set_query(Some("code=guess&state=guess"));

    for (url, status) in
        [(callback.join("/favicon.ico").unwrap(), 404), (callback.join("/callback").unwrap(), 400), (stranger, 400)]
    {
        let answer = terminal.browser.get(url).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    let posted = terminal.browser.post(callback.clone()).send().await.unwrap();
    assert_eq!(posted.status(), 405);
    let long = callback.join(&format!("/callback?{}", "x".repeat(20_000))).unwrap();
    assert_eq!(terminal.browser.get(long).send().await.unwrap().status(), 414);

    let page = terminal.browser.get(callback.clone()).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("You are signed in"));
    for (_, value) in callback.query_pairs() {
        assert!(!page.contains(&*value), "the page shows {value}");
    }
    login.finish().await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_sign_in_is_a_sign_in_still_needed() {
    let terminal = Terminal::open().await;
    terminal.server.set_default_decision(Decision::Deny);
    let error = terminal.login("native-app", "").await.error(3);
    assert_eq!(error["kind"], "sign_in_needed");
    assert_eq!(error["reason"], "access_denied");
    assert_eq!(terminal.run("status --json").await.ok()["state"], "none");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_at_the_browser_is_a_sign_in_still_needed() {
    let terminal = Terminal::open().await;
    let login = terminal.start_login("native-app", "--timeout 200ms").await;
    assert_eq!(login.finish().await.error(3)["reason"], "sign_in_timed_out");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_client_is_found_out_without_waiting_for_the_browser() {
    let terminal = Terminal::open().await;
    let login = terminal.start_login("nobody", "").await;
    let error = login.finish().await.error(5);
    assert_eq!(error["kind"], "misconfigured");
    assert_eq!(error["reason"], "authorization_request_refused");
    assert!(error["hint"].as_str().unwrap().contains("--client-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_issuer_is_misconfigured_and_an_absent_one_unavailable() {
    let terminal = Terminal::open().await;
    let login =
        |issuer: &str| terminal.command(&format!("login --issuer {issuer} --client-id native-app --no-browser --json"));

    let issuer = terminal.server.issuer().as_str();
    let slash = Terminal::finish(login(issuer.trim_end_matches('/'))).await.error(5);
    assert!(slash["message"].as_str().unwrap().contains("trailing slash"), "{slash}");
    Terminal::finish(login(&format!("{issuer}elsewhere"))).await.error(5);
    Terminal::finish(login("http://login.example")).await.error(5);
    Terminal::finish(login("not-a-url")).await.error(5);
    // A port on which nobody listens.
    let absent = Terminal::finish(login("http://127.0.0.1:1/")).await.error(4);
    assert_eq!(absent["kind"], "unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_secret_comes_from_the_environment_each_time() {
    let terminal = Terminal::open().await;
    for method in ["basic", "post"] {
        let login = |secret: &str| {
            let issuer = terminal.server.issuer();
            let mut command = terminal.command(&format!(
                "login --issuer {issuer} --client-id web-app --client-secret-env WEB_SECRET --client-auth {method} --no-browser --json"
            ));
            command.env("WEB_SECRET", secret);
            command
        };
        let wrong = terminal.complete(Login::start(login("hunter2")).await).await;
        assert_eq!(wrong.error(5)["reason"], "invalid_client");
        assert!(!wrong.stderr.contains("hunter2"));
        terminal.complete(Login::start(login("secret")).await).await.ok();

        // Without it a fresh access token is served, and nothing else.
        assert_eq!(terminal.run("token --json").await.ok()["outcome"], "fresh");
        assert_eq!(terminal.run("refresh --json").await.ok()["outcome"], "fresh");
        let before = terminal.server.counters();
        let forced = terminal.run("refresh --force --json").await.error(5);
        terminal.run("expire --json").await.ok();
        let expired = terminal.run("token --json").await.error(5);
        for missing in [forced, expired] {
            assert_eq!(missing["reason"], "client_secret_missing");
            assert!(missing["message"].as_str().unwrap().contains("WEB_SECRET"), "{missing}");
        }
        assert_eq!(terminal.server.counters(), before, "something was sent without the secret");
        let mut refresh = terminal.command("refresh --force --json");
        refresh.env("WEB_SECRET", "secret");
        assert_eq!(Terminal::finish(refresh).await.ok()["outcome"], "refreshed");
    }
    let ran = terminal.run("logout --json").await;
    let logout = ran.ok();
    assert_eq!((&logout["state"], &logout["revoked"]), (&"ended".into(), &false.into()));
    assert!(logout["note"].as_str().unwrap().contains("WEB_SECRET"), "{logout}");
    assert!(ran.stderr.contains("could not be told"), "{}", ran.stderr);
    assert_eq!(terminal.server.counters().revocations, 0);
    assert_eq!(terminal.run("status --json").await.ok()["reason"], "logged_out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_cannot_be_refreshed_is_warned_about() {
    let terminal = Terminal::open().await;
    terminal.server.inject(Fault::Omit(Field::RefreshToken));
    let ran = terminal.login("native-app", "").await;
    ran.ok();
    assert!(ran.stderr.contains("offline_access"), "{}", ran.stderr);

    terminal.run("expire").await;
    let status = terminal.run("status --json").await.ok();
    assert_eq!((&status["state"], &status["has_refresh_token"]), (&"expired".into(), &false.into()));
    assert_eq!(terminal.run("token --json").await.error(3)["reason"], "no_refresh_token");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    for entry in std::fs::read_dir(terminal.store().parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}

/// A browser in the terminal, which is there until its user leaves it: here until the test's folder is gone.
///
/// `BROWSER` names what opens a URL on a Unix desktop. Returns its path, and the file to which it writes the URL.
#[cfg(target_os = "linux")]
fn browser_in_the_terminal(terminal: &Terminal) -> (std::path::PathBuf, std::path::PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;

    let (browser, opened) = (terminal.file("w3m"), terminal.file("opened"));
    let file = opened.display();
    let script = format!(
        "#!/bin/sh\nexec </dev/null >/dev/null 2>&1\nprintf %s \"$1\" > {file}\nwhile [ -e {file} ]; do sleep 0.1; done\n"
    );
    std::fs::write(&browser, script).unwrap();
    std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o700)).unwrap();
    (browser, opened)
}

#[cfg(target_os = "linux")]
async fn written(file: &std::path::Path, is_whole: impl Fn(&str) -> bool) -> String {
    let written = async {
        loop {
            match std::fs::read_to_string(file) {
                Ok(text) if is_whole(&text) => return text,
                _ => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        }
    };
    tokio::time::timeout(super::terminal::PATIENCE, written).await.unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_login_opens_the_url_it_prints_and_does_not_wait_for_the_browser() {
    let terminal = Terminal::open().await;
    let (browser, opened) = browser_in_the_terminal(&terminal);
    let issuer = terminal.server.issuer();
    let mut command = terminal.command(&format!("login --issuer {issuer} --client-id native-app --json"));
    command.env("BROWSER", &browser);
    let login = Login::start(command).await;
    written(&opened, |url| url == login.url.as_str()).await;
    terminal.complete(login).await.ok();
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_logout_opens_a_url_without_a_token() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    let (browser, opened) = browser_in_the_terminal(&terminal);
    let mut logout = terminal.command("logout --open --json");
    logout.env("BROWSER", &browser);
    let opened = async {
        let url = written(&opened, |url| url.ends_with("client_id=native-app")).await;
        // Its user leaves it.
        std::fs::remove_file(&opened).unwrap();
        url
    };
    let (ran, url) = tokio::join!(Terminal::finish(logout), opened);
    assert_eq!(ran.ok()["end_session_url"], url);
    assert!(!url.contains("id_token_hint"), "{url}");
}
