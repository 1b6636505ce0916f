//! [`KeyRing`]: the keys of a program, or of all programs that share a store.

use std::fmt;
use std::path::PathBuf;

use oidc_session_core::{StoreKey, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::key::{KeyId, NamingKey, SealingKey, SecretBytes};

/// The keys of a program, or of all programs that share a store.
///
/// One key names the sessions and never changes: with another one none of them would be found. The others seal: the
/// first seals whatever is written, each of them opens what it sealed. So keys are changed without a halt: put a new one
/// first ([`rotate`](Self::rotate)), so that whatever is committed from then on is sealed with it; seal the other records
/// anew ([`Seal::reseal`](crate::Seal::reseal), or `oidc-session keys reseal`); drop the old one
/// ([`without_keys_before`](Self::without_keys_before)).
///
/// A program has the ring that it was started with. So where several share a store, each must have a key before any of them
/// seals with it: give all of them a ring with a [prepared](Self::prepare) key first, then one in which it has been
/// [rotated](Self::rotate) to the front.
///
/// As text it is JSON, of one line if need be, for a secret manager or an environment variable. `Debug` shows key ids
/// only; the keys are wiped on drop.
///
/// ```
/// use oidc_session_core::Timestamp;
/// use oidc_session_sealing::KeyRing;
///
/// let ring = KeyRing::generate(Timestamp::from_unix_seconds(1_700_000_000));
/// let text = ring.to_json();
/// assert_eq!(KeyRing::from_json(&text)?, ring);
/// # Ok::<(), oidc_session_sealing::KeyRingError>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct KeyRing {
    naming: NamingKey,
    /// Never empty. The first one seals.
    keys: Vec<RingKey>,
}

#[derive(Clone, Eq, PartialEq)]
struct RingKey {
    key: SealingKey,
    created_at: Timestamp,
    prepared: bool,
}

impl KeyRing {
    /// How many keys a ring may have: a bound for what is read, far beyond what anybody needs.
    pub const MOST_KEYS: usize = 64;

    /// How long the text of a ring may be, in bytes: a ring is a few lines, whatever is longer is something else.
    pub const MOST_BYTES: usize = 64 * 1024;

    /// A new ring with one key to seal with.
    pub fn generate(now: Timestamp) -> Self {
        Self { naming: NamingKey(SecretBytes::random()), keys: vec![RingKey::random(now, false)] }
    }

    /// Reads a ring from the text that [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    ///
    /// The text is no key ring. The error never quotes it.
    pub fn from_json(text: &str) -> Result<Self, KeyRingError> {
        if text.len() > Self::MOST_BYTES {
            return Err(KeyRingError::Malformed("it is too long"));
        }
        let wire: Wire =
            serde_json::from_str(text).map_err(|_| KeyRingError::Malformed("it is not the JSON of one"))?;
        wire.read()
    }

    /// Reads a ring from an environment variable, as a server gets it from its secret manager.
    ///
    /// # Errors
    ///
    /// The variable is not set, or is no key ring.
    pub fn from_env(variable: &str) -> Result<Self, KeyRingError> {
        match std::env::var(variable) {
            Ok(text) => Self::from_json(&Zeroizing::new(text)),
            Err(_) => Err(KeyRingError::NotSet(variable.to_owned())),
        }
    }

    /// The ring as JSON, keys included: whoever has this text can read every session.
    pub fn to_json(&self) -> Zeroizing<String> {
        let wire = Wire::of(self);
        #[expect(clippy::expect_used, reason = "strings and numbers are always JSON")]
        let text = serde_json::to_string_pretty(&wire).expect("strings and numbers are JSON");
        Zeroizing::new(text)
    }

    /// The same ring with a key that opens, but does not seal yet. Nothing changes if there is one already.
    #[must_use = "the new ring is returned, and has to be stored"]
    pub fn prepare(&self, now: Timestamp) -> Self {
        let mut ring = self.clone();
        if !ring.keys.iter().any(|key| key.prepared) {
            ring.keys.push(RingKey::random(now, true));
        }
        ring
    }

    /// The same ring with another key to seal with: the prepared one if there is one, else a new one.
    #[must_use = "the new ring is returned, and has to be stored"]
    pub fn rotate(&self, now: Timestamp) -> Self {
        let mut ring = self.clone();
        let prepared = ring.keys.iter().position(|key| key.prepared).map(|place| ring.keys.remove(place));
        let next = prepared.map_or_else(|| RingKey::random(now, false), |key| RingKey { prepared: false, ..key });
        ring.keys.insert(0, next);
        ring
    }

    /// The same ring without the keys that neither seal nor are prepared. What they sealed cannot be opened any more.
    #[must_use = "the new ring is returned, and has to be stored"]
    pub fn without_old_keys(&self) -> Self {
        let newest = self.sealing_key_id();
        let mut ring = self.clone();
        ring.keys.retain(|key| key.prepared || key.key.id == newest);
        ring
    }

