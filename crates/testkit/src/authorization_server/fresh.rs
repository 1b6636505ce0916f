//! [`Fresh`]: the tokens a grant issues if it succeeds, and their [`Holder`].

use super::opaque::Digest;
use super::thumbprint::Thumbprint;

/// Digests of the tokens to issue if the grant succeeds, and who may use them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fresh {
    pub(super) access: Digest,
    pub(super) refresh: Digest,
    pub(super) holder: Holder,
}

/// Whose tokens they are, beyond the client (RFC 9449 §5).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Holder {
    /// The key the request proved to have. The access token is bound to it.
    pub(super) key: Option<Thumbprint>,
    /// The client is public: nothing but the key can bind its refresh token.
    pub(super) is_public: bool,
}

impl Holder {
    /// The key that must be proved to present the refresh token. That of a confidential client is bound by its
    /// authentication already.
    pub(super) fn key_of_refresh_token(self) -> Option<Thumbprint> {
        self.key.filter(|_| self.is_public)
    }
}
