use oidc_session_testkit::{AuthorizationServer, Fault, Field};

use super::terminal::{Login, Terminal};

async fn signed_in(scope: &str, more: &str) -> Terminal {
    let terminal = Terminal::open_with(AuthorizationServer::builder()).await;
    let issuer = terminal.server.issuer();
    let login = format!("login --issuer {issuer} --client-id native-app --no-browser --json {more} --scope");
    let mut command = terminal.command(&login);
    command.arg(scope);
    terminal.complete(Login::start(command).await).await.ok();
    terminal
}

#[tokio::test(flavor = "multi_thread")]
async fn the_claims_are_printed_as_json() {
    let terminal = signed_in("openid profile email offline_access", "").await;
    let claims = terminal.run("userinfo --json").await.ok();
    assert_eq!(claims, serde_json::json!({ "sub": "alice", "name": "alice", "email": "alice@example.test" }));
    let text = terminal.run("userinfo").await.stdout;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), claims);
    assert!(text.lines().count() > 3, "{text}");
    assert_eq!(terminal.server.counters().refresh_requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_session_is_refreshed_first() {
    let terminal = signed_in("openid offline_access", "--dpop").await;
    terminal.run("expire").await;
    assert_eq!(terminal.run("userinfo --json").await.ok()["sub"], "alice");
    let counters = terminal.server.counters();
    assert_eq!((counters.refresh_requests, counters.userinfo_requests), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_server_refuses_is_refreshed_once() {
    let terminal = signed_in("openid offline_access", "").await;
    let token = terminal.run("token --json").await.ok()["access_token"].as_str().unwrap().to_owned();
    // The session does not hear of it.
    let form = [("client_id", "native-app"), ("token", &token)];
    let revoked = terminal.browser.post(terminal.server.issuer().join("revoke").unwrap()).form(&form).send().await;
    assert_eq!(revoked.unwrap().status(), 200);
    assert!(!terminal.server.is_active(&token));
    assert_eq!(terminal.run("userinfo --json").await.ok()["sub"], "alice");
    let counters = terminal.server.counters();
    assert_eq!((counters.refresh_requests, counters.userinfo_requests), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_every_token_is_asked_twice_and_no_more() {
    // Gone as soon as it is there, and the server does not say so.
    let server = AuthorizationServer::builder().access_token_lifetime(std::time::Duration::from_millis(1));
    let terminal = Terminal::open_with(server).await;
    terminal.server.inject(Fault::Omit(Field::ExpiresIn));
    terminal.login("native-app", "").await.ok();
    terminal.server.inject(Fault::Omit(Field::ExpiresIn));
    let error = terminal.run("userinfo --json").await.error(5);
    assert_eq!(error["reason"], "invalid_token");
    assert!(error["message"].as_str().unwrap().contains("just refreshed"), "{error}");
    let counters = terminal.server.counters();
    assert_eq!((counters.refresh_requests, counters.userinfo_requests), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_have_their_exit_codes() {
    let terminal = Terminal::open().await;
    assert_eq!(terminal.run("userinfo --json").await.error(3)["reason"], "no_session");

    let hidden = AuthorizationServer::builder().hide_from_discovery("userinfo_endpoint");
    let terminal = Terminal::open_with(hidden).await;
    terminal.login("native-app", "").await.ok();
    let error = terminal.run("userinfo --json").await.error(5);
    assert!(error["message"].as_str().unwrap().contains("userinfo_endpoint"), "{error}");
    terminal.run("expire").await;
    terminal.server.inject(Fault::status(503));
    terminal.server.inject(Fault::status(503));
    assert_eq!(terminal.run("userinfo --json").await.error(4)["kind"], "unavailable");
    terminal.run("logout").await;
    assert_eq!(terminal.run("userinfo --json").await.error(3)["reason"], "logged_out");
}
