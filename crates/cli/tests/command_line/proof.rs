use oidc_session_testkit::AuthorizationServer;

use super::terminal::Terminal;

/// Sends what `token --proof` printed to the userinfo endpoint, as `curl -H @-` would.
async fn ask(terminal: &Terminal, headers: &str) -> reqwest::Response {
    let mut request = terminal.browser.get(terminal.server.issuer().join("userinfo").unwrap());
    for line in headers.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_is_printed_with_a_warning_and_refreshed_with_its_key() {
    let terminal =
        Terminal::open_with(AuthorizationServer::builder().require_dpop(true).require_dpop_nonce(true)).await;
    let signed_in = terminal.login("native-app", "--dpop").await.ok();
    let thumbprint = signed_in["dpop_thumbprint"].as_str().unwrap().to_owned();
    assert_eq!(signed_in["token_type"], "DPoP");

    let ran = terminal.run("token --json").await;
    let token = ran.ok();
    assert_eq!((&token["token_type"], &token["dpop_thumbprint"]), (&"DPoP".into(), &thumbprint.as_str().into()));
    assert!(token["dpop_proof"].is_null());
    assert!(ran.stderr.contains("--proof"), "{}", ran.stderr);
    let access_token = token["access_token"].as_str().unwrap();
    assert_eq!(terminal.server.access_token_key(access_token).as_deref(), Some(&*thumbprint));

    assert_eq!(terminal.run("refresh --force --json").await.ok()["outcome"], "refreshed");
    let status = terminal.run("status --json").await.ok();
    assert_eq!((&status["token_type"], &status["dpop_thumbprint"]), (&"DPoP".into(), &thumbprint.as_str().into()));
    assert!(terminal.run("status").await.stdout.contains(&thumbprint));
    terminal.run("logout").await;
    assert!(terminal.run("token --json").await.error(3)["hint"].as_str().unwrap().contains("--dpop"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_opens_the_door_once_and_carries_the_nonce_it_is_given() {
    let terminal = Terminal::open_with(AuthorizationServer::builder().require_dpop_nonce_at_userinfo(true)).await;
    terminal.login("native-app", "--dpop").await.ok();
    let url = terminal.server.issuer().join("userinfo?page=2").unwrap();

    let ran = terminal.run(&format!("token --proof GET {url}")).await;
    assert!(ran.stdout.starts_with("Authorization: DPoP ") && ran.stdout.lines().count() == 2, "{ran:?}");
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    let refused = ask(&terminal, &ran.stdout).await;
    assert_eq!(refused.status(), 401);
    let nonce = refused.headers()["dpop-nonce"].to_str().unwrap();

    let with_nonce = terminal.run(&format!("token --proof GET {url} --nonce {nonce}")).await;
    assert_eq!(ask(&terminal, &with_nonce.stdout).await.status(), 200);
    assert_eq!(ask(&terminal, &with_nonce.stdout).await.status(), 401, "a proof is good for one request");
    let elsewhere = terminal.run(&format!("token --proof POST {url} --nonce {nonce}")).await;
    assert_eq!(ask(&terminal, &elsewhere.stdout).await.status(), 401);
    let json = terminal.run(&format!("token --proof GET {url} --nonce {nonce} --json")).await.ok();
    assert_eq!(json["dpop_proof"].as_str().unwrap().split('.').count(), 3);
    // The command itself answers the nonce.
    assert_eq!(terminal.run("userinfo --json").await.ok()["sub"], "alice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unbound_token_has_nothing_to_prove() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    let ran = terminal.run("token --proof GET https://api.example/me --json").await;
    assert_eq!(ran.error(5)["reason"], "not_bound");
    let token = terminal.run("token --json").await;
    assert!(token.ok()["dpop_thumbprint"].is_null() && !token.stderr.contains("--proof"), "{}", token.stderr);
    for wrong in ["--proof GET", "--proof get https://api.example", "--proof GET api.example", "--nonce n"] {
        terminal.run(&format!("token {wrong} --json")).await.error(2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_request_keeps_everything_but_a_reference_out_of_the_browser() {
    let terminal = Terminal::open().await;
    let login = terminal.start_login("native-app", "--par --dpop").await;
    let names: Vec<String> = login.url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["client_id", "request_uri"]);
    terminal.complete(login).await.ok();
    assert!(terminal.server.counters().pushed_authorization_requests > 0);
    terminal.run("logout").await;
    assert!(terminal.run("token --json").await.error(3)["hint"].as_str().unwrap().contains("--par --dpop"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_pushed_requests_is_misconfigured() {
    let server = AuthorizationServer::builder().hide_from_discovery("pushed_authorization_request_endpoint");
    let terminal = Terminal::open_with(server).await;
    let issuer = terminal.server.issuer();
    let ran = terminal.run(&format!("login --issuer {issuer} --client-id native-app --par --no-browser --json")).await;
    let error = ran.error(5);
    assert!(error["message"].as_str().unwrap().contains("neither ask for them here"), "{error}");
    assert!(error["hint"].is_null(), "advice twice: {error}");
}
