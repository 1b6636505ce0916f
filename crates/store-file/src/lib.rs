//! Keeps sessions in a folder that any number of processes of one machine may share: one file per session.
//!
//! ```
//! use oidc_session_core::{Commit, Expected, Record, SessionId, SessionStore as _, Stored, Timestamp, Version};
//! use oidc_session_store_file::FileStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let folder = directory.path().join("sessions");
//! let store = FileStore::open(&folder).await?;
//! let key = SessionId::named("default")?.store_key();
//! let version = Version::after(Expected::Absent, Timestamp::from_unix_seconds(1_700_000_000));
//! let first = Stored { version, record: Record::from_bytes(b"sealed".to_vec()) };
//! assert_eq!(store.commit(&key, Expected::Absent, &first, None).await?, Commit::Done);
//!
//! let another_process = FileStore::open(&folder).await?;
//! assert_eq!(another_process.load(&key).await?, Some(first));
//! # Ok(())
//! # }
//! ```
//! Start at [`FileStore`]; [`FileStoreBuilder`] has the settings.
//!
//! # What is in the folder
//!
//! | File | What it is |
//! |---|---|
//! | `<64 hex digits>.session` | a session: version, `keep_until`, record, and a SHA-256 over all of it |
//! | `<64 hex digits>.lease` | who refreshes that session, while somebody does; it names the version it belongs to |
//! | `….draft` | a file that is being written, or that a killed process was writing |
//! | `oidc-session.lock` | what writers lock; empty, and never replaced nor deleted |
//! | `oidc-session.layout` | says that the folder is a store, and of which layout |
//!
//! The digits are the store key, a SHA-256 of the session's name. Whatever has another name is ignored and left alone.
//!
//! **One file per session**, because a file is what a file system replaces in one step: a commit copies no other
//! session, a damaged file costs one session and not all, and a single one can be restored from a backup or removed by
//! hand. **One lock for all**, because lock files must not be deleted while somebody may hold them, so that one per
//! session would stay for ever; because whoever holds the only lock knows that every draft in the folder is a dead
//! writer's; and because it is held for the few milliseconds that the disk needs, never across a request.
//!
//! # What survives what
//!
//! - **A crash, a `SIGKILL`**: everything committed, and every lease, which then ends by itself. Each file is written
//!   aside, synced, and put in place in one step; so there is no instant at which half a record could be found. The
//!   system frees the lock. Drafts are cleaned up by the next `open` or `sweep`.
//! - **A power loss**: the same. A rotated refresh token exists nowhere else, so each change is on the disk, and its
//!   name too, before its call returns (`fsync` of file and folder; on Apple's systems `F_FULLFSYNC`).
//! - **A full disk**: a change fails as *unavailable*, and what was there stays and can be read.
//! - **A wall clock that is set**: leases are instants of the machine's wall clock, because all its processes share it
//!   and it goes on over restarts. Set forward, a lease ends early: the attempt counts as unsettled, and the
//!   compare-and-set keeps the session safe. Set back, none is believed to last longer from now than its whole time.
//! - **A damaged file of a session**: *corrupt*, for every call about that session, until it is restored or moved away.
//!   Nothing overwrites or sweeps it. A damaged lease file counts as a lease that somebody has just taken: it ends by
//!   itself, as an attempt whose outcome nobody learned.
//! - **A folder that is emptied or unmounted under a running program**: *unavailable*, never "no such session".
//! - **A newer version's folder or file**: refused as it is, and nothing in it is touched.
//!
//! # Who can read it
//!
//! On Unix the folder has mode 0700 and the files have 0600 from the moment they exist; looser permissions are
//! tightened. A folder that others can write to is refused, because they may have put something there already. So are a
//! folder or file of somebody else (as when a program ran as root once), and a link in place of a file; the folder
//! itself may be reached through links. On Windows the files inherit the access list of the folder.
//!
//! What is replaced or removed is not overwritten: disks and file systems keep old blocks for a while anyway. Against
//! anyone who can read the disk, or a backup of it, seal the records.
//!
//! # Network file systems
//!
//! Made for the disks of one machine. A home directory on a network share will do for the processes of that machine if
//! the share has working locks (`flock`), atomic renames, and tells other processes' changes at once. For several
//! machines it needs all of that across them (on NFS: version 4, without `nolock`, `local_lock` or attribute caching),
//! and clocks that agree to well under a lease. A store on a server is the better choice then.

mod config;
#[cfg(test)]
mod crash_points;
mod disk;
mod error;
mod folder;
mod frame;
mod layout;
mod lease_file;
mod lock;
mod name;
mod privacy;
mod record_file;
mod sessions;
mod store;

pub use config::FileStoreBuilder;
pub use store::FileStore;
