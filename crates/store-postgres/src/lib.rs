//! Keeps sessions in PostgreSQL, for any number of processes and machines.

mod address;
mod config;
mod connector;
mod database;
mod error;
mod feed;
mod lease;
mod row;
mod schema;
mod statements;
mod store;
mod tls;
mod value;

pub use config::PostgresStoreBuilder;
pub use deadpool_postgres;
pub use store::PostgresStore;
