//! [`ProofKey`]: a key pair of a client, for DPoP proofs and client assertions.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::Value;

/// An ES256 key pair.
pub(crate) struct ProofKey {
    signing: EncodingKey,
    jwk: Jwk,
}

impl ProofKey {
    pub(crate) fn generate() -> Self {
        let key_pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let signing = EncodingKey::from_ec_der(key_pair.to_pkcs8v1().unwrap().as_ref());
        let jwk = Jwk::from_encoding_key(&signing, Algorithm::ES256).unwrap();
        Self { signing, jwk }
    }

    /// The public half, as JSON.
    pub(crate) fn public(&self) -> Value {
        serde_json::to_value(&self.jwk).unwrap()
    }

    pub(crate) fn thumbprint(&self) -> String {
        self.jwk.thumbprint(ThumbprintHash::SHA256).unwrap()
    }

    /// Signs claims under a header that holds the public key.
    pub(crate) fn sign_with_key(&self, typ: &str, claims: &Value) -> String {
        let header = Header { typ: Some(typ.to_owned()), jwk: Some(self.jwk.clone()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &self.signing).unwrap()
    }

    /// Signs claims; whoever reads them must know the key.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        jsonwebtoken::encode(&Header::new(Algorithm::ES256), claims, &self.signing).unwrap()
    }
}
