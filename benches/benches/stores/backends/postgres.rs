//! In PostgreSQL.

use std::sync::Arc;

use async_trait::async_trait;
use oidc_session_core::SessionStore;
use oidc_session_store_postgres::PostgresStore;
use oidc_session_test_servers as servers;
use tokio_postgres::NoTls;

use super::{Backend, Need};

#[derive(Debug, Default)]
pub(super) struct Postgres {
    server: Option<servers::Postgres>,
}

/// Of all tables in the store's schema, with their indexes and what is kept beside the rows.
const SIZE: &str = "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
                    WHERE relkind = 'r' AND relnamespace = 'oidc_session'::regnamespace";

impl Postgres {
    async fn url(&mut self) -> String {
        if self.server.is_none() {
            self.server = Some(servers::Postgres::start().await);
        }
        self.server.as_ref().map(servers::Postgres::url).expect("just started")
    }
}

#[async_trait]
impl Backend for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn durability(&self) -> &'static str {
        "when the log is synced (fsync = on)"
    }

    fn need(&self) -> Option<Need> {
        Some(Need::Postgres)
    }

    async fn open(&mut self) -> Arc<dyn SessionStore> {
        Arc::new(PostgresStore::connect(self.url().await).await.expect("a store in PostgreSQL"))
    }

    async fn size(&mut self) -> Vec<(&'static str, u64)> {
        let (client, connection) = tokio_postgres::connect(&self.url().await, NoTls).await.expect("a connection");
        tokio::spawn(connection);
        let bytes: i64 = client.query_one(SIZE, &[]).await.expect("the size of the tables").get(0);
        vec![("the tables (pg_total_relation_size)", bytes.unsigned_abs())]
    }
}
