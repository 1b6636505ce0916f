//! A real Redis, killed and restarted.
#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use oidc_session_test_servers::{Redis, RedisOptions};

fn dial(address: SocketAddr) -> BufReader<TcpStream> {
    BufReader::new(TcpStream::connect(address).unwrap())
}

/// Sends an inline command and returns the first line of the answer.
fn ask(redis: &mut BufReader<TcpStream>, command: &str) -> std::io::Result<String> {
    redis.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
    let mut line = String::new();
    redis.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let mut redis = Redis::start().await;
    let (address, url) = (redis.address(), redis.url());
    assert_eq!(ask(&mut dial(address), "SET session kept").unwrap(), "+OK");
    redis.kill().await;
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    redis.restart().await;
    assert_eq!((redis.address(), redis.url()), (address, url));
    assert_eq!(ask(&mut dial(address), "STRLEN session").unwrap(), ":4");
}

#[tokio::test]
async fn a_paused_server_answers_nothing_until_it_resumes() {
    let redis = Redis::start().await;
    let mut open = dial(redis.address());
    assert_eq!(ask(&mut open, "PING").unwrap(), "+PONG");
    redis.pause();
    open.get_ref().set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert_eq!(ask(&mut open, "PING").unwrap_err().kind(), ErrorKind::WouldBlock);
    redis.resume();
    open.get_ref().set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut line = String::new();
    open.read_line(&mut line).unwrap();
    assert_eq!(line, "+PONG\r\n");
}

#[tokio::test]
async fn with_users_nobody_else_gets_in() {
    let redis = Redis::start_with(RedisOptions { acl: true, ..RedisOptions::default() }).await;
    let url = redis.url();
    let (user, password) = url.strip_prefix("redis://").unwrap().split_once('@').unwrap().0.split_once(':').unwrap();
    let mut client = dial(redis.address());
    assert!(ask(&mut client, "PING").unwrap().starts_with("-NOAUTH"));
    assert!(ask(&mut client, "AUTH sessions guessed").unwrap().starts_with("-WRONGPASS"));
    assert_eq!(ask(&mut client, &format!("AUTH {user} {password}")).unwrap(), "+OK");
    assert_eq!(ask(&mut client, "PING").unwrap(), "+PONG");
    assert!(!format!("{redis:?}").contains(password));
}

#[tokio::test]
async fn a_cluster_of_one_has_every_slot_and_keeps_it_through_a_restart() {
    let mut redis = Redis::start_with(RedisOptions { cluster: true, ..RedisOptions::default() }).await;
    assert_eq!(ask(&mut dial(redis.address()), "SET session kept").unwrap(), "+OK");
    redis.kill().await;
    redis.restart().await;
    assert_eq!(ask(&mut dial(redis.address()), "STRLEN session").unwrap(), ":4");
    assert_eq!(ask(&mut dial(redis.address()), "SET another kept").unwrap(), "+OK");
}

fn redis_cli(url: &str, authority: &std::path::Path, arguments: &[&str]) -> (bool, String) {
    let mut cli = Command::new("redis-cli");
    cli.args(["--no-auth-warning", "-c", "-u", url, "--cacert"]).arg(authority).args(arguments);
    let output = cli.stdin(Stdio::null()).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
}

#[tokio::test]
async fn with_tls_its_certificate_is_good_for_both_names_and_plain_tcp_is_refused() {
    let everything = RedisOptions { tls: true, acl: true, cluster: true };
    let redis = Redis::start_with(everything).await;
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, redis.ca_pem()).unwrap();
    let url = redis.url();
    assert_eq!(redis_cli(&url, &authority, &["SET", "session", "kept"]), (true, "OK".to_owned()));
    let by_number = url.replace("localhost", "127.0.0.1");
    assert_eq!(redis_cli(&by_number, &authority, &["GET", "session"]), (true, "kept".to_owned()));
    // Where a client of the cluster is sent.
    let (_, nodes) = redis_cli(&url, &authority, &["CLUSTER", "SLOTS"]);
    let port = redis.address().port().to_string();
    assert_eq!(nodes.lines().take(4).collect::<Vec<_>>(), ["0", "16383", "127.0.0.1", &port]);
    let stranger = Redis::start_with(RedisOptions { tls: true, ..RedisOptions::default() }).await;
    std::fs::write(&authority, stranger.ca_pem()).unwrap();
    assert!(!redis_cli(&url, &authority, &["PING"]).0);
    assert_ne!(ask(&mut dial(redis.address()), "PING").unwrap_or_default(), "+PONG");
}
