//! Keeps sessions in the secret store of the operating system: Secret Service on Linux and the BSDs, Keychain on macOS,
//! Credential Manager on Windows.
//!
//! ```no_run
//! use oidc_session_core::{SessionId, SessionStore as _};
//! use oidc_session_store_keyring::KeyringStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = KeyringStore::open("my-program").await?;
//! let key = SessionId::named("default")?.store_key();
//! println!("signed in: {}", store.load(&key).await?.is_some());
//! # Ok(())
//! # }
//! ```
//! Start at [`KeyringStore`]; [`KeyringStoreBuilder`] has the settings.
//!
//! It is for programs on a desktop: one user, one machine, a handful of sessions. A call takes milliseconds, and every
//! process of the user that asks the secret store in the right way is given what it keeps. On a server, use another store.
//!
//! **Only the Secret Service has been run**, with gnome-keyring. The parts for macOS and Windows were written from the
//! sources of the crates below them, and no machine has run them yet.
//!
//! # One writer at a time
//!
//! Secret stores have no compare-and-set and no leases. So every change is read, compared and written under the lock of
//! a file, one for each service name, which all processes of the user share. Whoever dies, loses the lock. Nobody waits
//! for it longer than the busy timeout. A program that changes the entries without the lock, such as a password
//! manager, is not noticed.
//!
//! **All processes that share a service name must use the same lock folder**, on a local disk. The default is in the
//! user's home folder. A container or a sandbox with another home folder needs
//! [`lock_folder`](KeyringStoreBuilder::lock_folder).
//!
//! # What is in an entry
//!
//! Each session is one entry, called by its store key in hexadecimal, with the record, its version and its lease: so
//! `load` is one read, and whatever the contract calls atomic is one write. The content is JSON, and the record in it
//! Base64, because KWallet keeps nothing but text. On Linux its label says what it is: `my-program: OpenID Connect
//! session 1f2e3d4c`.
//!
//! An entry holds 64 KiB of text, on Windows 2,560 bytes (the system's limit). A longer record is split into entries of
//! its own, which the session's entry names, with their length and a SHA-256. New ones are written under fresh names
//! before that entry, old ones deleted after it. So a crash leaves the old record or the new one, whole. What it leaves
//! besides is deleted by the next [`sweep`](oidc_session_core::Sweep::sweep).
//!
//! Which sessions there are, the secret store is asked by a search for the service name: there is no index that could
//! be wrong.
//!
//! # What survives what
//!
//! - **A crash, a `SIGKILL`**: everything committed, and every lease, which then ends by itself.
//! - **A power loss**: what the secret store has brought to the disk by then, which is its own affair.
//! - **The secret store ends, and comes back**: calls are *unavailable* meanwhile. The next one connects anew.
//! - **A wall clock that is set**: as with every store of one machine, a lease ends early, or lasts for no longer than
//!   its whole time from then on.
//! - **A damaged entry**: *corrupt*, and left as it is. The user may delete it and sign in again. If only the further
//!   entries of a long record are damaged, a commit at its version replaces it.
//!
//! # Prompts and waiting
//!
//! A secret store that is locked asks its user for a password. Calls wait for that up to the
//! [answer timeout](KeyringStoreBuilder::answer_timeout), and are then *unavailable*; the prompt stays, and once it is
//! answered, calls succeed. If it is dismissed, or there is no screen to show it on, they are *denied*. While a writer
//! of one process waits for a prompt, those of others are *unavailable*.
//!
//! macOS asks for each entry that another program has made, and takes a program that was built anew without a signature
//! for another one.
//!
//! Without a secret store, opening is *misconfigured* at once, and the cause says what to do.
//!
//! Calls run on threads of their own, one that reads and one that writes for each open store: whatever hangs there holds
//! up neither the runtime nor its end.
//!
//! # Who can read it
//!
//! The operating system encrypts the entries with the user's login
//! ([`Custody::OperatingSystem`](oidc_session_core::Custody::OperatingSystem)). On Linux and Windows, every program that
//! the user runs can read them while they are unlocked. On Windows they stay on this machine. The lock file is empty.

mod calls;
mod config;
#[cfg(test)]
mod crash_points;
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
