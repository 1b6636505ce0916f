//! The keys of a ring: [`SealingKey`] and [`NamingKey`].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{AeadInOut as _, KeyInit as _};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use oidc_session_core::StoreKey;
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

/// Which key sealed a record: a random number, no secret.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId(u64);

impl KeyId {
    pub(crate) fn random() -> Self {
        Self(u64::from_be_bytes(random_bytes()))
    }

    pub(crate) const fn from_u64(id: u64) -> Self {
        Self(id)
    }

    pub(crate) const fn as_u64(self) -> u64 {
        self.0
    }

    /// Reads the 16 hexadecimal digits of [`Display`](fmt::Display).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digits { u64::from_str_radix(text, 16).ok().map(Self) } else { None }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// 32 secret bytes. Wiped on drop, and shown by nothing.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct SecretBytes(Zeroizing<[u8; 32]>);

impl SecretBytes {
    pub(crate) fn random() -> Self {
        Self(Zeroizing::new(random_bytes()))
    }

    pub(crate) fn from_base64(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let mut secret = Self(Zeroizing::new([0; 32]));
        if bytes.len() != secret.0.len() {
            return None;
        }
        secret.0.copy_from_slice(&bytes);
        Some(secret)
    }

    pub(crate) fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(*self.0))
    }
}

/// Seals records, and opens them again.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct SealingKey {
    pub(crate) id: KeyId,
    pub(crate) secret: SecretBytes,
}

/// What a sealed record must not be parted from.
pub(crate) struct Binding {
    pub(crate) key: StoreKey,
    pub(crate) version: u64,
}

/// The record was not sealed with this key, or not for this place.
#[derive(Debug)]
pub(crate) struct DoesNotFit;

const NONCE: usize = 24;

impl SealingKey {
    pub(crate) fn random() -> Self {
        Self { id: KeyId::random(), secret: SecretBytes::random() }
    }

    /// Nonce and ciphertext of `plain`, which is wiped.
    pub(crate) fn seal(&self, binding: &Binding, mut plain: Zeroizing<Vec<u8>>) -> Result<Vec<u8>, DoesNotFit> {
        let nonce: [u8; NONCE] = random_bytes();
        let sealed = self.cipher().encrypt_in_place(&XNonce::from(nonce), &self.associated_data(binding), &mut *plain);
        sealed.map_err(|_| DoesNotFit)?;
        Ok([&nonce[..], &plain[..]].concat())
    }

    /// What was sealed, if it was sealed with this key for this place.
    pub(crate) fn open(&self, binding: &Binding, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DoesNotFit> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE>().ok_or(DoesNotFit)?;
        let mut plain = Zeroizing::new(ciphertext.to_vec());
        let opened = self.cipher().decrypt_in_place(&XNonce::from(*nonce), &self.associated_data(binding), &mut *plain);
        opened.map_err(|_| DoesNotFit)?;
        Ok(plain)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let mut key = Key::from(*self.secret.0);
        let cipher = XChaCha20Poly1305::new(&key);
        key.as_mut_slice().zeroize();
        cipher
    }

    fn associated_data(&self, binding: &Binding) -> Vec<u8> {
        let (id, version) = (self.id.as_u64().to_be_bytes(), binding.version.to_be_bytes());
        [&b"oidc-session sealed record v1\0"[..], &id, binding.key.as_bytes(), &version].concat()
    }
}

/// Turns digests of session ids into store keys.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct NamingKey(pub(crate) SecretBytes);

impl NamingKey {
    pub(crate) fn name(&self, digest: &StoreKey) -> StoreKey {
        // HMAC takes keys of any length.
        #[expect(clippy::expect_used, reason = "cannot fail: HMAC takes keys of any length")]
        let mut hmac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(&*self.0.0).expect("HMAC takes any key");
        hmac.update(b"oidc-session sealed store key v1\0");
        hmac.update(digest.as_bytes());
        StoreKey::from_bytes(hmac.finalize().into_bytes().into())
    }
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::expect_used, reason = "without the operating system's randomness nothing may be sealed at all")]
    getrandom::fill(&mut bytes).expect("the operating system provides randomness");
    bytes
}
