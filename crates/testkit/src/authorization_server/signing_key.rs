//! [`SigningKey`]: signs ID tokens, and recognises its own.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// An RS256 key pair.
pub(super) struct SigningKey {
    header: Header,
    signing: EncodingKey,
    verifying: DecodingKey,
    public: Jwk,
}

/// What an ID token of this server says about the session it belongs to.
#[derive(Debug, Deserialize)]
pub(super) struct Hint {
    pub(super) aud: String,
    pub(super) sid: String,
}

impl SigningKey {
    /// Generates a 2048 bit RSA key. Takes a moment: not for an async task.
    pub(super) fn generate() -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let key_pair = KeyPair::generate(KeySize::Rsa2048)?;
        let pkcs8: Pkcs8V1Der<'_> = key_pair.as_der()?;
        let signing = EncodingKey::from_rsa_der(rsa_private_key(pkcs8.as_ref()));
        let mut jwk = Jwk::from_encoding_key(&signing, Algorithm::RS256)?;
        let key_id = jwk.thumbprint(ThumbprintHash::SHA256)?;
        jwk.common.key_id = Some(key_id.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self {
            header: Header { kid: Some(key_id), ..Header::new(Algorithm::RS256) },
            signing,
            verifying: DecodingKey::from_jwk(&jwk)?,
            public: jwk,
        })
    }

    /// The public half.
    pub(super) fn public(&self) -> &Jwk {
        &self.public
    }

    pub(super) fn sign(&self, claims: &impl Serialize) -> jsonwebtoken::errors::Result<String> {
        jsonwebtoken::encode(&self.header, claims, &self.signing)
    }

    /// Signs something that is not an ID token.
    pub(super) fn sign_as(&self, typ: &str, claims: &impl Serialize) -> jsonwebtoken::errors::Result<String> {
        let header = Header { typ: Some(typ.to_owned()), ..self.header.clone() };
        jsonwebtoken::encode(&header, claims, &self.signing)
    }

    /// Reads an ID token this key has signed, however old: a hint may have expired (RP-Initiated Logout §2).
    pub(super) fn read_hint(&self, id_token: &str) -> Option<Hint> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let token = jsonwebtoken::decode::<Hint>(id_token, &self.verifying, &validation).ok()?;
        // A logout token has the same claims and the same signature, and is no hint.
        (token.header.typ == self.header.typ).then_some(token.claims)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("key_id", &self.header.kid).finish_non_exhaustive()
    }
}

/// The `RSAPrivateKey` (RFC 8017) inside a PKCS #8 document: for 2048 bits everything before it is 26 bytes of header.
fn rsa_private_key(pkcs8: &[u8]) -> &[u8] {
    pkcs8.get(26..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_recognises_what_it_signed_and_nothing_else() {
        let (own, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let claims = serde_json::json!({ "aud": "native-app", "sid": "s1", "exp": 1 });
        let token = own.sign(&claims).unwrap();
        assert_eq!(own.read_hint(&token).map(|hint| hint.sid), Some("s1".to_owned()));
        assert!(other.read_hint(&token).is_none());
        assert!(own.read_hint("not a token").is_none());
        assert!(own.read_hint(&own.sign_as("logout+jwt", &claims).unwrap()).is_none());
    }
}
