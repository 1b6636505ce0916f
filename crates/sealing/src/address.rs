//! [`Address`]: where a session is kept.

use oidc_session_core::StoreKey;

/// What a session is called: by a store, and by those who have no key ring.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Address {
    /// What the store calls the session.
    pub key: StoreKey,
    /// The SHA-256 of the session's id: the same under every key ring. Without one, stores call the session so.
    pub digest: StoreKey,
}
