//! [`ProofKey`]: a private key, ready to sign proofs.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_session_core::{DpopKey, ProviderError, ProviderErrorKind};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// No P-256 key is as long as this, in base64url. Whatever is longer is not decoded.
const LONGEST_KEY: usize = 1024;

/// An ES256 key (RFC 7518 §3.4), the one kind of key that every server with DPoP takes.
pub(crate) struct ProofKey {
    pair: EcdsaKeyPair,
    public: PublicKey,
}

/// The public half as a JSON Web Key (RFC 7518 §6.2.1).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct PublicKey {
    crv: &'static str,
    kty: &'static str,
    x: String,
    y: String,
}

impl ProofKey {
    /// A new key, and its stored form.
    pub(crate) fn generate() -> Result<(Self, DpopKey), ProviderError> {
        let unusable = |_| misconfigured("no key can be made on this machine");
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(unusable)?;
        let stored = DpopKey::new(URL_SAFE_NO_PAD.encode(pair.to_pkcs8v1().map_err(unusable)?.as_ref()));
        Ok((Self::from_pair(pair)?, stored))
    }

    /// A key from its stored form. Why it is unreadable is not told: that could quote it.
    pub(crate) fn read(stored: &DpopKey) -> Result<Self, ProviderError> {
        let unreadable = || misconfigured("the session's DPoP key is unreadable");
        let text = Some(stored.expose()).filter(|text| text.len() <= LONGEST_KEY).ok_or_else(unreadable)?;
        let pkcs8 = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).map_err(|_| unreadable())?);
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).map_err(|_| unreadable())?;
        Self::from_pair(pair)
    }

    /// The public half.
    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The signature of `input` (RFC 7518 §3.4), base64url.
    pub(crate) fn sign(&self, input: &str) -> Result<String, ProviderError> {
        let signature = self.pair.sign(&SystemRandom::new(), input.as_bytes());
        let signature = signature.map_err(|_| misconfigured("the session's DPoP key does not sign"))?;
        Ok(URL_SAFE_NO_PAD.encode(signature))
    }

    fn from_pair(pair: EcdsaKeyPair) -> Result<Self, ProviderError> {
        // An uncompressed point (SEC 1 §2.3.3): 4, then both coordinates.
        let Some((&4, point)) = pair.public_key().as_ref().split_first() else {
            return Err(misconfigured("the session's DPoP key has no public half"));
        };
        let (x, y) = point.split_at(point.len() / 2);
        let encode = |coordinate| URL_SAFE_NO_PAD.encode(coordinate);
        let public = PublicKey { crv: "P-256", kty: "EC", x: encode(x), y: encode(y) };
        Ok(Self { pair, public })
    }
}

impl PublicKey {
    /// The thumbprint (RFC 7638 §3): of these members, in this order, without a space.
    pub(crate) fn thumbprint(&self) -> String {
        let Self { crv, kty, x, y } = self;
        digest(&format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}","y":"{y}"}}"#))
    }
}

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofKey").field("public", &self.public).finish_non_exhaustive()
    }
}

/// The SHA-256 of `text`, base64url: how RFC 7638 and RFC 9449 name a thing without showing it.
pub(crate) fn digest(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

fn misconfigured(detail: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_the_standard() {
        // RFC 7638 §3.1.
        let modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKR\
                       XjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMic\
                       AtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr\
                       3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let canonical = format!(r#"{{"e":"AQAB","kty":"RSA","n":"{modulus}"}}"#);
        assert_eq!(digest(&canonical), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn a_thumbprint_is_that_of_the_standard() {
        // The key of RFC 9449 §4.1 and its thumbprint of §6.1.
        let public = PublicKey {
            crv: "P-256",
            kty: "EC",
            x: "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs".into(),
            y: "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA".into(),
        };
        assert_eq!(public.thumbprint(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    #[test]
    fn a_key_survives_its_stored_form() {
        let (key, stored) = ProofKey::generate().unwrap();
        assert_eq!(ProofKey::read(&stored).unwrap().public(), key.public());
        assert_ne!(ProofKey::generate().unwrap().0.public(), key.public());
    }

    #[test]
    fn what_is_no_p256_key_is_refused_without_quoting_it() {
        let (_, stored) = ProofKey::generate().unwrap();
        let mut broken = URL_SAFE_NO_PAD.decode(stored.expose()).unwrap();
        let last = broken.len() - 1;
        broken[last] ^= 1; // The public half is no longer that of the private one.
        let p384 = EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        for text in [
            String::new(),
            "secret".into(),
            "!secret!".into(),
            "A".repeat(1 << 20),
            URL_SAFE_NO_PAD.encode(broken),
            URL_SAFE_NO_PAD.encode(p384.to_pkcs8v1().unwrap()),
        ] {
            let error = ProofKey::read(&DpopKey::new(text)).unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }

    #[test]
    fn debug_shows_the_public_half_only() {
        let (key, stored) = ProofKey::generate().unwrap();
        let shown = format!("{key:?}");
        assert!(shown.contains(&key.public().x));
        assert!(!shown.contains(&stored.expose()[48..]), "{shown}");
    }
}
