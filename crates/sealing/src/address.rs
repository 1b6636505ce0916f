//! [`Address`]: where a session is kept.

use oidc_session_core::StoreKey;

/// Where a session is kept, with and without a key ring.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Address {
    /// What the store calls the session.
    pub key: StoreKey,
    /// The digest of the session's id. Without a key ring, stores call it so.
    pub digest: StoreKey,
}
