//! Names of things: sessions, store keys, lease holders, sign-ins, versions, providers.

use std::fmt;
use std::hash::{Hash, Hasher};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::{Expected, Timestamp};

/// The name of a session: random by default, or a name the program chose.
///
/// A random id has 256 bits and may be handed to a browser as a bearer of the session; `Debug` therefore shows only a
/// digest. Stores never see it, only its [`StoreKey`].
///
/// ```
/// use oidc_session_core::SessionId;
///
/// assert_ne!(SessionId::random(), SessionId::random());
/// assert_eq!(SessionId::named("default")?, SessionId::named("default")?);
/// # Ok::<(), oidc_session_core::InvalidSessionId>(())
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct SessionId(Text);

/// Text that lies in the value itself if it is short, as random ids are: so that who compares two ids looks nowhere else.
#[derive(Clone, Eq, PartialEq)]
enum Text {
    /// The bytes behind the length are zero.
    Short {
        length: u8,
        bytes: [u8; Self::SHORT],
    },
    Long(Box<str>),
}

impl Text {
    const SHORT: usize = 46;

    fn as_str(&self) -> &str {
        match self {
            // It was text when it was put there.
            Self::Short { length, bytes } => str::from_utf8(&bytes[..usize::from(*length)]).unwrap_or_default(),
            Self::Long(text) => text,
        }
    }
}

impl Hash for Text {
    /// In one go, and always as much of a short one: it is hashed for each look at a table.
    #[inline]
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        match self {
            Self::Short { bytes, .. } => hasher.write(bytes),
            Self::Long(text) => hasher.write(text.as_bytes()),
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        let mut bytes = [0; Self::SHORT];
        match (u8::try_from(text.len()), bytes.get_mut(..text.len())) {
            (Ok(length), Some(place)) => {
                place.copy_from_slice(text.as_bytes());
                Self::Short { length, bytes }
            }
            _ => Self::Long(text.into()),
        }
    }
}

impl SessionId {
    /// The longest name, in bytes.
    pub const MAX_LENGTH: usize = 256;

    /// A new id of 256 random bits from the operating system.
    pub fn random() -> Self {
        Self(URL_SAFE_NO_PAD.encode(random_bytes::<32>()).into())
    }

    /// An id from a name or from an earlier random id: 1 to 256 bytes without control characters.
    pub fn named(name: impl Into<String>) -> Result<Self, InvalidSessionId> {
        let name = name.into();
        let fits = !name.is_empty() && name.len() <= Self::MAX_LENGTH && !name.chars().any(char::is_control);
        if fits { Ok(Self(name.into())) } else { Err(InvalidSessionId) }
    }

    /// The id itself. Whoever holds a random id holds the session.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// The name under which stores know this session.
    pub fn store_key(&self) -> StoreKey {
        let mut hash = Sha256::new();
        hash.update(b"oidc-session store key v1\0");
        hash.update(self.expose().as_bytes());
        StoreKey(hash.finalize().into())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({:?})", self.store_key())
    }
}

/// A session name is empty, longer than 256 bytes, or holds control characters.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("a session name has 1 to 256 bytes and no control characters")]
pub struct InvalidSessionId;

/// The name of a session in a store: a SHA-256 of its [`SessionId`].
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StoreKey([u8; 32]);

impl StoreKey {
    /// A key from its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "{a:02x}{b:02x}{c:02x}{d:02x}…")
    }
}

/// Who holds a lease: one random value per flight.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct HolderId(u128);

impl HolderId {
    /// A new holder.
    pub fn random() -> Self {
        Self(u128::from_le_bytes(random_bytes()))
    }

    /// A holder from its number, for stores that read it back and for tests.
    pub const fn from_u128(value: u128) -> Self {
        Self(value)
    }

    /// The number, for stores.
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Debug for HolderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "holder-{:08x}", (self.0 >> 96) as u32)
    }
}

/// Tells one sign-in from the next under the same session name, so that an old refresh recognises a new login.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignInId(u64);

impl SignInId {
    /// A new sign-in.
    pub fn random() -> Self {
        Self(u64::from_le_bytes(random_bytes()))
    }

    /// A sign-in from its number, for tests.
    pub const fn from_u64(value: u64) -> Self {
        Self(value)
    }
}

/// The version of a record: chosen by who commits it, and never the same twice for a key.
///
/// Versions of one chain of commits grow. Across a remove they only differ.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// The version of a commit made at `now` in place of what is `expected`. Fits into 63 bits, as databases like it.
    ///
    /// Milliseconds since 1970 above 20 random bits, and greater than what it replaces even if the clock was turned
    /// back: so it grows with each commit, and two that begin anew after a remove do not meet.
    ///
    /// ```
    /// use oidc_session_core::{Expected, Timestamp, Version};
    ///
    /// let now = Timestamp::from_unix_seconds(1_700_000_000);
    /// let first = Version::after(Expected::Absent, now);
    /// let second = Version::after(Expected::At(first), now - std::time::Duration::from_secs(60));
    /// assert!(second > first);
    /// ```
    pub fn after(expected: Expected, now: Timestamp) -> Self {
        let random = u64::from(u32::from_le_bytes(random_bytes())) >> 12;
        let millis = now.as_unix_millis().clamp(0, (1 << 43) - 1).unsigned_abs();
        let fresh = Self((millis << 20) | random);
        match expected {
            // A number this great was never made here; what comes after it need only differ.
            Expected::At(Self(replaced)) if replaced >= i64::MAX.unsigned_abs() - random => fresh,
            // At random there, too: two writers whose clocks are behind must not choose the same.
            Expected::At(Self(replaced)) => fresh.max(Self(replaced + 1 + random)),
            Expected::Absent => fresh,
        }
    }

    /// A version from its number, for stores.
    pub const fn from_u64(value: u64) -> Self {
        Self(value)
    }

    /// The number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which kind of provider issued a session, such as `oidc` or `auth0`.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderId(String);

impl ProviderId {
    /// A provider id.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::expect_used, reason = "without the operating system's randomness no id may be made at all")]
    getrandom::fill(&mut bytes).expect("the operating system provides randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn names_are_checked() {
        assert!(SessionId::named("work @ acme").is_ok());
        for bad in [String::new(), "a\nb".into(), "x".repeat(257)] {
            assert_eq!(SessionId::named(bad), Err(InvalidSessionId));
        }
    }

    #[test]
    fn debug_shows_no_session_id() {
        let id = SessionId::random();
        assert!(!format!("{id:?}").contains(id.expose()));
    }

    #[test]
    fn versions_grow_and_two_writers_choose_differently_also_where_the_clock_is_behind() {
        let now = crate::Timestamp::from_unix_seconds(1_700_000_000);
        for late in [0, 60].map(Duration::from_secs) {
            let first = Version::after(Expected::Absent, now);
            let chosen: std::collections::HashSet<_> =
                (0..16).map(|_| Version::after(Expected::At(first), now - late).as_u64()).collect();
            assert!(chosen.len() > 12, "{chosen:?}");
            assert!(chosen.iter().all(|version| *version > first.as_u64()));
        }
        for replaced in [i64::MAX - 1, i64::MAX].map(i64::unsigned_abs) {
            assert!(Version::after(Expected::At(Version(replaced)), now).as_u64() <= i64::MAX.unsigned_abs());
        }
    }

    #[test]
    fn store_keys_differ_by_name() {
        let key = |name: &str| SessionId::named(name).unwrap().store_key();
        assert_eq!(key("a"), key("a"));
        assert_ne!(key("a"), key("b"));
    }
}
