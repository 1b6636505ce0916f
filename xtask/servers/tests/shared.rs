//! Servers that tests share.
#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::thread;

use oidc_session_test_servers::{fresh_name, shared_postgres, shared_redis};
use tokio::runtime::Runtime;

fn address(url: &str) -> &str {
    url.split_once("127.0.0.1:").map(|(before, _)| &url[before.len()..]).unwrap().split('/').next().unwrap()
}

#[test]
fn a_shared_server_outlives_the_runtime_that_asked_first_and_is_the_same_for_all() {
    let ask = || Runtime::new().unwrap().block_on(async { [shared_redis().await, shared_postgres().await] });
    let asking: Vec<_> = (0..3).map(|_| thread::spawn(ask)).collect();
    let urls: BTreeSet<_> = asking.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(urls.len(), 1);
    for url in urls.into_iter().flatten() {
        TcpStream::connect(address(url)).unwrap();
    }
}

#[test]
fn fresh_names_are_identifiers_and_never_the_same() {
    let names: BTreeSet<String> = (0..1000).map(|_| fresh_name()).collect();
    assert_eq!(names.len(), 1000);
    let is_identifier = |name: &String| name.starts_with('t') && name.chars().all(|c| c.is_ascii_alphanumeric());
    assert!(names.iter().all(is_identifier));
}
