//! The store contract on a real server, and on a real cluster of one node.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::time::Duration;

use oidc_session_store_redis::{RedisStore, RedisStoreBuilder};
use oidc_session_test_servers::{fresh_name, shared_redis};
use oidc_session_testkit::store_contract::Backend;
use tokio::time::sleep;

/// Long enough for a call on a busy machine, short because it really passes.
const LEASE: Duration = Duration::from_millis(1000);

/// A prefix of its own in a server that others use as well.
struct Redis<M> {
    connect: M,
}

impl<M: Fn() -> RedisStoreBuilder + Sync> Backend for Redis<M> {
    type Store = RedisStore;

    async fn open(&self) -> RedisStore {
        let patient = Duration::from_secs(30);
        (self.connect)().connection_timeout(patient).response_timeout(patient).connect().await.unwrap()
    }

    async fn pass(&self, time: Duration) {
        sleep(time).await; // The server's clock is real.
    }

    fn lease_time(&self) -> Duration {
        LEASE
    }
}

mod plain {
    use super::*;

    oidc_session_testkit::store_contract!(plain().await, list);

    async fn plain() -> Redis<impl Fn() -> RedisStoreBuilder + Sync> {
        let (url, prefix) = (shared_redis().await, fresh_name());
        Redis { connect: move || RedisStore::builder(url).prefix(&prefix) }
    }
}

#[cfg(feature = "cluster")]
mod cluster {
    use std::sync::LazyLock;

    use oidc_session_test_servers::RedisOptions;

    use super::*;

    oidc_session_testkit::store_contract!(cluster().await, list);

    async fn cluster() -> Redis<impl Fn() -> RedisStoreBuilder + Sync> {
        static SERVER: LazyLock<oidc_session_test_servers::Redis> = LazyLock::new(|| {
            let options = RedisOptions { cluster: true, ..Default::default() };
            oidc_session_test_servers::Redis::launch(options).unwrap()
        });
        let prefix = fresh_name();
        Redis { connect: move || RedisStore::cluster_builder([SERVER.url()]).prefix(&prefix) }
    }
}
