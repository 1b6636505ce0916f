//! The store contract on a real server, and on a real cluster of one node.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::marker::PhantomData;
use std::time::Duration;

use oidc_session_core::StoreKey;
use oidc_session_store_redis::{RedisStore, RedisStoreBuilder};
use oidc_session_test_servers::{Redis, fresh_name, shared_redis};
use oidc_session_testkit::store_contract::{Backend, Damage, Elsewhere, Harm, Outage};
use redis::aio::MultiplexedConnection;
use redis::{Client, cmd};
use tokio::sync::Mutex;
use tokio::time::sleep;

/// Long enough for a call on a busy machine, short because it really passes.
const LEASE: Duration = Duration::from_millis(1000);

mod plain {
    use super::*;

    oidc_session_testkit::store_contract!(place().await, list, feed, damage, processes);
    oidc_session_testkit::store_contract!(only outage: own_server().await);

    async fn place() -> Place<Plain> {
        Place::new(shared_redis().await)
    }

    async fn own_server() -> Own<Plain> {
        Own::new(Redis::start().await)
    }

    struct Plain;

    impl Mode for Plain {
        fn builder(url: &str) -> RedisStoreBuilder {
            RedisStore::builder(url)
        }
    }
}

#[cfg(feature = "cluster")]
mod cluster {
    use std::sync::LazyLock;

    use oidc_session_test_servers::RedisOptions;

    use super::*;

    // Without `feed`: a cluster has none.
    oidc_session_testkit::store_contract!(place(), list, damage, processes);
    oidc_session_testkit::store_contract!(only outage: own_server().await);

    const OPTIONS: RedisOptions = RedisOptions { tls: false, acl: false, cluster: true };

    fn place() -> Place<Cluster> {
        static SERVER: LazyLock<Redis> = LazyLock::new(|| Redis::launch(OPTIONS).unwrap());
        Place::new(&SERVER.url())
    }

    async fn own_server() -> Own<Cluster> {
        Own::new(Redis::start_with(OPTIONS).await)
    }

    struct Cluster;

    impl Mode for Cluster {
        fn builder(url: &str) -> RedisStoreBuilder {
            RedisStore::cluster_builder([url])
        }
    }
}

/// What is connected to.
trait Mode: Send + Sync {
    fn builder(url: &str) -> RedisStoreBuilder;
}

/// A prefix of its own in a server that others use as well.
struct Place<M> {
    mode: PhantomData<M>,
    url: String,
    prefix: String,
    whole: Mutex<HashMap<StoreKey, Vec<u8>>>,
}

impl<M: Mode> Place<M> {
    fn new(url: &str) -> Self {
        Self { mode: PhantomData, url: url.to_owned(), prefix: fresh_name(), whole: Mutex::default() }
    }

    async fn admin(&self) -> MultiplexedConnection {
        Client::open(self.url.as_str()).unwrap().get_multiplexed_async_connection().await.unwrap()
    }

    fn name_of(&self, key: &StoreKey) -> String {
        let digits = key.as_bytes().iter().fold(String::new(), |mut digits, byte| {
            write!(digits, "{byte:02x}").unwrap();
            digits
        });
        format!("{}:{{{digits}}}", self.prefix)
    }
}

impl<M: Mode> Backend for Place<M> {
    type Store = RedisStore;

    async fn open(&self) -> RedisStore {
        Self::open_at(&self.address()).await
    }

    async fn pass(&self, time: Duration) {
        sleep(time).await; // The server's clock is real.
    }

    fn lease_time(&self) -> Duration {
        LEASE
    }
}

impl<M: Mode> Damage for Place<M> {
    /// What is not among them: a record whose bytes are others. The store looks into none.
    fn kinds(&self) -> &[Harm] {
        &[Harm::Truncated, Harm::Flipped, Harm::Replaced]
    }

    async fn damage(&self, key: &StoreKey, harm: Harm) {
        let (mut admin, name) = (self.admin().await, self.name_of(key));
        let whole: Vec<u8> = cmd("DUMP").arg(&name).query_async(&mut admin).await.unwrap();
        self.whole.lock().await.insert(*key, whole);
        match harm {
            Harm::Truncated => {
                let lost: usize = cmd("HDEL").arg(&name).arg("version").query_async(&mut admin).await.unwrap();
                assert_eq!(lost, 1);
            }
            Harm::Flipped => {
                let mut version: Vec<u8> = cmd("HGET").arg(&name).arg("version").query_async(&mut admin).await.unwrap();
                *version.last_mut().unwrap() ^= 0x10; // From a digit to a punctuation mark.
                let mut change = cmd("HSET");
                let () = change.arg(&name).arg("version").arg(version).query_async(&mut admin).await.unwrap();
            }
            Harm::Replaced => {
                let mut copy = cmd("HGET");
                let record: Vec<u8> = copy.arg(&name).arg("record").query_async(&mut admin).await.unwrap();
                let () = cmd("SET").arg(&name).arg(record).query_async(&mut admin).await.unwrap();
            }
        }
    }

    async fn repair(&self, key: &StoreKey) {
        let whole = self.whole.lock().await.remove(key).unwrap();
        let mut restore = cmd("RESTORE");
        restore.arg(self.name_of(key)).arg(0).arg(whole).arg("REPLACE");
        let () = restore.query_async(&mut self.admin().await).await.unwrap();
    }
}

impl<M: Mode> Elsewhere for Place<M> {
    fn address(&self) -> String {
        format!("{} {}", self.prefix, self.url)
    }

    async fn open_at(address: &str) -> RedisStore {
        let (patient, (prefix, url)) = (Duration::from_secs(30), address.split_once(' ').unwrap());
        let builder = M::builder(url).prefix(prefix).connection_timeout(patient).response_timeout(patient);
        builder.connect().await.unwrap()
    }
}

/// A server that can be killed.
struct Own<M> {
    mode: PhantomData<M>,
    server: Mutex<Redis>,
    url: String,
}

impl<M: Mode> Own<M> {
    fn new(server: Redis) -> Self {
        Self { mode: PhantomData, url: server.url(), server: Mutex::new(server) }
    }
}

impl<M: Mode> Backend for Own<M> {
    type Store = RedisStore;

    async fn open(&self) -> RedisStore {
        M::builder(&self.url).connect().await.unwrap()
    }

    async fn pass(&self, time: Duration) {
        sleep(time).await;
    }

    fn lease_time(&self) -> Duration {
        LEASE
    }
}

impl<M: Mode> Outage for Own<M> {
    async fn stop(&self) {
        self.server.lock().await.kill().await;
    }

    async fn start(&self) {
        self.server.lock().await.restart().await;
    }
}
