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
//! Start at [`Seal`], which makes records of sessions and sessions of records; [`KeyRing`] holds the keys. Programs give a
//! ring to their manager and need no more of this crate.
//!
//! # Words
//!
//! | Word | What it is |
//! |---|---|
//! | digest | the SHA-256 of a session's id |
//! | store key | what a store calls the session: an HMAC of the digest under the ring's naming key; without a ring the digest |
//! | [`Address`] | both of them |
//! | to seal, to open | to encrypt a record so that changes are noticed; the way back |
//! | sealing key, naming key | of the keys in a ring, those that seal records, and the one that makes store keys |
//!
//! # What is protected
//!
//! - **What a record says**: XChaCha20-Poly1305, a random nonce of 24 bytes for each commit.
//! - **Where and when it says so**: the store key and the version are associated data, without which a record does not open.
//!   One that was altered, put under another session's key, or given another version is refused as
//!   [`RecordError::Refused`].
//! - **Whose it is**: nobody who can read the store can tell whether it has a session of a name that he knows or guesses.
//!
//! # What is not
//!
//! Whoever can write to the store can delete a record, or put back a whole row with the version it had. As a rule its
//! refresh token has been spent, so that this costs the session. Where refresh tokens do not rotate, and a logout revokes
//! nothing, a session that was logged out is alive again. It makes no token, and shows none.
//!
//! Two stores with one ring are one place: a row of the one opens in the other. Give each a ring of its own.
//!
//! [`RecordError::Refused`]: oidc_session_core::RecordError::Refused

mod address;
mod envelope;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod key;
mod key_file;
mod key_ring;
mod seal;

pub use address::Address;
pub use envelope::Envelope;
pub use key::KeyId;
pub use key_file::Beside;
pub use key_ring::{KeyRing, KeyRingError};
pub use seal::{Opened, OpenedNote, Seal};
