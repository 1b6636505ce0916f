//! In Redis.

use std::sync::Arc;

use async_trait::async_trait;
use oidc_session_core::SessionStore;
use oidc_session_store_redis::RedisStore;
use oidc_session_test_servers as servers;
use redis::{Client, cmd};

use super::{Backend, Need};

#[derive(Debug, Default)]
pub(super) struct Redis {
    server: Option<servers::Redis>,
}

impl Redis {
    async fn url(&mut self) -> String {
        if self.server.is_none() {
            self.server = Some(servers::Redis::start().await);
        }
        self.server.as_ref().map(servers::Redis::url).expect("just started")
    }
}

#[async_trait]
impl Backend for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn durability(&self) -> &'static str {
        "when the append-only file is synced (appendfsync always)"
    }

    fn need(&self) -> Option<Need> {
        Some(Need::Redis)
    }

    async fn open(&mut self) -> Arc<dyn SessionStore> {
        Arc::new(RedisStore::connect(self.url().await).await.expect("a store in Redis"))
    }

    /// All keys are of the store: the server is its own.
    async fn size(&mut self) -> Vec<(&'static str, u64)> {
        let client = Client::open(self.url().await).expect("a URL of Redis");
        let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
        let keys: Vec<Vec<u8>> = cmd("KEYS").arg("*").query_async(&mut connection).await.expect("all keys");
        let mut bytes = 0;
        for key in keys {
            let mut usage = cmd("MEMORY");
            usage.arg("USAGE").arg(key).arg("SAMPLES").arg(0);
            bytes += usage.query_async::<u64>(&mut connection).await.expect("the size of a key");
        }
        vec![("the keys (MEMORY USAGE)", bytes)]
    }
}
