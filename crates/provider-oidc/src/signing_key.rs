//! [`SigningKey`]: the private key that signs client assertions.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_session_core::{Fingerprint, ProviderError, ProviderErrorKind};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// How a [`SigningKey`] signs (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SigningAlgorithm {
    /// RSA with PKCS #1 v1.5 and SHA-256: what every server understands, and the default of an RSA key.
    Rs256,
    /// RSA with PKCS #1 v1.5 and SHA-384.
    Rs384,
    /// RSA with PKCS #1 v1.5 and SHA-512.
    Rs512,
    /// RSA with PSS and SHA-256: what FAPI and Microsoft Entra ask for.
    Ps256,
    /// RSA with PSS and SHA-384.
    Ps384,
    /// RSA with PSS and SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519.
    EdDsa,
}

/// The private key of a client that authenticates by [`PrivateKeyJwt`](crate::ClientAuth::PrivateKeyJwt).
///
/// `Debug` shows the algorithm and the key id. Clones share the key.
///
/// ```
/// # use oidc_session_core::ProviderErrorKind;
/// # use oidc_session_provider_oidc::{ClientAuth, SigningAlgorithm, SigningKey};
/// fn auth(pem: &[u8], certificate: &[u8]) -> Result<ClientAuth, oidc_session_core::ProviderError> {
///     let key = SigningKey::from_pem(pem)?
///         .with_algorithm(SigningAlgorithm::Ps256)?
///         .with_certificate(certificate)?;
///     Ok(ClientAuth::PrivateKeyJwt(key))
/// }
/// assert_eq!(auth(b"no key", b"").unwrap_err().kind(), ProviderErrorKind::Misconfigured);
/// ```
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<KeyPair>,
    fingerprint: Fingerprint,
    algorithm: SigningAlgorithm,
    key_id: Option<String>,
    thumbprint: Option<String>,
}

enum KeyPair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

const CURVES: [(&EcdsaSigningAlgorithm, SigningAlgorithm); 3] = [
    (&signature::ECDSA_P256_SHA256_FIXED_SIGNING, SigningAlgorithm::Es256),
    (&signature::ECDSA_P384_SHA384_FIXED_SIGNING, SigningAlgorithm::Es384),
    (&signature::ECDSA_P521_SHA512_FIXED_SIGNING, SigningAlgorithm::Es512),
];

