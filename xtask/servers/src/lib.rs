//! Starts real Redis and PostgreSQL servers on loopback for tests, and cuts the network between.
//!
//! ```no_run
//! # async fn example() {
//! use oidc_session_test_servers::{Proxy, Redis};
//!
//! let mut redis = Redis::start().await;
//! let network = Proxy::to(redis.address()).await;
//! network.stall(); // The client's next call gets no answer.
//! network.heal();
//! redis.kill().await; // SIGKILL
//! redis.restart().await; // The same port, and everything it had acknowledged.
//! # }
//! ```
//!
//! Nothing here depends on the runtime of the test that calls it: servers and proxies live on threads of their own, in
//! real time, whatever the test does to tokio's.
//!
//! To run single tests by hand against servers that stay up, start them with
//! `cargo run --package oidc-session-test-servers`, which says what to export.
//!
//! # No orphans
//!
//! Dropping a server ends it, also in a panic. Should this process end without dropping anything (`SIGKILL`, `exit`, a
//! `static`), a guard beside each server notices, ends it and removes its folder: see `guard.rs`.

mod account;
mod background;
mod certificate;
mod daemon;
mod guard;
mod log;
mod names;
mod port;
mod postgres;
mod programs;
mod proxy;
mod redis;
mod secret_service;
mod server;
mod shared;
mod signals;

pub use self::names::fresh_name;
pub use self::postgres::{Postgres, PostgresOptions};
pub use self::proxy::Proxy;
pub use self::redis::{Redis, RedisOptions};
pub use self::secret_service::{EnteredKeyring, SecretService};
pub use self::shared::{SHARED_POSTGRES, SHARED_REDIS, shared_postgres, shared_redis};

/// What starting a server returns: errors are sentences for the person who runs the tests.
pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
