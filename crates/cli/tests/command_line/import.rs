use std::process::Stdio;
use std::time::Duration;

use oidc_session_core::{ClientSecret, Scopes, SignIn as _, SignInRequest};
use oidc_session_provider_oidc::{ClientAuth, Oidc};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use url::Url;

use super::terminal::{PATIENCE, Ran, Terminal};

/// Tokens that some other program got.
async fn tokens(terminal: &Terminal) -> Value {
    tokens_of(terminal, "native-app", ClientAuth::None).await
}

async fn tokens_of(terminal: &Terminal, client_id: &str, auth: ClientAuth) -> Value {
    let issuer = terminal.server.issuer().as_str();
    let provider = Oidc::builder(issuer, client_id).client_auth(auth).build().unwrap();
    let redirect_uri = Url::parse("http://127.0.0.1:1/callback").unwrap();
    let request = SignInRequest::new(redirect_uri, Scopes::parse("openid offline_access"));
    let pending = provider.authorization_request(request).await.unwrap();
    let callback = terminal.server.authorize(&pending.authorization_url).unwrap();
    let tokens = provider.exchange(pending, &callback).await.unwrap().tokens;
    json!({
        "issuer": issuer,
        "client_id": client_id,
        "access_token": tokens.access_token.unwrap().expose(),
        "refresh_token": tokens.refresh_token.unwrap().expose(),
        "id_token": tokens.id_token.unwrap().expose(),
        "expires_in": 300,
    })
}

async fn import(terminal: &Terminal, file: &Value) -> Ran {
    import_with(terminal, file, "").await
}

