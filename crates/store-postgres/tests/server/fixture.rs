//! How these tests talk to a store and to the server behind it.

use std::net::SocketAddr;
use std::time::Duration;

use oidc_session_core::{
    Clock as _, Commit, Expected, Record, SessionStore as _, StoreError, StoreErrorKind, StoreKey, Stored, SystemClock,
    Version,
};
use oidc_session_store_postgres::{PostgresStore, PostgresStoreBuilder};
use oidc_session_test_servers::fresh_name;
use tokio_postgres::{Client, NoTls};

pub(crate) const KEY: StoreKey = key(7);

pub(crate) const fn key(number: u8) -> StoreKey {
    StoreKey::from_bytes([number; 32])
}

/// A store with tables of its own. How long a call may take: a second, and half a second for the line.
pub(crate) fn builder(url: &str) -> PostgresStoreBuilder {
    PostgresStore::builder(url)
        .schema(fresh_name())
        .connect_timeout(Duration::from_secs(2))
        .acquire_timeout(Duration::from_secs(1))
        .statement_timeout(Duration::from_secs(1))
}

/// A connection beside the store's, which speaks to its tables.
pub(crate) async fn client(url: &str, schema: &str) -> Client {
    let (client, line) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(line);
    client.batch_execute(&format!("SET search_path = {schema}, pg_catalog")).await.unwrap();
    client
}

/// The URL of a proxy in place of the server.
pub(crate) fn through(url: &str, server: SocketAddr, proxy: SocketAddr) -> String {
    let replaced = url.replace(&server.port().to_string(), &proxy.port().to_string());
    assert_ne!(replaced, url);
    replaced
}

pub(crate) fn next(expected: Expected, content: &str) -> Stored {
    Stored::after(expected, Record::from_bytes(content.as_bytes().to_vec()), SystemClock.now())
}

/// Commits, and tells the version if `expected` held.
pub(crate) async fn commit(
    store: &PostgresStore,
    key: StoreKey,
    expected: Expected,
    content: &str,
) -> Result<Option<Version>, StoreError> {
    let next = next(expected, content);
    let commit = store.commit(&key, expected, &next, None).await?;
    Ok((commit == Commit::Done).then_some(next.version))
}

pub(crate) async fn create(store: &PostgresStore, key: StoreKey, content: &str) -> Version {
    commit(store, key, Expected::Absent, content).await.unwrap().unwrap()
}

pub(crate) async fn loaded(store: &PostgresStore, key: StoreKey) -> Option<String> {
    let stored = store.load(&key).await.unwrap()?;
    Some(String::from_utf8(stored.record.as_bytes().to_vec()).unwrap())
}

/// The error's kind; and nothing that it shows is secret.
pub(crate) fn kind<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> StoreErrorKind {
    let error = answer.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("secret") && !shown.contains("postgres://"), "{shown}");
    error.kind()
}

/// How long `call` took by this machine's clock, and what it answered.
pub(crate) async fn timed<T>(call: impl Future<Output = T>) -> (Duration, T) {
    let began_at = SystemClock.monotonic();
    let answer = call.await;
    (SystemClock.monotonic() - began_at, answer)
}

/// The password of a URL, and everything before and after it.
pub(crate) fn with_password(url: &str, password: &str) -> String {
    let (before, after) = url.split_once('@').unwrap();
    let (user, _) = before.rsplit_once(':').unwrap();
    format!("{user}:{password}@{after}")
}