    /// The same ring without the keys that sealed before `newest` did. What they sealed cannot be opened any more. Nothing
    /// changes if `newest` is not in the ring, or is only prepared.
    ///
    /// For whoever has sealed everything anew with `newest`: a key that came to the front meanwhile is kept, and so is
    /// `newest`.
    #[must_use = "the new ring is returned, and has to be stored"]
    pub fn without_keys_before(&self, newest: KeyId) -> Self {
        let mut ring = self.clone();
        if let Some(place) = self.keys.iter().position(|key| key.key.id == newest && !key.prepared) {
            let kept =
                self.keys.iter().take(place + 1).chain(self.keys.iter().skip(place + 1).filter(|key| key.prepared));
            ring.keys = kept.cloned().collect();
        }
        ring
    }

    /// The key that seals.
    pub fn sealing_key_id(&self) -> KeyId {
        self.sealing_key().id
    }

    /// All keys that open, the one that seals first.
    pub fn key_ids(&self) -> impl Iterator<Item = KeyId> {
        self.keys.iter().map(|key| key.key.id)
    }

    /// When a key was made.
    pub fn created_at(&self, id: KeyId) -> Option<Timestamp> {
        self.keys.iter().find(|key| key.key.id == id).map(|key| key.created_at)
    }

    /// Whether a key opens, but does not seal yet.
    pub fn is_prepared(&self, id: KeyId) -> bool {
        self.keys.iter().any(|key| key.key.id == id && key.prepared)
    }

    pub(crate) fn sealing_key(&self) -> &SealingKey {
        // A ring has a key from the beginning, and the newest one is never dropped.
        &self.keys[0].key
    }

    pub(crate) fn key(&self, id: KeyId) -> Option<&SealingKey> {
        self.keys.iter().map(|key| &key.key).find(|key| key.id == id)
    }

    pub(crate) fn name(&self, digest: &StoreKey) -> StoreKey {
        self.naming.name(digest)
    }
}

impl RingKey {
    fn random(now: Timestamp, prepared: bool) -> Self {
        Self { key: SealingKey::random(), created_at: now, prepared }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("keys", &self.key_ids().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

/// Why there is no key ring.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyRingError {
    /// The text is no key ring.
    #[error("this is not a key ring: {0}")]
    Malformed(&'static str),
    /// The environment variable is not set, or holds no text.
    #[error("the environment variable {0} holds no key ring")]
    NotSet(String),
    /// Others than its owner can read the file. Take it from them (`chmod 600`); if they may have read it, rotate.
    #[error("the key ring {} can be read by others than its owner", .0.display())]
    Exposed(PathBuf),
    /// The file cannot be read or written.
    #[error("the key ring {} cannot be read or written", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A ring as JSON.
#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: u32,
    naming_key: String,
    sealing_keys: Vec<WireKey>,
}

#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct WireKey {
    id: String,
    key: String,
    created_at_unix_ms: i64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    prepared: bool,
}

impl Wire {
    const FORMAT: u32 = 1;

    fn of(ring: &KeyRing) -> Self {
        Self {
            format: Self::FORMAT,
            naming_key: ring.naming.0.to_base64().to_string(),
            sealing_keys: ring.keys.iter().map(WireKey::of).collect(),
        }
    }

    fn read(&self) -> Result<KeyRing, KeyRingError> {
        if self.format != Self::FORMAT {
            return Err(KeyRingError::Malformed("a newer version of this program wrote it"));
        }
        let naming = SecretBytes::from_base64(&self.naming_key).ok_or(NO_KEY)?;
        let keys = self.sealing_keys.iter().map(WireKey::read).collect::<Result<Vec<_>, _>>()?;
        let mut ids: Vec<KeyId> = keys.iter().map(|key| key.key.id).collect();
        ids.sort_unstable();
        ids.dedup();
        match keys.first() {
            None => Err(KeyRingError::Malformed("it has no key to seal with")),
            Some(first) if first.prepared => Err(KeyRingError::Malformed("its first key is only prepared")),
            Some(_) if ids.len() != keys.len() => Err(KeyRingError::Malformed("two of its keys have one id")),
            Some(_) if keys.len() > KeyRing::MOST_KEYS => Err(KeyRingError::Malformed("it has too many keys")),
            Some(_) => Ok(KeyRing { naming: NamingKey(naming), keys }),
        }
    }
}

const NO_KEY: KeyRingError = KeyRingError::Malformed("a key is not 32 bytes in base64url");

impl WireKey {
    fn of(key: &RingKey) -> Self {
        Self {
            id: key.key.id.to_string(),
            key: key.key.secret.to_base64().to_string(),
            created_at_unix_ms: key.created_at.as_unix_millis(),
            prepared: key.prepared,
        }
    }

    fn read(&self) -> Result<RingKey, KeyRingError> {
        let id = KeyId::parse(&self.id).ok_or(KeyRingError::Malformed("a key id is not 16 hexadecimal digits"))?;
        let secret = SecretBytes::from_base64(&self.key).ok_or(NO_KEY)?;
        let created_at = Timestamp::from_unix_millis(self.created_at_unix_ms);
        Ok(RingKey { key: SealingKey { id, secret }, created_at, prepared: self.prepared })
    }
}
