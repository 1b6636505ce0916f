//! The store contract, on a real server.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::collections::HashMap;
use std::time::Duration;

use oidc_session_core::StoreKey;
use oidc_session_store_postgres::PostgresStore;
use oidc_session_test_servers::{Postgres, fresh_name, shared_postgres};
use oidc_session_testkit::store_contract::{Backend, Damage, Elsewhere, Harm, Outage};
use tokio::sync::Mutex;
use tokio_postgres::{Client, NoTls};

oidc_session_testkit::store_contract!(Place::new().await, list, sweep, feed, damage, processes);
oidc_session_testkit::store_contract!(only outage: Own::new().await);

/// Long enough for a call on a busy machine, short because it really passes.
const LEASE: Duration = Duration::from_secs(2);

/// A schema of its own in a server that others use as well.
struct Place {
    url: &'static str,
    schema: String,
    versions: Mutex<HashMap<StoreKey, i64>>,
}

impl Place {
    async fn new() -> Self {
        Self { url: shared_postgres().await, schema: fresh_name(), versions: Mutex::default() }
    }

    /// A connection beside the store's.
    async fn admin(&self) -> Client {
        let (client, line) = tokio_postgres::connect(self.url, NoTls).await.unwrap();
        tokio::spawn(line);
        client.batch_execute(&format!("SET search_path = {}", self.schema)).await.unwrap();
        client
    }
}

impl Backend for Place {
    type Store = PostgresStore;

    async fn open(&self) -> PostgresStore {
        Self::open_at(&self.address()).await
    }

    async fn pass(&self, time: Duration) {
        pass(time).await;
    }

    fn lease_time(&self) -> Duration {
        LEASE
    }

    /// Every handle signs in, and a password is checked slowly on purpose.
    fn effort(&self) -> usize {
        200
    }
}

impl Damage for Place {
    /// Of a record whose bytes are others, the server's checksums may know, and the store does not.
    fn kinds(&self) -> &[Harm] {
        &[Harm::Flipped, Harm::Replaced]
    }

    async fn damage(&self, key: &StoreKey, harm: Harm) {
        let (admin, key_bytes) = (self.admin().await, &key.as_bytes()[..]);
        // The table would not take it.
        let defenceless = "ALTER TABLE sessions DROP CONSTRAINT IF EXISTS sessions_version_check,
                           ALTER COLUMN version DROP NOT NULL";
        admin.batch_execute(defenceless).await.unwrap();
        let found = admin.query_one("SELECT version FROM sessions WHERE key = $1", &[&key_bytes]).await.unwrap();
        self.versions.lock().await.insert(*key, found.get(0));
        let harmed = match harm {
            Harm::Flipped => "version # (-9223372036854775808)", // The first bit.
            _ => "NULL",
        };
        let change = format!("UPDATE sessions SET version = {harmed} WHERE key = $1");
        assert_eq!(admin.execute(&change, &[&key_bytes]).await.unwrap(), 1);
    }

    async fn repair(&self, key: &StoreKey) {
        let version = self.versions.lock().await.remove(key).unwrap();
        let change = "UPDATE sessions SET version = $2 WHERE key = $1";
        let admin = self.admin().await;
        assert_eq!(admin.execute(change, &[&&key.as_bytes()[..], &version]).await.unwrap(), 1);
    }
}

impl Elsewhere for Place {
    fn address(&self) -> String {
        format!("{} {}", self.schema, self.url)
    }

    async fn open_at(address: &str) -> PostgresStore {
        let (patient, (schema, url)) = (Duration::from_secs(60), address.split_once(' ').unwrap());
        let builder = PostgresStore::builder(url).schema(schema).pool_size(4);
        let builder = builder.connect_timeout(patient).acquire_timeout(patient).statement_timeout(patient);
        builder.connect().await.unwrap()
    }
}

/// A server that can be killed.
struct Own {
    server: Mutex<Postgres>,
    url: String,
}

impl Own {
    async fn new() -> Self {
        let server = Postgres::start().await;
        Self { url: server.url(), server: Mutex::new(server) }
    }
}

impl Backend for Own {
    type Store = PostgresStore;

    async fn open(&self) -> PostgresStore {
        PostgresStore::connect(&self.url).await.unwrap()
    }

    async fn pass(&self, time: Duration) {
        pass(time).await;
    }

    fn lease_time(&self) -> Duration {
        LEASE
    }
}

impl Outage for Own {
    async fn stop(&self) {
        self.server.lock().await.kill().await;
    }

    async fn start(&self) {
        self.server.lock().await.restart().await;
    }
}

/// The lease times are the server's, and it counts whole milliseconds.
async fn pass(time: Duration) {
    tokio::time::sleep(time + Duration::from_millis(2)).await;
}
