//! stub docs
mod calls;
mod config;
mod error;
mod head;
mod lease;
mod lock_file;
mod name;
mod platform;
mod records;
mod store;
mod vault;

pub use config::KeyringStoreBuilder;
pub use store::KeyringStore;
