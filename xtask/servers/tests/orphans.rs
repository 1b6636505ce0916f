//! No server outlives whoever started it.
#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use oidc_session_test_servers::{Postgres, PostgresOptions, Redis, RedisOptions};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

/// The program that starts one of each, with their folders in `folder`, and where they listen.
fn start_in(folder: &Path) -> (Child, Vec<SocketAddr>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oidc-session-test-servers"));
    let mut program = command.env("TMPDIR", folder).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(program.stdout.take().unwrap()).lines().map(Result::unwrap);
    let exports = lines.take_while(|line| line.starts_with("export "));
    let addresses = exports.map(|line| {
        let address = line.rsplit_once("127.0.0.1:").unwrap().1.split_once('/').unwrap().0.to_owned();
        SocketAddr::from(([127, 0, 0, 1], address.parse().unwrap()))
    });
    let addresses: Vec<SocketAddr> = addresses.collect();
    (program, addresses)
}

/// A folder that the user of PostgreSQL may enter.
fn open_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    folder
}

fn dial(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

/// The server ends, and with it what was connected to it.
fn is_dropped(mut client: TcpStream) -> bool {
    // PostgreSQL may say good-bye.
    let end = client.read_to_end(&mut Vec::new()).map_err(|error| error.kind());
    matches!(end, Ok(_) | Err(ErrorKind::ConnectionReset))
}

/// Looks every so often; there is nothing to wait for.
fn becomes_empty(folder: &Path) -> bool {
    let (_open, never) = mpsc::channel::<()>();
    (0..200).any(|_| {
        let _ = never.recv_timeout(PATIENCE / 200);
        fs::read_dir(folder).unwrap().next().is_none()
    })
}

#[test]
fn killing_whoever_started_servers_ends_them_and_removes_their_folders() {
    let folder = open_folder();
    let (mut program, addresses) = start_in(folder.path());
    assert_eq!(addresses.len(), 2);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    let clients: Vec<TcpStream> = addresses.iter().map(|address| dial(*address)).collect();
    program.kill().unwrap();
    program.wait().unwrap();
    assert!(clients.into_iter().all(is_dropped));
    assert!(becomes_empty(folder.path()));
    assert!(addresses.iter().all(|address| TcpStream::connect(address).is_err()));
}

#[test]
fn a_panic_ends_the_server() {
    let redis = Redis::launch(RedisOptions::default()).unwrap();
    let address = redis.address();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _redis = redis;
        panic!("as a failed test does");
    }));
    assert!(panicked.is_err());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_server_that_hangs_is_ended_all_the_same() {
    let redis = Redis::launch(RedisOptions::default()).unwrap();
    let postgres = Postgres::launch(PostgresOptions::default()).unwrap();
    let addresses = [redis.address(), postgres.address()];
    redis.pause();
    postgres.pause();
    drop((redis, postgres));
    assert!(addresses.iter().all(|address| TcpStream::connect(address).is_err()));
}