impl SigningKey {
    /// The first private key in `pem`: RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519, as `PRIVATE KEY`
    /// (PKCS #8), `RSA PRIVATE KEY` (PKCS #1) or `EC PRIVATE KEY` (SEC 1), not encrypted.
    ///
    /// The key decides on the algorithm: [`Rs256`](SigningAlgorithm::Rs256) for RSA, the one of its curve otherwise.
    /// Fails as `Misconfigured` if there is no such key.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, ProviderError> {
        let pem = pem.as_ref();
        // The parser's own error is dropped: it quotes what it did not expect.
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| no_key(pem))?;
        let (pair, algorithm) = read(&der).ok_or_else(|| {
            misconfigured("the signing key cannot be used")
                .with_advice("use an RSA key of 2048 to 8192 bits, or a P-256, P-384, P-521 or Ed25519 key")
        })?;
        let fingerprint = Fingerprint::of(der.secret_der());
        Ok(Self { pair: Arc::new(pair), fingerprint, algorithm, key_id: None, thumbprint: None })
    }

    /// The same key under the name that the server knows it by (`kid`).
    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// The same key, signing by `algorithm`.
    ///
    /// Fails as `Misconfigured` if it is not one of this kind of key.
    pub fn with_algorithm(mut self, algorithm: SigningAlgorithm) -> Result<Self, ProviderError> {
        let fits = match *self.pair {
            KeyPair::Rsa(_) => rsa_encoding(algorithm).is_some(),
            // A curve has one.
            KeyPair::Ecdsa(_) | KeyPair::Ed25519(_) => algorithm == self.algorithm,
        };
        if !fits {
            let detail = format!("the signing key cannot sign by {}", algorithm.name());
            return Err(misconfigured(detail).with_advice("choose an algorithm of this kind of key, or another key"));
        }
        self.algorithm = algorithm;
        Ok(self)
    }

    /// The same key, known to the server by the first certificate in `pem`: assertions carry its SHA-256 thumbprint
    /// (`x5t#S256`, RFC 7515 §4.1.8). Microsoft Entra requires it.
    ///
    /// Fails as `Misconfigured` if there is no certificate, or if it is one of another key.
    pub fn with_certificate(mut self, pem: impl AsRef<[u8]>) -> Result<Self, ProviderError> {
        let certificate = CertificateDer::from_pem_slice(pem.as_ref()).map_err(|_| {
            misconfigured("the PEM of the signing key's certificate holds no certificate")
                .with_advice("give the certificate as PEM, with BEGIN CERTIFICATE")
        })?;
        // A certificate holds its public key as these very bytes (RFC 5280 §4.1.2.7).
        let public_key = self.pair.public_key();
        if !certificate.windows(public_key.len()).any(|bytes| bytes == public_key) {
            return Err(misconfigured("the certificate belongs to another key than the signing key")
                .with_advice("give the certificate that was issued for this key"));
        }
        self.thumbprint = Some(URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate)));
        Ok(self)
    }

    /// What the header of an assertion says about the key.
    pub(crate) fn header(&self) -> Map<String, Value> {
        let known_by = [("kid", &self.key_id), ("x5t#S256", &self.thumbprint)];
        let known_by = known_by.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        [("alg", self.algorithm.name()), ("typ", "JWT")]
            .into_iter()
            .chain(known_by)
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect()
    }

    /// The signature of `message`; `None` if the cryptographic library cannot make one.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &*self.pair {
            KeyPair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(rsa_encoding(self.algorithm)?, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            KeyPair::Ecdsa(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            KeyPair::Ed25519(pair) => Some(pair.try_sign(message).ok()?.as_ref().to_vec()),
        }
    }
}

impl KeyPair {
    fn public_key(&self) -> &[u8] {
        match self {
            Self::Rsa(pair) => pair.public_key().as_ref(),
            Self::Ecdsa(pair) => pair.public_key().as_ref(),
            Self::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }
}

impl SigningAlgorithm {
    /// The name in a header (RFC 7518 §3.1).
    fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        let parts = |key: &Self| (key.fingerprint, key.algorithm, key.key_id.clone(), key.thumbprint.clone());
        parts(self) == parts(other)
    }
}

impl Eq for SigningKey {}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

fn read(der: &PrivateKeyDer<'_>) -> Option<(KeyPair, SigningAlgorithm)> {
    let rsa = |pair| (KeyPair::Rsa(pair), SigningAlgorithm::Rs256);
    let curve = |(pair, algorithm)| (KeyPair::Ecdsa(pair), algorithm);
    match der {
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok().map(rsa),
        PrivateKeyDer::Sec1(der) => CURVES
            .into_iter()
            .find_map(|(kind, name)| {
                Some((EcdsaKeyPair::from_private_key_der(kind, der.secret_sec1_der()).ok()?, name))
            })
            .map(curve),
        PrivateKeyDer::Pkcs8(der) => {
            let der = der.secret_pkcs8_der();
            let ed25519 = || Some((KeyPair::Ed25519(Ed25519KeyPair::from_pkcs8(der).ok()?), SigningAlgorithm::EdDsa));
            CURVES
                .into_iter()
                .find_map(|(kind, name)| Some((EcdsaKeyPair::from_pkcs8(kind, der).ok()?, name)))
                .map(curve)
                .or_else(|| RsaKeyPair::from_pkcs8(der).ok().map(rsa))
                .or_else(ed25519)
        }
        _ => None,
    }
}

fn rsa_encoding(algorithm: SigningAlgorithm) -> Option<&'static dyn RsaEncoding> {
    Some(match algorithm {
        SigningAlgorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
        SigningAlgorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
        SigningAlgorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
        SigningAlgorithm::Ps256 => &signature::RSA_PSS_SHA256,
        SigningAlgorithm::Ps384 => &signature::RSA_PSS_SHA384,
        SigningAlgorithm::Ps512 => &signature::RSA_PSS_SHA512,
        SigningAlgorithm::Es256 | SigningAlgorithm::Es384 | SigningAlgorithm::Es512 | SigningAlgorithm::EdDsa => {
            return None;
        }
    })
}

