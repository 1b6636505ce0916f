//! Servers that all tests of a run share.

use std::env;
use std::sync::OnceLock;

use crate::background::in_background;
use crate::postgres::{Postgres, PostgresOptions};
use crate::redis::{Redis, RedisOptions};

/// The environment variable with the URL of the Redis that all tests of this run share.
pub const SHARED_REDIS: &str = "OIDC_SESSION_TEST_REDIS";

/// The environment variable with the URL of the PostgreSQL that all tests of this run share.
pub const SHARED_POSTGRES: &str = "OIDC_SESSION_TEST_POSTGRES";

/// The URL of the Redis that `cargo xtask test` has started for all tests of this run, or else of one of this process's
/// own, which lives as long as the process. Others use it too: take a [`fresh_name`](crate::fresh_name), and leave it
/// running.
///
/// # Panics
///
/// If there is none and it does not start; the message says why.
pub async fn shared_redis() -> &'static str {
    static SHARED: Shared<Redis> = Shared(OnceLock::new());
    in_background(|| SHARED.url(SHARED_REDIS, || Redis::launch(RedisOptions::default()), Redis::url)).await
}

/// The URL of the PostgreSQL that all tests of this run share. Like [`shared_redis`], with its panics.
pub async fn shared_postgres() -> &'static str {
    static SHARED: Shared<Postgres> = Shared(OnceLock::new());
    in_background(|| SHARED.url(SHARED_POSTGRES, || Postgres::launch(PostgresOptions::default()), Postgres::url)).await
}

/// A URL, and the server behind it if it is ours. Never dropped: the guard ends it when this process has ended.
struct Shared<S>(OnceLock<(String, Option<S>)>);

impl<S> Shared<S> {
    fn url(&self, variable: &str, launch: impl FnOnce() -> crate::Result<S>, url: impl FnOnce(&S) -> String) -> &str {
        let (url, _) = self.0.get_or_init(|| match env::var(variable) {
            Ok(url) => (url, None),
            Err(_) => {
                let server = launch().unwrap_or_else(|error| panic!("{error}"));
                (url(&server), Some(server))
            }
        });
        url
    }
}
