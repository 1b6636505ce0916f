//! A real PostgreSQL, killed and restarted. Needs `psql`.
#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use oidc_session_test_servers::{Postgres, PostgresOptions};

fn psql(url: &str, statement: &str) -> Output {
    let mut psql = Command::new("psql");
    psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--command", statement, url]).stdin(Stdio::null());
    psql.env_remove("PGPASSWORD").env("PGCONNECT_TIMEOUT", "10").output().unwrap()
}

fn answer(url: &str, statement: &str) -> String {
    let output = psql(url, statement);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let mut postgres = Postgres::start().await;
    let (address, url) = (postgres.address(), postgres.url());
    answer(&url, "CREATE TABLE sessions (record text); INSERT INTO sessions VALUES ('kept')");
    postgres.kill().await;
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    postgres.restart().await;
    assert_eq!((postgres.address(), postgres.url()), (address, url.clone()));
    assert_eq!(answer(&url, "SELECT record FROM sessions"), "kept");
    // It is as durable as it says.
    assert_eq!(answer(&url, "SHOW fsync"), "on");
}

#[tokio::test]
async fn nobody_gets_in_without_the_password() {
    let postgres = Postgres::start().await;
    let url = postgres.url();
    let password = url.strip_prefix("postgres://sessions:").unwrap().split_once('@').unwrap().0;
    assert!(!psql(&url.replace(password, "guessed"), "SELECT 1").status.success());
    assert!(!psql(&url.replace(&format!("sessions:{password}"), "postgres"), "SELECT 1").status.success());
    assert_eq!(answer(&url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"), "f");
    assert!(!format!("{postgres:?}").contains(password));
}

#[tokio::test]
async fn a_paused_server_answers_nothing_until_it_resumes() {
    let postgres = Postgres::start().await;
    let mut open = TcpStream::connect(postgres.address()).unwrap();
    open.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // Whether it speaks TLS: the back end that serves this connection says no. Asked again, it calls that an error.
    let ssl_request = [0, 0, 0, 8, 4, 210, 22, 47];
    let mut heard = [0];
    open.write_all(&ssl_request).unwrap();
    open.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"N");
    postgres.pause();
    open.write_all(&ssl_request).unwrap();
    open.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert_eq!(open.read(&mut heard).unwrap_err().kind(), ErrorKind::WouldBlock);
    postgres.resume();
    open.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    open.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"E");
}

#[tokio::test]
async fn with_tls_its_certificate_is_good_for_both_names_and_plain_tcp_is_refused() {
    let postgres = Postgres::start_with(PostgresOptions { tls: true }).await;
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, postgres.ca_pem()).unwrap();
    let verified = postgres.url().replace("require", "verify-full") + "&sslrootcert=" + authority.to_str().unwrap();
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(answer(&verified, encrypted), "t");
    assert_eq!(answer(&verified.replace("localhost", "127.0.0.1"), encrypted), "t");
    let stranger = Postgres::start_with(PostgresOptions { tls: true }).await;
    std::fs::write(&authority, stranger.ca_pem()).unwrap();
    assert!(!psql(&verified, encrypted).status.success());
    assert!(!psql(&postgres.url().replace("require", "disable"), encrypted).status.success());
}
