//! Whose server is trusted, and that nothing is sent in the clear.

use oidc_session_core::SessionStore as _;
use oidc_session_core::StoreErrorKind::{Denied, Misconfigured};
use oidc_session_store_postgres::PostgresStore;
use oidc_session_test_servers::{Postgres, PostgresOptions, fresh_name, shared_postgres};
use tokio::sync::OnceCell;

use crate::fixture::{KEY, builder, create, kind, loaded};

/// One server with TLS for all tests of this file; the guard of the servers ends it.
async fn server() -> &'static Postgres {
    static SERVER: OnceCell<Postgres> = OnceCell::const_new();
    SERVER.get_or_init(|| Postgres::start_with(PostgresOptions { tls: true })).await
}

/// `postgres://user:password@localhost:port/database` with other parameters.
fn with_parameters(server: &Postgres, parameters: &str) -> String {
    let url = server.url();
    format!("{}?{parameters}", url.split_once('?').unwrap().0)
}

#[tokio::test]
async fn a_server_with_the_right_name_and_authority_is_trusted() {
    let server = server().await;
    let url = with_parameters(server, "sslmode=verify-full");
    let store = builder(&url).ca_pem(server.ca_pem()).connect().await.unwrap();
    create(&store, KEY, "over TLS").await;
    assert_eq!(loaded(&store, KEY).await.as_deref(), Some("over TLS"));
    let _told = store.change_feed().unwrap().subscribe().await.unwrap();

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    std::fs::write(&path, server.ca_pem()).unwrap();
    let url = with_parameters(server, &format!("sslrootcert={}", path.display()));
    builder(&url).connect().await.unwrap();
}

#[tokio::test]
async fn another_authority_is_refused() {
    let (server, other) = (server().await, Postgres::start_with(PostgresOptions { tls: true }).await);
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = with_parameters(server, &format!("sslmode={mode}"));
        let refused = builder(&url).ca_pem(other.ca_pem()).connect().await;
        assert_eq!(kind(refused), Misconfigured, "{mode}");
    }
    let by_the_platform = builder(&with_parameters(server, "sslmode=verify-full")).connect().await;
    assert_eq!(kind(by_the_platform), Misconfigured);
}

#[tokio::test]
async fn the_name_counts_for_verify_full_only() {
    let server = server().await;
    let elsewhere = |mode| {
        let url = with_parameters(server, &format!("hostaddr=127.0.0.1&sslmode={mode}"));
        builder(&url.replace("localhost", "db.example")).ca_pem(server.ca_pem())
    };
    assert_eq!(kind(elsewhere("verify-full").connect().await), Misconfigured);
    elsewhere("verify-ca").connect().await.unwrap();
    elsewhere("require").connect().await.unwrap();
}

#[tokio::test]
async fn require_without_an_authority_encrypts() {
    builder(&with_parameters(server().await, "sslmode=require")).connect().await.unwrap();
    // Nothing was said, and the server is on this machine: encrypted if it can be.
    builder(&with_parameters(server().await, "")).connect().await.unwrap();
}

#[tokio::test]
async fn what_is_no_certificate_is_misconfigured() {
    let url = with_parameters(server().await, "sslmode=verify-full");
    let rubbish = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----";
    for pem in ["", "no PEM at all", rubbish] {
        assert_eq!(kind(builder(&url).ca_pem(pem).connect().await), Misconfigured, "{pem}");
    }
    let missing = with_parameters(server().await, "sslrootcert=/does/not/exist.pem");
    assert_eq!(kind(builder(&missing).connect().await), Misconfigured);
}

#[tokio::test]
async fn a_server_without_tls_is_refused_if_tls_was_asked_for() {
    for mode in ["require", "verify-full"] {
        let url = format!("{}?sslmode={mode}", shared_postgres().await);
        assert_eq!(kind(PostgresStore::builder(url).schema(fresh_name()).connect().await), Misconfigured, "{mode}");
    }
}

#[tokio::test]
async fn a_server_that_wants_tls_refuses_whoever_speaks_in_the_clear() {
    let in_the_clear = builder(&with_parameters(server().await, "sslmode=disable")).connect().await;
    assert_eq!(kind(in_the_clear), Denied);
}
