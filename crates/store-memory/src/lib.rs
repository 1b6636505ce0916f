//! Keeps sessions in memory: for tests, and for programs whose sessions may end with the process.
//!
//! ```
//! use oidc_session_core::{Commit, Expected, Record, SessionId, SessionStore as _, Stored, Timestamp, Version};
//! use oidc_session_store_memory::MemoryStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::new();
//! let key = SessionId::named("default")?.store_key();
//! let version = Version::after(Expected::Absent, Timestamp::from_unix_seconds(1_700_000_000));
//! let first = Stored { version, record: Record::from_bytes(b"sealed".to_vec()) };
//!
//! assert_eq!(store.commit(&key, Expected::Absent, &first, None).await?, Commit::Done);
//! assert_eq!(store.load(&key).await?, Some(first));
//! # Ok(())
//! # }
//! ```
//! Start at [`MemoryStore`].

mod entry;
mod feed;
mod store;

pub use store::MemoryStore;
