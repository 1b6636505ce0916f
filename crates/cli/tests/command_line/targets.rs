use std::time::Duration;

use oidc_session_testkit::AuthorizationServer;

use super::terminal::{Login, Terminal};

const ORDERS: &str = "https://orders.example/";
const STOCK: &str = "https://stock.example/";

async fn open() -> Terminal {
    let server = AuthorizationServer::builder()
        .resource(ORDERS, "orders:read orders:write")
        .resource(STOCK, "stock:read")
        .access_token_lifetime(Duration::from_secs(300));
    Terminal::open_with(server).await
}

/// Signs in for `more`, with a scope that has spaces in it.
async fn login(terminal: &Terminal, more: &str) {
    let issuer = terminal.server.issuer();
    let mut command =
        terminal.command(&format!("login --issuer {issuer} --client-id native-app --no-browser --json {more} --scope"));
    command.arg("openid offline_access orders:read orders:write stock:read");
    let login = Login::start(command).await;
    terminal.complete(login).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_resource_has_an_access_token_of_its_own() {
    let terminal = open().await;
    login(&terminal, &format!("--resource {ORDERS} --resource {STOCK}")).await;

    let token = terminal.run(&format!("token --json --resource {ORDERS} --scope orders:read")).await.ok();
    assert_eq!((&token["outcome"], &token["resource"]), (&"refreshed".into(), &ORDERS.into()));
    let access_token = token["access_token"].as_str().unwrap();
    assert_eq!(terminal.server.access_token_audience(access_token), [ORDERS]);
    assert_eq!(terminal.server.access_token_scope(access_token).as_deref(), Some("orders:read"));
    let again = terminal.run(&format!("token --json --resource {ORDERS} --scope orders:read")).await.ok();
    assert_eq!((&again["outcome"], &again["access_token"]), (&"fresh".into(), &token["access_token"]));

    let refreshed = terminal.run(&format!("refresh --json --resource {STOCK}")).await.ok();
    assert_eq!((&refreshed["outcome"], &refreshed["resource"]), (&"refreshed".into(), &STOCK.into()));
    assert!(refreshed["expires_at"].is_string());
    assert_eq!(terminal.run(&format!("refresh --json --resource {STOCK}")).await.ok()["outcome"], "fresh");
    assert_eq!(terminal.run("token --json").await.ok()["outcome"], "fresh");
    assert_eq!(terminal.server.counters().refresh_grants, 2);

    let status = terminal.run("status --json").await.ok();
    assert_eq!(status["resources"], serde_json::json!([ORDERS, STOCK]));
    let further = status["further_tokens"].as_array().unwrap();
    assert_eq!(further.len(), 2, "{status}");
    assert_eq!((&further[0]["resource"], &further[0]["scope"]), (&ORDERS.into(), &"orders:read".into()));
    assert_eq!((&further[1]["resource"], &further[1]["state"]), (&STOCK.into(), &"fresh".into()));
    assert!(further[1]["expires_at"].as_str().unwrap().ends_with('Z'));
    let text = terminal.run("status").await.stdout;
    assert!(text.contains("further access tokens") && text.contains(STOCK), "{text}");

    terminal.run("expire").await;
    assert_eq!(terminal.run("status --json").await.ok()["further_tokens"][0]["state"], "expired");
    assert_eq!(terminal.run(&format!("token --json --resource {STOCK}")).await.ok()["outcome"], "refreshed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_the_sign_in_did_not_name_is_told_with_the_way_to_name_it() {
    let terminal = open().await;
    login(&terminal, &format!("--resource {ORDERS}")).await;
    for command in ["token", "refresh"] {
        let ran = terminal.run(&format!("{command} --json --resource {STOCK}")).await;
        let hint = ran.error(5)["hint"].as_str().unwrap().to_owned();
        assert!(hint.contains(&format!("--resource {ORDERS} --resource {STOCK}")), "{hint}");
    }
    assert_eq!(terminal.server.counters().refresh_requests, 0);
    // What one target is refused says nothing about the session.
    let wide = terminal.run(&format!("token --json --resource {ORDERS} --scope stock:read")).await.error(5);
    assert!(wide["message"].as_str().unwrap().contains("invalid_scope"), "{wide}");
    assert_eq!(terminal.run("token --json").await.ok()["outcome"], "fresh");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_missing_is_not_blamed_on_the_resource() {
    let terminal = open().await;
    let issuer = terminal.server.issuer();
    let mut command = terminal.command(&format!(
        "login --issuer {issuer} --client-id web-app --client-secret-env WEB_SECRET --no-browser --json"
    ));
    command.env("WEB_SECRET", "secret");
    terminal.complete(Login::start(command).await).await.ok();
    let error = terminal.run(&format!("token --json --resource {ORDERS}")).await.error(5);
    assert_eq!(error["reason"], "client_secret_missing");
    assert!(error["hint"].as_str().unwrap().contains("set WEB_SECRET"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_the_server_does_not_know_is_refused_at_the_sign_in() {
    let terminal = open().await;
    let login = terminal.start_login("native-app", "--resource https://nowhere.example/").await;
    let callback = terminal.server.authorize(&login.url).unwrap();
    terminal.browser.get(callback).send().await.unwrap();
    let error = login.finish().await;
    assert_ne!(error.code, 0, "{error:?}");
    assert_eq!(error.json()["error"]["reason"], "invalid_target");
}
