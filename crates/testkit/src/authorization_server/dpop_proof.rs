//! [`DpopProof`]: the sender of a request has a key (RFC 9449 §4). Pure: what to hold it against is an argument.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use oidc_session_core::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::opaque::Digest;
use super::protocol_error::ProtocolError;
use super::thumbprint::Thumbprint;

/// How far the clocks of client and server may be apart.
const WINDOW: Duration = Duration::from_secs(60);

/// What proofs may be signed with.
pub(super) const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::ES256, Algorithm::ES384, Algorithm::RS256, Algorithm::PS256, Algorithm::EdDSA];

/// A proof that is right in itself. Whether it is new, and its nonce the right one, is the memory of the server.
#[derive(Debug)]
pub(super) struct DpopProof {
    pub(super) key: Thumbprint,
    /// Names this proof among all of all keys.
    pub(super) id: Digest,
    pub(super) nonce: Option<Digest>,
}

/// The request a proof comes with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proven<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a Url,
    /// The access token the proof must speak of (RFC 9449 §7).
    pub(super) access_token: Option<&'a str>,
    pub(super) now: Timestamp,
}

#[derive(Deserialize)]
struct Head {
    typ: String,
    alg: Algorithm,
    jwk: Value,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
    nonce: Option<String>,
    ath: Option<String>,
}

impl DpopProof {
    /// Checks a proof against the request it came with (RFC 9449 §4.3).
    pub(super) fn read(proof: &str, request: Proven<'_>) -> Result<Self, ProtocolError> {
        let Head { typ, alg, jwk } = head(proof).ok_or(invalid("the DPoP proof is not a JWT with a key"))?;
        if typ != "dpop+jwt" {
            return Err(invalid("the DPoP proof has the wrong type"));
        }
        if !ALGORITHMS.contains(&alg) {
            return Err(invalid("the DPoP proof has an algorithm that is not supported"));
        }
        let (key, claims) = verified(proof, alg, jwk)?;
        let Claims { jti, htm, htu, iat, nonce, ath } = claims;
        if htm != request.method {
            return Err(invalid("the DPoP proof is for another method"));
        }
        if !is_same_place(&htu, request.url) {
            return Err(invalid("the DPoP proof is for another address"));
        }
        if jti.is_empty() {
            return Err(invalid("the DPoP proof has no id"));
        }
        if request.now.as_unix_seconds().abs_diff(iat) > WINDOW.as_secs() {
            return Err(invalid("the DPoP proof is too old, or from the future"));
        }
        let expected = request.access_token.map(|token| URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
        if expected.is_some() && ath != expected {
            return Err(invalid("the DPoP proof does not speak of the access token"));
        }
        Ok(Self { key, id: Digest::of(&format!("{key} {jti}")), nonce: nonce.as_deref().map(Digest::of) })
    }
}

pub(super) const fn invalid(description: &'static str) -> ProtocolError {
    ProtocolError::new("invalid_dpop_proof", description)
}

fn head(proof: &str) -> Option<Head> {
    let head = URL_SAFE_NO_PAD.decode(proof.split('.').next()?).ok()?;
    serde_json::from_slice(&head).ok()
}

/// The key, and what it signed.
fn verified(proof: &str, algorithm: Algorithm, jwk: Value) -> Result<(Thumbprint, Claims), ProtocolError> {
    const UNUSABLE: ProtocolError = invalid("the key of the DPoP proof cannot be used");
    if ["d", "k", "p", "q"].iter().any(|secret| jwk.get(secret).is_some()) {
        return Err(invalid("the DPoP proof reveals a private key"));
    }
    let jwk: Jwk = serde_json::from_value(jwk).map_err(|_| UNUSABLE)?;
    let verifying = DecodingKey::from_jwk(&jwk).map_err(|_| UNUSABLE)?;
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let proof = jsonwebtoken::decode::<Claims>(proof, &verifying, &validation)
        .map_err(|_| invalid("the DPoP proof is not signed by its key, or lacks a claim"))?;
    Ok((Thumbprint::of(&jwk).ok_or(UNUSABLE)?, proof.claims))
}

/// Query and fragment do not count, nor does how the rest is spelled (RFC 9449 §4.3).
fn is_same_place(htu: &str, url: &Url) -> bool {
    let Ok(mut htu) = Url::parse(htu) else {
        return false;
    };
    htu.set_query(None);
    htu.set_fragment(None);
    htu == *url
}
