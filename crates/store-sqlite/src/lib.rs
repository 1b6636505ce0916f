//! Keeps sessions in one SQLite file that any number of processes of one machine may share.
//!
//! ```
//! use oidc_session_core::{Commit, Expected, Record, SessionId, SessionStore as _, Stored, Timestamp, Version};
//! use oidc_session_store_sqlite::SqliteStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("sessions.db");
//! let store = SqliteStore::open(&path).await?;
//! let key = SessionId::named("default")?.store_key();
//! let version = Version::after(Expected::Absent, Timestamp::from_unix_seconds(1_700_000_000));
//! let first = Stored { version, record: Record::from_bytes(b"sealed".to_vec()) };
//! assert_eq!(store.commit(&key, Expected::Absent, &first, None).await?, Commit::Done);
//!
//! let another_process = SqliteStore::open(&path).await?;
//! assert_eq!(another_process.load(&key).await?, Some(first));
//! # Ok(())
//! # }
//! ```
//! Start at [`SqliteStore`]; [`SqliteStoreBuilder`] has the settings.
//!
//! # What survives what
//!
//! - **A crash, a `SIGKILL`**: everything committed, and every lease, which then ends by itself.
//! - **A power loss**: the same. A rotated refresh token exists nowhere else, so each change is on the disk before its
//!   call returns (`synchronous = FULL`).
//! - **A wall clock that is set**: leases are instants of the machine's wall clock, because all its processes share it
//!   and it goes on over restarts. Set forward, a lease ends early: the attempt counts as unsettled, and the
//!   compare-and-set keeps the session safe. Set back, a lease would last too long: so none is believed to last longer
//!   from now than its whole time.
//! - **An update of this program**: an older layout is brought to the newest one when the file is opened, in one
//!   transaction. Older programs then refuse the file; one that still has it open fails as unavailable.
//! - **A file that is moved, replaced or deleted** while it is open, as by restoring a backup: calls are *unavailable*, on
//!   Unix, until the store is opened anew. Otherwise they would go on with a file that nobody else sees. Restore the
//!   `-wal` file with the database, or neither.
//! - **Another program's file, or one that a newer version wrote**: refused as it is, and nothing in it is touched.
//!
//! # Who can read it
//!
//! The database and its `-wal` and `-shm` files belong to their owner alone (mode 0600 on Unix) from the moment they
//! exist; looser permissions of an existing database are tightened. A directory that is made for it has 0700.
//! Deleted content is overwritten with zeros (`secure_delete`), so old tokens do not linger in free pages; the `-wal`
//! file keeps them until SQLite reuses it, until a sweep drops something, or until the last process closes the database.
//! It is cut off when it grows beyond 4 MiB. Against anyone who can read the disk, seal the records.
//!
//! SQLite's locks need a local disk: do not put the file on a network share.

mod config;
mod database;
mod error;
mod file;
mod lease;
mod log;
mod schema;
mod store;

pub use config::SqliteStoreBuilder;
pub use store::SqliteStore;
