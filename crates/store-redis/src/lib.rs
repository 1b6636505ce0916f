//! Keeps sessions in Redis, for any number of processes and machines.

#[cfg(feature = "cluster")]
mod cluster;
mod config;
mod error;
mod feed;
mod inspection;
mod layout;
mod lease;
mod link;
mod list;
mod reconnecting;
mod scripts;
mod store;
mod tls;

pub use config::RedisStoreBuilder;
pub use store::RedisStore;
