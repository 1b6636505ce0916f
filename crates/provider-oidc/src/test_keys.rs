//! Keys that are anything but random, for tests.
#![expect(clippy::unwrap_used, reason = "what is no key here is a mistake in the test that asks for it")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
#[cfg(test)]
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{CoreEdDsaPrivateSigningKey, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKeyId, PrivateSigningKey as _};
use serde_json::Value;
#[cfg(test)]
use serde_json::json;

/// A compact token with any header and signature.
#[cfg(test)]
pub(crate) fn compact(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let input = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(input.as_bytes()));
    format!("{input}.{signature}")
}

/// A token signed with the key of `seed`, under the name `kid`.
#[cfg(test)]
pub(crate) fn signed(kid: &str, seed: u8, claims: &Value) -> String {
    compact(&json!({ "alg": "EdDSA", "kid": kid }), claims, |input| sign(seed, input))
}

pub(crate) fn sign(seed: u8, input: &[u8]) -> Vec<u8> {
    key("", seed).sign(&CoreJwsSigningAlgorithm::EdDsa, input).unwrap()
}

/// The public key of `seed` as a JSON Web Key under the name `kid`.
pub(crate) fn ed25519(kid: &str, seed: u8) -> Value {
    let mut jwk = serde_json::to_value(key(kid, seed).as_verification_key()).unwrap();
    jwk.as_object_mut().unwrap().remove("use");
    jwk
}

fn key(kid: &str, seed: u8) -> CoreEdDsaPrivateSigningKey {
    // PKCS #8 (RFC 8410 §7).
    let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    der.extend([seed; 32]);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(JsonWebKeyId::new(kid.into()))).unwrap()
}
