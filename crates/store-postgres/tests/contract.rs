//! The store contract, on a real server.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::time::Duration;

use oidc_session_store_postgres::PostgresStore;
use oidc_session_test_servers::{fresh_name, shared_postgres};
use oidc_session_testkit::store_contract::Backend;

oidc_session_testkit::store_contract!(Postgres { schema: fresh_name() }, list, sweep);

struct Postgres {
    schema: String,
}

impl Backend for Postgres {
    type Store = PostgresStore;

    async fn open(&self) -> PostgresStore {
        let patient = Duration::from_secs(60);
        PostgresStore::builder(shared_postgres().await)
            .schema(&self.schema)
            .pool_size(4)
            .acquire_timeout(patient)
            .statement_timeout(patient)
            .connect()
            .await
            .unwrap()
    }

    async fn pass(&self, time: Duration) {
        // The lease times are the server's, and it counts whole milliseconds.
        tokio::time::sleep(time + Duration::from_millis(2)).await;
    }

    fn lease_time(&self) -> Duration {
        Duration::from_millis(1200)
    }
}
