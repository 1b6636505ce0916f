//! [`RevocableToken`]: which token of a session goes to the revocation endpoint.

/// Which token of a session goes to the revocation endpoint (RFC 7009 §2.1).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RevocableToken {
    /// The refresh token; the server revokes with it what came of it, as it sees fit.
    RefreshToken,
    /// The access token.
    AccessToken,
}
