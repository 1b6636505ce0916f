//! What the authorization server asks for reaches the person, once.

use oidc_session_testkit::{Fault, Field};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::terminal::Terminal;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CHALLENGE: &str = r#"{"access_token":{"polids":{"essential":true,"values":["p 1"]}}}"#;

/// An authorization server of Microsoft's kind that answers every refresh with `refusal`, and a session at it.
async fn entra(terminal: &Terminal, refusal: Value, with_access_token: bool) -> MockServer {
    let server = MockServer::start().await;
    let at = |rest: &str| format!("{}/{TENANT}{rest}", server.uri());
    let metadata = json!({
        "issuer": at("/v2.0"),
        "authorization_endpoint": at("/oauth2/v2.0/authorize"),
        "token_endpoint": at("/oauth2/v2.0/token"),
        "jwks_uri": at("/discovery/v2.0/keys"),
    });
    for (verb, rest, answer) in [
        ("GET", "/v2.0/.well-known/openid-configuration", ResponseTemplate::new(200).set_body_json(metadata)),
        ("GET", "/discovery/v2.0/keys", ResponseTemplate::new(200).set_body_json(json!({ "keys": [] }))),
        ("POST", "/oauth2/v2.0/token", ResponseTemplate::new(400).set_body_json(refusal)),
    ] {
        let at = format!("/{TENANT}{rest}");
        Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(&server).await;
    }
    let mut file = json!({ "issuer": at("/v2.0"), "client_id": "c", "refresh_token": "hunter2" });
    if with_access_token {
        file["access_token"] = "hunter2-at".into();
        file["expires_in"] = 300.into();
    }
    let tokens = terminal.file("tokens.json");
    std::fs::write(&tokens, file.to_string()).unwrap();
    let import = format!(
        "import --json --file {} --provider entra --tenant {TENANT} --emulator {}",
        tokens.display(),
        server.uri()
    );
    terminal.run(&import).await.ok();
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_of_the_server_is_part_of_the_login_that_is_suggested() {
    let refusal = json!({ "error": "interaction_required", "error_codes": [50076], "claims": CHALLENGE });
    for (with_access_token, command) in
        [(false, "token --json"), (false, "refresh --json"), (true, "refresh --force --json")]
    {
        let terminal = Terminal::open().await;
        let _server = entra(&terminal, refusal.clone(), with_access_token).await;
        let ran = terminal.run(command).await;
        let error = ran.error(3);
        assert_eq!(error["reason"], "interaction_required", "{command}");
        let hint = error["hint"].as_str().unwrap();
        assert!(hint.contains("sign in: oidc-session login --provider entra"), "{hint}");
        assert!(hint.contains(&format!("--param 'claims={CHALLENGE}'")), "{command}: {hint}");
        assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn advice_of_an_error_is_shown_once_and_alone() {
    let advice = "check the client id, the client secret and how the client authenticates";
    for (makes_due, command) in [("status", "refresh --force --json"), ("expire", "token --json")] {
        let terminal = Terminal::open().await;
        terminal.login("native-app", "").await.ok();
        terminal.run(makes_due).await;
        terminal.server.inject(Fault::error("invalid_client"));
        let error = terminal.run(command).await.error(5);
        assert_eq!(error["message"].as_str().unwrap().matches(advice).count(), 1, "{error}");
        assert!(error["hint"].is_null(), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_refresh_token_is_advised_on_once() {
    let terminal = Terminal::open().await;
    terminal.server.inject(Fault::Omit(Field::RefreshToken));
    let ran = terminal.login("native-app", "").await;
    ran.ok();
    assert_eq!(ran.stderr.matches("refresh token").count(), 2, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("let the server issue refresh tokens to this client").count(), 1, "{}", ran.stderr);

    terminal.server.inject(Fault::Omit(Field::RefreshToken));
    let ran = terminal.login("native-app", "--scope openid").await;
    assert_eq!(ran.stderr.matches("ask for the scope offline_access").count(), 1, "{}", ran.stderr);
}
