//! [`Envelope`]: short secrets that leave the program and come back, such as what a cookie holds.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_session_core::{RecordError, StoreKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::KeyRing;
use crate::key::{Binding, KeyId};

/// Seals short secrets that leave the program and come back, as text that fits into a cookie or a URL.
///
/// Every process with the same ring opens what one of them sealed, for the same purpose and no other. Whoever has the text
/// can hand it in again: how long it is good for, and how often, must stand in it or somewhere else.
///
/// ```
/// use oidc_session_core::Timestamp;
/// use oidc_session_sealing::{Envelope, KeyRing};
///
/// let ring = KeyRing::generate(Timestamp::from_unix_seconds(1_700_000_000));
/// let envelope = Envelope::new(ring, "pending sign-in");
/// let text = envelope.seal(b"state and verifier")?;
/// assert_eq!(envelope.open(&text).as_deref().map(Vec::as_slice), Some(&b"state and verifier"[..]));
/// assert!(envelope.open("something else").is_none());
/// # Ok::<(), oidc_session_core::RecordError>(())
/// ```
#[derive(Clone)]
pub struct Envelope {
    ring: Arc<KeyRing>,
    binding: StoreKey,
}

impl Envelope {
    /// The longest text that is looked at, in bytes.
    pub const LONGEST: usize = 16 * 1024;

    /// Envelopes for one purpose, sealed with the keys of `ring`.
    pub fn new(ring: impl Into<Arc<KeyRing>>, purpose: &str) -> Self {
        let purpose = Sha256::new().chain_update(b"oidc-session envelope v1\0").chain_update(purpose);
        Self { ring: ring.into(), binding: StoreKey::from_bytes(purpose.finalize().into()) }
    }

    /// Seals `plain`. Two of the same differ.
    ///
    /// # Errors
    ///
    /// `plain` is longer than any cookie.
    pub fn seal(&self, plain: &[u8]) -> Result<String, RecordError> {
        if plain.len() > Self::LONGEST / 2 {
            return Err(RecordError::TooLarge);
        }
        let key = self.ring.sealing_key();
        // Room for the tag as well: a buffer that has to grow would leave a copy behind.
        let mut room = Zeroizing::new(Vec::with_capacity(plain.len() + 16));
        room.extend_from_slice(plain);
        let sealed = key.seal(&self.binding(), room).map_err(|_| RecordError::TooLarge)?;
        Ok(URL_SAFE_NO_PAD.encode([&key.id.as_u64().to_be_bytes()[..], &sealed].concat()))
    }

    /// What was sealed, if it was sealed for this purpose with a key of the ring. Anything else is `None`.
    pub fn open(&self, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        if text.len() > Self::LONGEST {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (id, sealed) = bytes.split_first_chunk::<8>()?;
        let key = self.ring.key(KeyId::from_u64(u64::from_be_bytes(*id)))?;
        key.open(&self.binding(), sealed).ok()
    }

    /// No record is sealed for such a place: names of records are digests of something else.
    fn binding(&self) -> Binding {
        Binding { key: self.binding, version: 0 }
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope").field("ring", &self.ring).finish_non_exhaustive()
    }
}
