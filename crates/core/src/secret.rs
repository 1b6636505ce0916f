//! Secret values: redacted in `Debug`, without `Display`, wiped from memory when dropped.

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// `Debug` prints `[redacted]`, there is no `Display` and no `Serialize`. Clones share one place in memory, which
        /// is wiped with the last of them. Equality compares digests, so its timing says nothing about the value.
        #[derive(Clone)]
        pub struct $name(Arc<SecretString>);

        impl $name {
            /// Wraps a value.
            pub fn new(value: impl Into<String>) -> Self {
                Self(Arc::new(SecretString::from(value.into())))
            }

            /// The value itself. Every call is a place where the secret can leak.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }

            /// A one-way digest: tells two values apart without keeping either.
            pub fn fingerprint(&self) -> Fingerprint {
                Fingerprint::of(self.expose().as_bytes())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.fingerprint() == other.fingerprint()
            }
        }

        impl Eq for $name {}
    };
}

secret! {
    /// An access token (RFC 6749 §1.4): opaque to the client, sent to resource servers.
    ///
    /// ```
    /// use oidc_session_core::AccessToken;
    ///
    /// let token = AccessToken::new("2YotnFZFEjr1zCsicMWpAA");
    /// assert_eq!(format!("{token:?}"), "AccessToken([redacted])");
    /// assert_eq!(token.expose(), "2YotnFZFEjr1zCsicMWpAA");
    /// ```
    AccessToken
}
secret! {
    /// A refresh token (RFC 6749 §1.5): sent to the token endpoint and nowhere else.
    RefreshToken
}
secret! {
    /// An ID token (OIDC Core §2), kept to be sent back as `id_token_hint` at logout.
    IdToken
}
secret! {
    /// A client secret (RFC 6749 §2.3.1).
    ClientSecret
}
secret! {
    /// A PKCE code verifier (RFC 7636 §4.1).
    CodeVerifier
}
secret! {
    /// A device code (RFC 8628 §3.2).
    DeviceCode
}
secret! {
    /// The private key that proves possession of a session's tokens (RFC 9449): PKCS#8, base64url without padding.
    DpopKey
}

/// A digest of a secret: 128 bits of its SHA-256.
///
/// Safe to log and to compare for values with the entropy of a token; it does not give the value back.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"oidc-session fingerprint v1\0");
        hash.update(bytes);
        let digest = hash.finalize();
        let mut short = [0; 16];
        short.copy_from_slice(&digest[..16]);
        Self(short)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Enough to tell two apart in a log.
        let [a, b, c, d, ..] = self.0;
        write!(f, "#{a:02x}{b:02x}{c:02x}{d:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_value() {
        for shown in [
            format!("{:?}", AccessToken::new("secret-value")),
            format!("{:?}", Some(RefreshToken::new("secret-value"))),
            format!("{:#?}", IdToken::new("secret-value")),
            format!("{:?}", ClientSecret::new("secret-value").fingerprint()),
        ] {
            assert!(!shown.contains("secret"), "{shown}");
        }
    }

    #[test]
    fn equality_is_by_value() {
        assert_eq!(AccessToken::new("a"), AccessToken::new("a"));
        assert_ne!(AccessToken::new("a"), AccessToken::new("b"));
    }
}
