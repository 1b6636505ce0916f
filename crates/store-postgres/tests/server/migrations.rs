//! Tables that are missing, old, new or somebody else's.

use oidc_session_core::StoreErrorKind::Misconfigured;
use oidc_session_store_postgres::PostgresStore;
use oidc_session_test_servers::{fresh_name, shared_postgres};

use crate::fixture::{KEY, builder, client, create, kind, loaded};

#[tokio::test]
async fn without_migrations_missing_tables_are_misconfigured_and_not_made() {
    let (url, schema) = (shared_postgres().await, fresh_name());
    for _ in 0..2 {
        let refused = builder(url).schema(&schema).migrations(false).connect().await;
        assert!(format!("{refused:?}").contains("let the store migrate, or run its SQL"), "{refused:?}");
        assert_eq!(kind(refused), Misconfigured);
    }
    builder(url).schema(&schema).connect().await.unwrap();
    builder(url).schema(&schema).migrations(false).connect().await.unwrap();
}

#[tokio::test]
async fn the_sql_can_be_run_by_hand() {
    let (url, schema) = (shared_postgres().await, fresh_name());
    let by_hand = client(url, "pg_catalog").await;
    by_hand.batch_execute(&PostgresStore::schema_sql(&schema).unwrap()).await.unwrap();
    for migrations in [false, true] {
        builder(url).schema(&schema).migrations(migrations).connect().await.unwrap();
    }
    assert_eq!(kind(PostgresStore::schema_sql("no schema")), Misconfigured);
}

#[tokio::test]
async fn connecting_again_leaves_everything_as_it_is() {
    let (url, schema) = (shared_postgres().await, fresh_name());
    let store = builder(url).schema(&schema).connect().await.unwrap();
    create(&store, KEY, "first").await;
    for _ in 0..3 {
        let again = builder(url).schema(&schema).connect().await.unwrap();
        assert_eq!(loaded(&again, KEY).await.as_deref(), Some("first"));
    }
    let other = client(url, &schema).await;
    assert_eq!(other.query("SELECT layout FROM layouts", &[]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_newer_layout_is_refused_and_left_alone() {
    let (url, schema) = (shared_postgres().await, fresh_name());
    let store = builder(url).schema(&schema).connect().await.unwrap();
    create(&store, KEY, "first").await;
    let other = client(url, &schema).await;
    other.batch_execute("INSERT INTO layouts (layout) VALUES (2)").await.unwrap();
    for migrations in [false, true] {
        let refused = builder(url).schema(&schema).migrations(migrations).connect().await;
        assert!(format!("{refused:?}").contains("a newer version made"), "{refused:?}");
        assert_eq!(kind(refused), Misconfigured);
    }
    other.batch_execute("DELETE FROM layouts WHERE layout = 2").await.unwrap();
    let again = builder(url).schema(&schema).connect().await.unwrap();
    assert_eq!(loaded(&again, KEY).await.as_deref(), Some("first"));
}

#[tokio::test]
async fn an_older_layout_is_refused_without_migrations() {
    let (url, schema) = (shared_postgres().await, fresh_name());
    builder(url).schema(&schema).connect().await.unwrap();
    client(url, &schema).await.batch_execute("UPDATE layouts SET layout = 0").await.unwrap();
    let refused = builder(url).schema(&schema).migrations(false).connect().await;
    assert!(format!("{refused:?}").contains("has layout 0, and 1 is needed"), "{refused:?}");
    assert_eq!(kind(refused), Misconfigured);
}

#[tokio::test]
async fn somebody_elses_table_is_refused_and_left_alone() {
    let (url, schema) = (shared_postgres().await, fresh_name());
    let other = client(url, &schema).await;
    let theirs = format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.sessions AS SELECT 'theirs' AS content");
    other.batch_execute(&theirs).await.unwrap();
    for migrations in [false, true] {
        assert_eq!(kind(builder(url).schema(&schema).migrations(migrations).connect().await), Misconfigured);
    }
    let content: String = other.query_one("SELECT content FROM sessions", &[]).await.unwrap().get(0);
    assert_eq!(content, "theirs");
    let made = other.query_one("SELECT to_regclass('layouts') IS NULL", &[]).await.unwrap();
    assert!(made.get::<_, bool>(0), "half a migration was left");
}

#[tokio::test]
async fn a_schema_that_needs_quoting_is_misconfigured() {
    for name in ["", "Sessions", "a\"; DROP TABLE x; --", "pg_mine", "1st"] {
        assert_eq!(kind(builder(shared_postgres().await).schema(name).connect().await), Misconfigured, "{name}");
    }
}
