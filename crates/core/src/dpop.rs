//! [`DpopBinding`]: the key that the tokens of a session are bound to (RFC 9449).

use std::fmt;

use crate::DpopKey;

/// The key that the tokens of a session are bound to, and what the authorization server wants its proofs to carry.
///
/// It is stored with the session, because its refresh token is worth nothing without it (RFC 9449 §5).
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct DpopBinding {
    /// The private key.
    pub key: DpopKey,
    /// The thumbprint of the public key (RFC 7638, SHA-256, base64url): what the server bound the tokens to.
    pub thumbprint: String,
    /// The nonce that the authorization server gave last (RFC 9449 §8).
    pub nonce: Option<String>,
}

impl DpopBinding {
    /// The longest nonce that is remembered, in bytes. A longer one would take the session's place in its record.
    pub const LONGEST_NONCE: usize = 1024;

    /// A binding to `key`, whose thumbprint is `thumbprint`.
    pub fn new(key: DpopKey, thumbprint: impl Into<String>) -> Self {
        Self { key, thumbprint: thumbprint.into(), nonce: None }
    }
}

impl fmt::Debug for DpopBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopBinding").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}