fn no_key(pem: &[u8]) -> ProviderError {
    let has = |text: &[u8]| pem.windows(text.len()).any(|bytes| bytes == text);
    let advice = if has(b"ENCRYPTED") {
        "decrypt the key before it is loaded, for instance by `openssl pkcs8 -in key.pem -out plain.pem`"
    } else if has(b"BEGIN PUBLIC KEY") || has(b"BEGIN CERTIFICATE") {
        "give the private key; the public key or the certificate is for the server"
    } else {
        "give the key as PEM, with BEGIN PRIVATE KEY"
    };
    misconfigured("the PEM of the signing key holds no private key").with_advice(advice)
}

fn misconfigured(detail: impl Into<String>) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, detail)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer as _, EcPrivateKeyRfc5915Der};
    use base64::engine::general_purpose::STANDARD;
    use jsonwebtoken::crypto::verify;
    use jsonwebtoken::{Algorithm, DecodingKey};
    use rcgen::{
        CertificateParams, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519,
        PKCS_RSA_SHA256, SignatureAlgorithm,
    };

    use super::*;

    fn generate(kind: &'static SignatureAlgorithm) -> rcgen::KeyPair {
        rcgen::KeyPair::generate_for(kind).unwrap()
    }

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    }

    /// Whether jsonwebtoken takes a signature of `key` under the name in its header.
    fn verifies(key: &SigningKey) -> bool {
        let Value::String(name) = &key.header()["alg"] else {
            panic!("the algorithm is text");
        };
        let public = key.pair.public_key();
        let public = match &*key.pair {
            KeyPair::Rsa(_) => DecodingKey::from_rsa_der(public),
            KeyPair::Ecdsa(_) => DecodingKey::from_ec_der(public),
            KeyPair::Ed25519(_) => DecodingKey::from_ed_der(public),
        };
        let signature = URL_SAFE_NO_PAD.encode(key.sign(b"message").unwrap());
        let algorithm: Algorithm = name.parse().unwrap();
        assert!(!verify(&signature, b"another message", &public, algorithm).unwrap());
        verify(&signature, b"message", &public, algorithm).unwrap()
    }

    #[test]
    fn the_key_decides_on_the_algorithm() {
        for (kind, expected) in [
            (&PKCS_ECDSA_P256_SHA256, SigningAlgorithm::Es256),
            (&PKCS_ECDSA_P384_SHA384, SigningAlgorithm::Es384),
            (&PKCS_ED25519, SigningAlgorithm::EdDsa),
            (&PKCS_RSA_SHA256, SigningAlgorithm::Rs256),
        ] {
            let key = SigningKey::from_pem(generate(kind).serialize_pem()).unwrap();
            assert_eq!(key.algorithm, expected);
            assert!(verifies(&key), "{expected:?}");
        }
        // jsonwebtoken does not know this one.
        let key = SigningKey::from_pem(generate(&PKCS_ECDSA_P521_SHA512).serialize_pem()).unwrap();
        assert_eq!((key.algorithm, key.sign(b"message").unwrap().len()), (SigningAlgorithm::Es512, 132));
    }

    #[test]
    fn a_key_signs_by_the_algorithms_of_its_kind_only() {
        use SigningAlgorithm::{EdDsa, Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let rsa = SigningKey::from_pem(generate(&PKCS_RSA_SHA256).serialize_pem()).unwrap();
        for algorithm in [Rs256, Rs384, Rs512, Ps256, Ps384, Ps512] {
            assert!(verifies(&rsa.clone().with_algorithm(algorithm).unwrap()), "{algorithm:?}");
        }
        let p256 = SigningKey::from_pem(generate(&PKCS_ECDSA_P256_SHA256).serialize_pem()).unwrap();
        assert!(verifies(&p256.clone().with_algorithm(Es256).unwrap()));
        for (key, algorithm) in [(&rsa, Es256), (&rsa, EdDsa), (&p256, Rs256), (&p256, Es384), (&p256, Es512)] {
            let error = key.clone().with_algorithm(algorithm).unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Misconfigured, "{algorithm:?}");
            assert!(error.to_string().contains(algorithm.name()));
        }
    }

    #[test]
    fn older_forms_of_a_key_are_read() {
        // PKCS #8 around a 2048-bit RSA key is 26 bytes, then PKCS #1.
        let rsa = generate(&PKCS_RSA_SHA256).serialize_der();
        let key = SigningKey::from_pem(pem("RSA PRIVATE KEY", &rsa[26..])).unwrap();
        assert!(verifies(&key));
        assert_eq!(key.pair.public_key(), SigningKey::from_pem(pem("PRIVATE KEY", &rsa)).unwrap().pair.public_key());
        for (kind, (curve, expected)) in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384].into_iter().zip(CURVES) {
            let pair = EcdsaKeyPair::from_pkcs8(curve, &generate(kind).serialize_der()).unwrap();
            let sec1: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().unwrap();
            // As OpenSSL writes it.
            let parameters = pem("EC PARAMETERS", b"anything");
            let key = SigningKey::from_pem(parameters + &pem("EC PRIVATE KEY", sec1.as_ref())).unwrap();
            assert_eq!(key.algorithm, expected);
            assert!(verifies(&key));
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_the_fix() {
        let key = generate(&PKCS_ECDSA_P256_SHA256);
        let short = generate(&PKCS_RSA_SHA256).serialize_der()[..200].to_vec();
        for (pem, advice) in [
            (String::new(), "BEGIN PRIVATE KEY"),
            ("hidden".to_owned(), "BEGIN PRIVATE KEY"),
            ("-----BEGIN PRIVATE KEY-----\nhidden!\n-----END PRIVATE KEY-----\n".to_owned(), "BEGIN PRIVATE KEY"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n".to_owned(), "BEGIN PRIVATE KEY"),
            (key.public_key_pem(), "give the private key"),
            (pem("ENCRYPTED PRIVATE KEY", &[1, 2, 3]), "decrypt"),
            (pem("PRIVATE KEY", &short), "2048"),
            (pem("PRIVATE KEY", &[]), "2048"),
            (pem("RSA PRIVATE KEY", &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), "2048"),
        ] {
            let error = SigningKey::from_pem(&pem).unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Misconfigured, "{pem}");
            assert!(error.advice().unwrap().contains(advice), "{pem}: {error:?}");
            assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
        }
    }

    #[test]
    fn a_certificate_is_named_by_its_thumbprint() {
        for kind in [&PKCS_RSA_SHA256, &PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
            let (own, other) = (generate(kind), generate(kind));
            let issue = |key| CertificateParams::new(["my-app".to_owned()]).unwrap().self_signed(key).unwrap();
            let certificate = issue(&own);
            let key = SigningKey::from_pem(own.serialize_pem()).unwrap();
            assert!(!key.header().contains_key("x5t#S256"));
            let named = key.clone().with_certificate(certificate.pem()).unwrap();
            assert_eq!(named.header()["x5t#S256"], URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.der())));
            assert_ne!(named, key);
            for wrong in [issue(&other).pem(), own.serialize_pem(), String::new()] {
                let error = key.clone().with_certificate(wrong).unwrap_err();
                assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
            }
        }
    }

    #[test]
    fn keys_are_told_apart_and_never_shown() {
        let (one, two) = (generate(&PKCS_ED25519).serialize_pem(), generate(&PKCS_ED25519).serialize_pem());
        let key = |pem| SigningKey::from_pem(pem).unwrap().with_key_id("k1");
        assert_eq!(key(&one), key(&one));
        assert_ne!(key(&one), key(&two));
        assert_ne!(key(&one), key(&one).with_key_id("k2"));
        assert_eq!(key(&one).header()["kid"], "k1");
        assert_eq!(format!("{:?}", key(&one)), r#"SigningKey { algorithm: EdDsa, key_id: Some("k1"), .. }"#);
    }
}
