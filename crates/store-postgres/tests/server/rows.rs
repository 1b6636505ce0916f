//! Rows that this store did not write.

use std::time::Duration;

use oidc_session_core::StoreErrorKind::{Corrupt, Misconfigured};
use oidc_session_core::{HolderId, Lease, List as _, SessionStore as _};
use oidc_session_store_postgres::PostgresStore;
use oidc_session_test_servers::{fresh_name, shared_postgres};
use tokio_postgres::Client;

use crate::fixture::{KEY, builder, client, create, kind, loaded};

/// A store whose tables take anything.
async fn defenceless() -> (PostgresStore, Client) {
    let (url, schema) = (shared_postgres().await, fresh_name());
    let store = builder(url).schema(&schema).connect().await.unwrap();
    create(&store, KEY, "secret").await;
    let other = client(url, &schema).await;
    let constraints = "SELECT conname::text FROM pg_constraint WHERE conrelid = 'sessions'::regclass AND contype = 'c'";
    for row in other.query(constraints, &[]).await.unwrap() {
        let name: String = row.get(0);
        other.batch_execute(&format!("ALTER TABLE sessions DROP CONSTRAINT {name}")).await.unwrap();
    }
    for column in ["version", "unsettled", "record"] {
        other.batch_execute(&format!("ALTER TABLE sessions ALTER {column} DROP NOT NULL")).await.unwrap();
    }
    (store, other)
}

async fn content(other: &Client) -> String {
    other.query_one("SELECT md5(sessions::text) FROM sessions", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_damaged_record_or_version_is_corrupt_and_left_alone() {
    for damage in ["version = -1", "version = NULL", "record = NULL", "record = decode(repeat('00', 1048577), 'hex')"] {
        let (store, other) = defenceless().await;
        other.batch_execute(&format!("UPDATE sessions SET {damage}")).await.unwrap();
        let before = content(&other).await;
        assert_eq!(kind(store.load(&KEY).await), Corrupt, "{damage}");
        assert_eq!(store.list(None, 10).await.unwrap().unreadable, [KEY], "{damage}");
        assert_eq!(kind(lease(&store).await), Corrupt, "{damage}");
        assert_eq!(content(&other).await, before, "{damage}");
    }
}

#[tokio::test]
async fn a_damaged_key_is_corrupt() {
    let (store, other) = defenceless().await;
    other.batch_execute("UPDATE sessions SET key = 'short'").await.unwrap();
    assert_eq!(kind(store.list(None, 10).await), Corrupt);
    assert_eq!(loaded(&store, KEY).await, None);
}

#[tokio::test]
async fn a_damaged_lease_is_corrupt_or_over() {
    for damage in ["unsettled = -5", "unsettled = NULL"] {
        let (store, other) = defenceless().await;
        other.batch_execute(&format!("UPDATE sessions SET {damage}")).await.unwrap();
        assert_eq!(kind(lease(&store).await), Corrupt, "{damage}");
        assert_eq!(loaded(&store, KEY).await.as_deref(), Some("secret"), "{damage}");
    }
    let ends = "lease_holder = 'x', lease_length_ms = 5, lease_ends_at_unix_ms";
    for damage in [format!("{ends} = -9223372036854775808"), format!("{ends} = 9223372036854775807")] {
        let (store, other) = defenceless().await;
        other.batch_execute(&format!("UPDATE sessions SET {damage}")).await.unwrap();
        match lease(&store).await {
            Ok(Lease::Held { remaining }) => assert!(remaining <= Duration::from_millis(5), "{remaining:?}"),
            Ok(answer) => panic!("{damage}: {answer:?}"),
            refused => assert_eq!(kind(refused), Corrupt, "{damage}"),
        }
    }
}

#[tokio::test]
async fn no_count_is_too_great() {
    let (store, other) = defenceless().await;
    let abandoned = "lease_holder = 'x', lease_length_ms = 5, lease_ends_at_unix_ms = 0";
    other.batch_execute(&format!("UPDATE sessions SET unsettled = 2147483647, {abandoned}")).await.unwrap();
    match lease(&store).await.unwrap() {
        Lease::Granted { unsettled, .. } => assert_eq!(unsettled, 2_147_483_647),
        answer => panic!("{answer:?}"),
    }
}

#[tokio::test]
async fn columns_of_another_kind_are_misconfigured_or_corrupt() {
    for change in ["RENAME record TO content", "ALTER version TYPE text USING version::text", "RENAME TO elsewhere"] {
        let (store, other) = defenceless().await;
        other.batch_execute(&format!("ALTER TABLE sessions {change}")).await.unwrap();
        assert!(matches!(kind(store.load(&KEY).await), Misconfigured | Corrupt), "{change}");
        assert!(matches!(kind(lease(&store).await), Misconfigured | Corrupt), "{change}");
    }
}

async fn lease(store: &PostgresStore) -> Result<Lease, oidc_session_core::StoreError> {
    store.try_lease(&KEY, HolderId::random(), Duration::from_secs(60)).await
}
