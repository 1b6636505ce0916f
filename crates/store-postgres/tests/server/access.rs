//! Who may do what.

use std::time::Duration;

use oidc_session_core::StoreErrorKind::{Denied, Misconfigured, Unavailable};
use oidc_session_core::{Expected, HolderId, List as _, Release, SessionStore as _, Sweep as _};
use oidc_session_store_postgres::PostgresStore;
use oidc_session_test_servers::{fresh_name, shared_postgres};

use crate::fixture::{KEY, builder, client, commit, create, kind, with_password};

#[tokio::test]
async fn a_wrong_password_is_denied() {
    let url = with_password(shared_postgres().await, "secret");
    assert_eq!(kind(builder(&url).connect().await), Denied);
    assert_eq!(kind(PostgresStore::connect(url).await), Denied);
}

#[tokio::test]
async fn no_password_where_one_is_asked_for_is_misconfigured() {
    let url = shared_postgres().await;
    let (user, _) = url["postgres://".len()..].split_once(':').unwrap();
    let url = format!("postgres://{user}@{}", url.split_once('@').unwrap().1);
    assert_eq!(kind(builder(&url).connect().await), Misconfigured);
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_misconfigured() {
    let url = shared_postgres().await;
    let url = format!("{}/there_is_none", url.rsplit_once('/').unwrap().0);
    assert_eq!(kind(builder(&url).connect().await), Misconfigured);
}

#[tokio::test]
async fn nobody_at_the_address_is_unavailable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [format!("postgres://u:secret@{free}/d"), "postgres://u:secret@%2Fnowhere/d".to_owned()] {
        assert_eq!(kind(builder(&url).connect().await), Unavailable);
    }
}

#[tokio::test]
async fn a_server_of_another_kind_is_misconfigured() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
    });
    let url = format!("postgres://u:secret@{address}/d?sslmode=verify-full");
    assert_eq!(kind(builder(&url).connect().await), Misconfigured);
}

#[tokio::test]
async fn the_documented_privileges_suffice_and_are_needed() {
    let (url, schema) = (shared_postgres().await, fresh_name());
    builder(url).schema(&schema).connect().await.unwrap();
    let owner = client(url, &schema).await;
    // The tables' owner may give up its own rights, too.
    let user: String = owner.query_one("SELECT current_user::text", &[]).await.unwrap().get(0);
    owner.batch_execute(&format!("REVOKE ALL ON layouts, sessions FROM {user}")).await.unwrap();
    assert_eq!(kind(builder(url).schema(&schema).connect().await), Denied);
    owner.batch_execute(&format!("GRANT SELECT ON layouts TO {user}")).await.unwrap();
    let store = builder(url).schema(&schema).connect().await.unwrap();
    assert_eq!(kind(store.load(&KEY).await), Denied);
    assert_eq!(kind(commit(&store, KEY, Expected::Absent, "secret").await), Denied);

    owner.batch_execute(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO {user}")).await.unwrap();
    let version = create(&store, KEY, "first").await;
    let holder = HolderId::random();
    let _ = store.try_lease(&KEY, holder, Duration::from_secs(1)).await.unwrap();
    let _ = store.renew(&KEY, holder, Duration::from_secs(1)).await.unwrap();
    store.release(&KEY, holder, Release::default()).await.unwrap();
    store.list(None, 10).await.unwrap();
    store.sweep(10).await.unwrap();
    let _told = store.change_feed().unwrap().subscribe().await.unwrap();
    let _ = store.remove(&KEY, version).await.unwrap();
}

#[tokio::test]
async fn debug_shows_no_password() {
    let url = shared_postgres().await;
    let password = url.split_once('@').unwrap().0.rsplit_once(':').unwrap().1;
    let builder = builder(url);
    let store = builder.clone().connect().await.unwrap();
    let feed = store.change_feed().unwrap();
    let shown = format!("{builder:?} {store:?} {feed:?} {:?}", feed.subscribe().await.unwrap());
    assert!(!shown.contains(password) && !shown.contains("postgres://"), "{shown}");
}
