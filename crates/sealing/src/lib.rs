//! Seals session records before any store sees them, and names them by a keyed hash.
//!
//! ```
//! use oidc_session_core::{Clock as _, Expected, ProviderId, Session, SessionId, SystemClock, Timestamp, TokenSet};
//! use oidc_session_sealing::{KeyRing, Seal};
//!
//! let now = SystemClock.now();
//! let seal = Seal::with(KeyRing::generate(now));
//! let address = seal.address(&SessionId::named("default")?);
//! let session = Session::new(ProviderId::new("oidc"), "https://login.example", "my-app", TokenSet::new(now, now));
//!
//! let stored = seal.close(&address, Expected::Absent, &session.clone().into(), now)?;
//! let opened = seal.open(&address.key, &stored)?;
//! assert_eq!(opened.state, session.into());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Start at [`Seal`]; [`KeyRing`] holds the keys.
//!
//! # What is protected
//!
//! - **What a record says**: XChaCha20-Poly1305, a random nonce of 24 bytes for each commit.
//! - **Where and when it says so**: the store key and the version are associated data. A record that was altered, put
//!   under another session's key, or put back under a newer version is refused as [`RecordError::Refused`].
//! - **Whose it is**: store keys are HMAC-SHA-256 of the session's digest, so that nobody who can read the store can tell
//!   whether it has a session of a name that he knows or guesses.
//!
//! Whoever can write to the store can still delete a record, or put back a whole row with the version it had. That costs
//! a session at worst: its refresh token has been spent. It makes no token, and shows none.
//!
//! [`RecordError::Refused`]: oidc_session_core::RecordError::Refused

mod address;
mod key;
mod key_file;
mod key_ring;
mod seal;

pub use address::Address;
pub use key::KeyId;
pub use key_file::Beside;
pub use key_ring::{KeyRing, KeyRingError};
pub use seal::{Opened, Seal};
