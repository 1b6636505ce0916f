//! Keeps sessions in memory: for tests, and for programs whose sessions may end with the process.
//!
//! ```
//! use oidc_session_core::{Commit, Expected, Record, SessionId, SessionStore as _};
//! use oidc_session_store_memory::MemoryStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::new();
//! let key = SessionId::named("default")?.store_key();
//! let record = Record::from_bytes(b"sealed".to_vec());
//!
//! let first = store.commit(&key, Expected::Absent, &record, None).await?;
//! assert!(matches!(first, Commit::Done(_)));
//! assert_eq!(store.load(&key).await?.map(|stored| stored.record), Some(record));
//! # Ok(())
//! # }
//! ```
//! Start at [`MemoryStore`].

mod entry;
mod store;

pub use store::MemoryStore;
