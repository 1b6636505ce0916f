//! [`Note`]: what a program keeps beside its sessions.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::{SessionData, StoreKey, Timestamp};

/// What a program keeps beside its sessions: a small JSON map, stored and sealed as sessions are.
///
/// A web server keeps there which of its sessions belong to a session id of the authorization server, so that a
/// back-channel logout finds them. A note has no lease and is never refreshed.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Note {
    /// What it says.
    pub data: SessionData,
    /// Until when a store has to keep it. `None`: for ever.
    pub keep_until: Option<Timestamp>,
}

impl Note {
    /// A note that says `data`.
    pub fn new(data: SessionData, keep_until: Option<Timestamp>) -> Self {
        Self { data, keep_until }
    }
}

impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Note").field("keep_until", &self.keep_until).finish_non_exhaustive()
    }
}

/// The name of a note. Stores see only a digest of it, which no session has.
///
/// ```
/// use oidc_session_core::{NoteName, SessionId};
///
/// let name = NoteName::of("sid", &["https://login.example", "08a5019c"]);
/// assert_eq!(name, NoteName::of("sid", &["https://login.example", "08a5019c"]));
/// assert_ne!(name, NoteName::of("sid", &["https://login.example0", "8a5019c"]));
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct NoteName(StoreKey);

impl NoteName {
    /// The name that `parts` make within `kind`.
    pub fn of(kind: &str, parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"oidc-session note name v1\0");
        for part in std::iter::once(&kind).chain(parts) {
            // A length in front keeps the parts apart.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Self(StoreKey::from_bytes(hash.finalize().into()))
    }

    /// The digest under which the note is kept, where names are not keyed.
    pub fn store_key(&self) -> StoreKey {
        self.0
    }
}

impl fmt::Debug for NoteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteName({:?})", self.0)
    }
}
