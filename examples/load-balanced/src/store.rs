//! Where sessions live: one place for all instances.

use std::sync::Arc;

use oidc_session::{PostgresStore, RedisStore, SessionStore};

use crate::Result;

/// Opens the store that a URL names by its scheme. Another store is another line.
pub(crate) async fn open(url: &str) -> Result<Arc<dyn SessionStore>> {
    match url.split_once(':').map_or("", |(scheme, _)| scheme) {
        "redis" | "rediss" => Ok(Arc::new(RedisStore::connect(url).await?)),
        "postgres" | "postgresql" => Ok(Arc::new(PostgresStore::connect(url).await?)),
        // Not the URL itself: it may hold a password.
        _ => Err("instances share a store that is a server: say redis://…, rediss://… or postgres://…".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_of_another_kind_is_refused_without_its_password() {
        for url in ["sqlite:sessions.db", "mysql://app:hunter2@db/", "", "redis"] {
            let error = open(url).await.unwrap_err().to_string();
            assert!(error.contains("redis://") && !error.contains("hunter2"), "{error}");
        }
    }
}
