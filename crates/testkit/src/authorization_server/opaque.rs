//! [`Opaque`]: a random token or code; [`Digest`]: all that the server keeps of one.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// A value of 256 random bits that means something to this server only. Leaves it once, in an answer.
pub(super) struct Opaque(String);

impl Opaque {
    /// Draws a new value; the prefix tells a reader of a test failure what it was.
    pub(super) fn mint(prefix: &str) -> Self {
        let mut bits = [0_u8; 32];
        getrandom::fill(&mut bits).expect("the operating system provides random bytes");
        Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bits)))
    }

    /// The secret itself. For answers only.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// What to keep of it.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opaque([redacted])")
    }
}

/// The SHA-256 of a secret: enough to recognise it, not enough to use it.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    /// The digest of a secret somebody presented.
    pub(super) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest([redacted])")
    }
}

/// The base64url form of the left half of a SHA-256: `at_hash` (OIDC Core 3.1.3.6).
pub(super) fn half_hash(value: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(value)[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_long_distinct_and_never_printed() {
        let (one, other) = (Opaque::mint("rt_"), Opaque::mint("rt_"));
        assert_eq!(one.expose().len(), "rt_".len() + 43);
        assert_ne!(one.expose(), other.expose());
        assert_ne!(one.digest(), other.digest());
        assert_eq!(one.digest(), Digest::of(one.expose()));
        assert_eq!(format!("{one:?} {:?}", one.digest()), "Opaque([redacted]) Digest([redacted])");
    }
}
