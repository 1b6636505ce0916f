use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_session_testkit::{AuthorizationServer, Client};
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use serde_json::json;

use super::terminal::{Login, Ran, Terminal};

const SECRET: &str = "secret-of-the-client-with-32-bytes-or-more";

/// A terminal whose server knows the client `signer` by its key. The key and its certificate are in files.
struct Signer {
    terminal: Terminal,
    key: PathBuf,
    certificate: PathBuf,
}

impl Signer {
    async fn open() -> Self {
        let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key_raw());
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x }).to_string();
        let client = Client::private_key_jwt("signer", &jwk).unwrap();
        let terminal = Terminal::open_with(AuthorizationServer::builder().client(client)).await;
        let (key, certificate) = (terminal.file("key.pem"), terminal.file("certificate.pem"));
        std::fs::write(&key, pair.serialize_pem()).unwrap();
        let signed = CertificateParams::new(["signer".to_owned()]).unwrap().self_signed(&pair).unwrap();
        std::fs::write(&certificate, signed.pem()).unwrap();
        Self { terminal, key, certificate }
    }

    async fn login(&self, more: &str) -> Ran {
        self.terminal.login("signer", &format!("--private-key {} {more}", self.key.display())).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_signs_with_the_key_in_a_file_that_is_remembered_by_its_path() {
    let signer = Signer::open().await;
    let terminal = &signer.terminal;
    let certificate = signer.certificate.display();
    signer.login(&format!("--key-id k1 --certificate {certificate} --client-auth private-key-jwt")).await.ok();
    assert_eq!(terminal.run("refresh --force --json").await.ok()["outcome"], "refreshed");
    assert_eq!(terminal.server.counters().client_assertions, 2);

    let record = std::fs::read(terminal.store()).unwrap();
    let secret = std::fs::read_to_string(&signer.key).unwrap();
    let secret = secret.lines().nth(1).unwrap();
    assert!(!String::from_utf8_lossy(&record).contains(secret), "the key is in the store");

    terminal.run("logout").await;
    assert_eq!(terminal.server.counters().client_assertions, 3);
    let hint = terminal.run("token --json").await.error(3)["hint"].as_str().unwrap().to_owned();
    for expected in [
        "--client-auth private-key-jwt".to_owned(),
        format!("--private-key {}", signer.key.display()),
        "--key-id k1".to_owned(),
        format!("--certificate {certificate}"),
    ] {
        assert!(hint.contains(&expected), "{expected} in {hint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_that_is_gone_is_told_when_it_is_needed_and_not_before() {
    let signer = Signer::open().await;
    let terminal = &signer.terminal;
    signer.login("").await.ok();
    let key = std::fs::read(&signer.key).unwrap();
    std::fs::remove_file(&signer.key).unwrap();

    assert_eq!(terminal.run("token --json").await.ok()["outcome"], "fresh");
    assert_eq!(terminal.run("userinfo --json").await.ok()["sub"], "alice");
    let before = terminal.server.counters().token_requests;
    let forced = terminal.run("refresh --force --json").await.error(5);
    terminal.run("expire").await;
    let expired = terminal.run("token --json").await.error(5);
    for missing in [forced, expired] {
        assert_eq!(missing["reason"], "private_key_missing");
        assert!(missing["message"].as_str().unwrap().contains("key.pem"), "{missing}");
    }
    assert_eq!(terminal.server.counters().token_requests, before);

    std::fs::write(&signer.key, "hunter2").unwrap();
    let ran = terminal.run("token --json").await;
    assert_eq!(ran.error(5)["reason"], "private_key_unusable");
    assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
    std::fs::write(&signer.key, key).unwrap();
    assert_eq!(terminal.run("token --json").await.ok()["outcome"], "refreshed");
    std::fs::remove_file(&signer.key).unwrap();
    let logout = terminal.run("logout --json").await.ok();
    assert!(logout["note"].as_str().unwrap().contains("key.pem"), "{logout}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_refused_before_or_by_the_server() {
    let signer = Signer::open().await;
    let other = signer.terminal.file("other.pem");
    std::fs::write(&other, KeyPair::generate_for(&PKCS_ED25519).unwrap().serialize_pem()).unwrap();
    let login = |more: &str| {
        let issuer = signer.terminal.server.issuer();
        signer.terminal.command(&format!(
            "login --issuer {issuer} --client-id signer --no-browser --json --private-key {} {more}",
            other.display()
        ))
    };
    let certificate = format!("--certificate {}", signer.certificate.display());
    let error = Terminal::finish(login(&certificate)).await.error(5);
    assert_eq!(error["reason"], "certificate_unusable");
    let error = Terminal::finish(login("--key-algorithm ps256")).await.error(5);
    assert_eq!(error["reason"], "private_key_unusable");
    let error = signer.terminal.complete(Login::start(login("")).await).await.error(5);
    assert_eq!(error["reason"], "invalid_client");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_can_sign_instead_of_travelling() {
    let client = Client::client_secret_jwt("signer", SECRET);
    let terminal = Terminal::open_with(AuthorizationServer::builder().client(client)).await;
    let issuer = terminal.server.issuer();
    let mut command = terminal.command(&format!(
        "login --issuer {issuer} --client-id signer --client-secret-env JWT_SECRET --client-auth secret-jwt --no-browser --json"
    ));
    command.env("JWT_SECRET", SECRET);
    let ran = terminal.complete(Login::start(command).await).await;
    ran.ok();
    assert!(!format!("{ran:?}").contains(SECRET));
    assert_eq!(terminal.run("refresh --force --json").await.error(5)["reason"], "client_secret_missing");
    let mut refresh = terminal.command("refresh --force --json");
    refresh.env("JWT_SECRET", SECRET);
    assert_eq!(Terminal::finish(refresh).await.ok()["outcome"], "refreshed");
    assert_eq!(terminal.server.counters().client_assertions, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_comes_from_its_file_each_time() {
    let signer = Signer::open().await;
    let terminal = &signer.terminal;
    let (key, certificate) = (signer.key.display(), signer.certificate.display());
    // Over plain http nobody asks for it, so what the server sees is a public client.
    terminal.login("native-app", &format!("--client-certificate {certificate} --private-key {key}")).await.ok();
    assert_eq!(terminal.run("refresh --force --json").await.ok()["outcome"], "refreshed");

    let issuer = terminal.server.issuer();
    let alone = format!("login --issuer {issuer} --client-id native-app --json --client-certificate {certificate}");
    assert_eq!(terminal.run(&alone).await.error(5)["reason"], "client_certificate_unusable");
    std::fs::remove_file(&signer.certificate).unwrap();
    assert_eq!(terminal.run("token --json").await.ok()["outcome"], "fresh");
    let error = terminal.run("refresh --force --json").await.error(5);
    assert_eq!(error["reason"], "client_certificate_missing");
    assert!(error["hint"].as_str().unwrap().contains("certificate.pem"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_that_belong_to_another_way_are_usage() {
    let terminal = Terminal::open().await;
    for (flags, expected) in [
        ("--client-auth private-key-jwt", "needs --private-key"),
        ("--client-auth mutual-tls", "needs --client-certificate"),
        ("--client-auth secret-jwt", "needs --client-secret-env"),
        ("--client-auth basic", "needs --client-secret-env"),
        ("--key-id k1", "needs --private-key"),
        ("--private-key k.pem --client-secret-env V", "has no use for --client-secret-env"),
        ("--client-secret-env V --certificate c.pem --client-auth post", "has no use for --certificate"),
        ("--client-certificate c.pem --key-id k1", "has no use for --key-id"),
        ("--client-auth letter", "invalid value 'letter'"),
    ] {
        let login = format!("login --issuer https://login.example --client-id c --no-browser --json {flags}");
        let error = terminal.run(&login).await.error(2);
        assert!(error["message"].as_str().unwrap().contains(expected), "{flags}: {error}");
    }
}