async fn import_with(terminal: &Terminal, file: &Value, more: &str) -> Ran {
    let path = terminal.file("tokens.json");
    std::fs::write(&path, file.to_string()).unwrap();
    terminal.run(&format!("import --json --file {} {more}", path.display())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn imported_tokens_are_served_and_refreshed() {
    let terminal = Terminal::open().await;
    let file = tokens(&terminal).await;
    let imported = import(&terminal, &file).await.ok();
    assert_eq!((&imported["session"], &imported["subject"]), (&"default".into(), &Value::Null));

    let token = terminal.run("token --json").await.ok();
    assert_eq!((&token["outcome"], &token["access_token"]), (&"fresh".into(), &file["access_token"]));
    assert_eq!(terminal.run("refresh --force --json").await.ok()["outcome"], "refreshed");
    // The refresh brought an ID token that verified.
    assert_eq!(terminal.run("status --json").await.ok()["subject"], "alice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_alone_is_enough() {
    let terminal = Terminal::open().await;
    let mut file = tokens(&terminal).await;
    file.as_object_mut()
        .unwrap()
        .retain(|name, _| !["access_token", "id_token", "expires_in"].contains(&name.as_str()));

    let mut command = terminal.command("import --file - --session robot");
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(file.to_string().as_bytes()).await.unwrap();
    let done = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
    assert!(done.status.success(), "{done:?}");
    assert_eq!(terminal.run("token --json --session robot").await.ok()["outcome"], "refreshed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_says_where_the_client_secret_is() {
    let terminal = Terminal::open().await;
    let file = tokens_of(&terminal, "web-app", ClientAuth::Basic(ClientSecret::new("secret"))).await;
    import_with(&terminal, &file, "--client-auth post").await.error(2);
    import_with(&terminal, &file, "--client-secret-env WEB_SECRET --client-auth post").await.ok();
    let mut refresh = terminal.command("refresh --force --json");
    refresh.env("WEB_SECRET", "secret");
    assert_eq!(Terminal::finish(refresh).await.ok()["outcome"], "refreshed");
}

/// What an application stored with Ionic Auth Connect, `age` ago.
fn auth_result(tokens: &Value, age: Duration) -> Value {
    let received_at = now() - age;
    let discovery = format!("{}.well-known/openid-configuration", tokens["issuer"].as_str().unwrap());
    json!({
        "accessToken": tokens["access_token"],
        "refreshToken": tokens["refresh_token"],
        "idToken": tokens["id_token"],
        "expiresIn": 300,
        "receivedAt": u64::try_from(received_at.as_millis()).unwrap(),
        "tokenType": "Bearer",
        "scope": "openid offline_access",
        "state": {},
        "rawResult": json!({ "access_token": tokens["access_token"], "expires_in": 300 }).to_string(),
        "provider": {
            "authorizeUrl": "https://unused.example",
            "manifest": { "issuer": tokens["issuer"] },
            "options": {
                "audience": "", "clientId": tokens["client_id"], "discoveryUrl": discovery, "logoutUrl": "",
                "redirectUri": "app://callback", "scope": "openid offline_access",
            },
        },
        "config": { "platform": "capacitor" },
    })
}

#[expect(clippy::disallowed_methods, reason = "the command counts by the real clock, and so must the file")]
fn now() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_ionic_auth_connect_is_taken_over() {
    let terminal = Terminal::open().await;
    let tokens = tokens(&terminal).await;
    let file = auth_result(&tokens, Duration::from_secs(100));
    let imported = import(&terminal, &file).await;
    let answer = imported.ok();
    assert_eq!((&answer["issuer"], &answer["has_refresh_token"]), (&tokens["issuer"], &true.into()));
    let token = terminal.run("token --json").await.ok();
    assert_eq!((&token["outcome"], &token["access_token"]), (&"fresh".into(), &tokens["access_token"]));
    let shown = format!("{imported:?}");
    for secret in ["access_token", "refresh_token", "id_token"] {
        assert!(!shown.contains(tokens[secret].as_str().unwrap()), "{secret} is printed");
    }

    // What has expired meanwhile is refreshed; as it is copied out of preferences, the file is a string.
    let expired = auth_result(&tokens, Duration::from_secs(301)).to_string();
    import_with(&terminal, &expired.into(), "--from auth-connect").await.ok();
    assert_eq!(terminal.run("token --json").await.ok()["outcome"], "refreshed");
    assert_eq!(terminal.run("status --json").await.ok()["subject"], "alice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_ionic_auth_connect_without_its_provider_needs_to_be_told_of_it() {
    let terminal = Terminal::open().await;
    let tokens = tokens(&terminal).await;
    let mut file = auth_result(&tokens, Duration::from_secs(400));
    file.as_object_mut().unwrap().remove("provider");
    let issuer = format!("--issuer {}", tokens["issuer"].as_str().unwrap());
    let error = import(&terminal, &file).await.error(2);
    assert!(error["hint"].as_str().unwrap().contains("--issuer"), "{error}");
    let error = import_with(&terminal, &file, &issuer).await.error(2);
    assert!(error["hint"].as_str().unwrap().contains("--client-id"), "{error}");
    import_with(&terminal, &file, &format!("{issuer} --client-id native-app")).await.ok();
    assert_eq!(terminal.run("token --json").await.ok()["outcome"], "refreshed");

    let error = import_with(&terminal, &file, "--from tokens").await.error(2);
    assert!(error["message"].as_str().unwrap().contains("unknown field"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_wrong_is_refused_without_being_quoted() {
    let terminal = Terminal::open().await;
    let good = tokens(&terminal).await;
    let with = |name: &str, value: Value| {
        let mut file = good.clone();
        file[name] = value;
        file
    };
    for (file, expected) in [
        (with("secret-hunter2", json!(1)), "unknown field"),
        (with("client_secret_env", json!("HUNTER2_hunter2")), "--client-secret-env"),
        (with("client_auth", json!("hunter2")), "--client-auth"),
        (with("private_key", json!("/home/hunter2.pem")), "--private-key"),
        (with("key_id", json!("hunter2")), "--key-id"),
        (with("key_algorithm", json!("hunter2")), "--key-algorithm"),
        (with("certificate", json!("/home/hunter2.pem")), "--certificate"),
        (with("client_certificate", json!("/home/hunter2.pem")), "--client-certificate"),
        (with("expires_in", json!("hunter2")), "expires_in"),
        (with("expires_in", json!(-1)), "expires_in"),
        (with("issuer", json!(null)), "lacks issuer"),
        (json!({ "issuer": "https://hunter2.example", "client_id": "c" }), "neither access_token nor refresh_token"),
        (json!(["hunter2"]), "JSON object"),
        (json!("x".repeat(200_000)), "larger than"),
    ] {
        let ran = import(&terminal, &file).await;
        let error = ran.error(2);
        assert!(error["message"].as_str().unwrap().contains(expected), "{error}");
        assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
    }
    let error = import(&terminal, &with("issuer", json!("http://login.example"))).await.error(5);
    assert!(error["message"].as_str().unwrap().contains("https"), "{error}");
    terminal.run("import --json --file /nowhere/tokens.json").await.error(2);
    assert_eq!(terminal.run("status --json").await.ok()["state"], "none");
}
