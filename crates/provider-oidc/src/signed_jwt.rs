//! [`SignedJwt`]: a JWT of the authorization server's, and whether its signature holds.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_session_core::ClientSecret;
use openidconnect::core::{CoreJsonWebKey, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKey, JsonWebKeyAlgorithm, JsonWebKeyUse as _, JwsSigningAlgorithm as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::dialect::Fields;
use crate::key_set::{KeySet, PublishedKey};
use crate::unverified::Unverified;

/// The longest token that is looked at, in bytes. Those with hundreds of groups have some tens of kilobytes.
const LONGEST: usize = 128 * 1024;

/// A JWT in the compact form of a signature (RFC 7515 §7.1, RFC 7519), taken apart and not yet believed.
pub(crate) struct SignedJwt<'a> {
    header: Fields,
    claims: Fields,
    algorithm: CoreJwsSigningAlgorithm,
    signed: &'a str,
    signature: Vec<u8>,
}

/// What can be said of a signature that is not wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub(crate) enum Signature {
    Holds,
    /// It is by a key that we do not have.
    UnknownKey,
}

impl<'a> SignedJwt<'a> {
    /// Takes `compact` apart. `types` are the media types that its header may name, without `application/`.
    ///
    /// Refuses what must not be read as if it were understood: critical headers (RFC 7515 §4.1.11), nested tokens, and
    /// every algorithm but those of [`algorithm`], `none` above all.
    pub(crate) fn parse(compact: &'a str, types: &[&str]) -> Result<Self, Unverified> {
        const MALFORMED: Unverified = Unverified::Refused("it is not a signed JWT");
        if compact.len() > LONGEST {
            return Err(Unverified::Refused("it is too large"));
        }
        let (signed, signature) = compact.rsplit_once('.').ok_or(MALFORMED)?;
        let (header, claims) = signed.split_once('.').ok_or(MALFORMED)?;
        let header = object(header).ok_or(MALFORMED)?;
        let claims = object(claims).ok_or(MALFORMED)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| MALFORMED)?;
        if header.contains_key("crit") || header.contains_key("cty") {
            return Err(Unverified::Refused("its header demands what is not supported"));
        }
        if !has_type(&header, types) {
            return Err(Unverified::Refused("it is a token of another kind"));
        }
        let algorithm = match header.get("alg").and_then(Value::as_str) {
            Some("none") => return Err(Unverified::Refused("it is not signed")),
            Some(name) => algorithm(name).ok_or(FORBIDDEN)?,
            None => return Err(MALFORMED),
        };
        if !matches!(header.get("kid"), None | Some(Value::String(_))) {
            return Err(MALFORMED);
        }
        Ok(Self { header, claims, algorithm, signed, signature })
    }

    /// Its claims. Until the signature holds, anybody may have written them.
    pub(crate) fn claims(&self) -> &Fields {
        &self.claims
    }

    /// The same, to keep.
    pub(crate) fn into_claims(self) -> Fields {
        self.claims
    }

    /// Checks the signature: symmetric ones with the client secret only, all others with a key of the server's only.
    ///
    /// `may_sign` says of a whole JSON Web Key whether it may sign this token.
    pub(crate) fn signature(
        &self,
        keys: &KeySet,
        client_secret: Option<&ClientSecret>,
        may_sign: impl Fn(&Fields) -> bool,
    ) -> Result<Signature, Unverified> {
        if let Some(symmetric) = self.symmetric() {
            // Anybody can sign with the secret of a client that has none.
            let secret = client_secret.filter(|secret| !secret.expose().is_empty()).ok_or(FORBIDDEN)?;
            // Not `openidconnect`'s: that one panics at a signature of another length.
            let key = hmac::Key::new(symmetric, secret.expose().as_bytes());
            let verified = hmac::verify(&key, self.signed.as_bytes(), &self.signature);
            return verified.map(|()| Signature::Holds).map_err(|_| FORGED);
        }
        let kid = self.header.get("kid").and_then(Value::as_str);
        let mut fitting = keys.keys.iter().filter(|published| self.fits(published, kid)).peekable();
        if fitting.peek().is_none() {
            return Ok(Signature::UnknownKey);
        }
        let mut allowed = fitting.filter(|published| may_sign(&published.jwk)).peekable();
        if allowed.peek().is_none() {
            return Err(Unverified::Refused("its key may not sign for its issuer"));
        }
        if allowed.any(|published| self.is_signed_with(&published.key)) {
            return Ok(Signature::Holds);
        }
        // Without a name, a key that is new looks like a signature that is wrong.
        if kid.is_none() { Ok(Signature::UnknownKey) } else { Err(Unverified::WrongSignature) }
    }

    /// The half of the hash of `text` that such a token carries, as in `at_hash` (OIDC Core §3.1.3.6).
    pub(crate) fn half_hash(&self, text: &str) -> String {
        use CoreJwsSigningAlgorithm as Algorithm;
        let hash = match self.algorithm {
            Algorithm::HmacSha256
            | Algorithm::RsaSsaPkcs1V15Sha256
            | Algorithm::RsaSsaPssSha256
            | Algorithm::EcdsaP256Sha256 => Sha256::digest(text).to_vec(),
            Algorithm::HmacSha384
            | Algorithm::RsaSsaPkcs1V15Sha384
            | Algorithm::RsaSsaPssSha384
            | Algorithm::EcdsaP384Sha384 => Sha384::digest(text).to_vec(),
            // Ed25519 hashes with it, too (RFC 8032 §5.1).
            _ => Sha512::digest(text).to_vec(),
        };
        URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2])
    }

    /// Whether `published` is the key that the token names, if it names one, and is for signatures of its algorithm.
    fn fits(&self, published: &PublishedKey, kid: Option<&str>) -> bool {
        let key = &published.key;
        kid.is_none_or(|kid| key.key_id().is_some_and(|id| id.as_str() == kid))
            && key.key_use().is_none_or(|key_use| key_use.allows_signature())
            && self.algorithm.key_type().as_ref() == Some(key.key_type())
            && match key.signing_alg() {
                JsonWebKeyAlgorithm::Unspecified => true,
                JsonWebKeyAlgorithm::Algorithm(algorithm) => *algorithm == self.algorithm,
                JsonWebKeyAlgorithm::Unsupported => false,
            }
    }

    fn symmetric(&self) -> Option<hmac::Algorithm> {
        match self.algorithm {
            CoreJwsSigningAlgorithm::HmacSha256 => Some(hmac::HMAC_SHA256),
            CoreJwsSigningAlgorithm::HmacSha384 => Some(hmac::HMAC_SHA384),
            CoreJwsSigningAlgorithm::HmacSha512 => Some(hmac::HMAC_SHA512),
            _ => None,
        }
    }

    fn is_signed_with(&self, key: &CoreJsonWebKey) -> bool {
        key.verify_signature(&self.algorithm, self.signed.as_bytes(), &self.signature).is_ok()
    }
}

const FORBIDDEN: Unverified = Unverified::Refused("its signature algorithm is not allowed");
/// With a secret of our own, no key of the server's can be the reason.
const FORGED: Unverified = Unverified::Refused("its signature does not verify");

/// The algorithms that are allowed (RFC 7518 §3.1, RFC 8037 §3.1).
fn algorithm(name: &str) -> Option<CoreJwsSigningAlgorithm> {
    Some(match name {
        "RS256" => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
        "RS384" => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
        "RS512" => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
        "PS256" => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
        "PS384" => CoreJwsSigningAlgorithm::RsaSsaPssSha384,
        "PS512" => CoreJwsSigningAlgorithm::RsaSsaPssSha512,
        "ES256" => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        "ES384" => CoreJwsSigningAlgorithm::EcdsaP384Sha384,
        "EdDSA" => CoreJwsSigningAlgorithm::EdDsa,
        "HS256" => CoreJwsSigningAlgorithm::HmacSha256,
        "HS384" => CoreJwsSigningAlgorithm::HmacSha384,
        "HS512" => CoreJwsSigningAlgorithm::HmacSha512,
        _ => return None,
    })
}

fn object(part: &str) -> Option<Fields> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Media types know no case, and `application/` goes without saying (RFC 7515 §4.1.9). Most servers name none or `JWT`.
fn has_type(header: &Fields, types: &[&str]) -> bool {
    match header.get("typ") {
        None => true,
        Some(Value::String(typ)) => {
            let typ = typ.to_ascii_lowercase();
            types.contains(&typ.strip_prefix("application/").unwrap_or(&typ))
        }
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RsaEncoding, RsaKeyPair};
    use openidconnect::core::CoreHmacKey;
    use openidconnect::{AccessTokenHash, PrivateSigningKey as _};
    use serde_json::json;

    use super::*;
    use crate::test_keys::{compact, ed25519, signed};

    fn keys(jwks: &[Value]) -> KeySet {
        KeySet::read(json!({ "keys": jwks }).to_string().as_bytes()).unwrap()
    }

    fn parse(token: &str) -> Result<SignedJwt<'_>, Unverified> {
        SignedJwt::parse(token, &["jwt"])
    }

    fn check(token: &str, jwks: &[Value], secret: Option<&str>) -> Result<Signature, Unverified> {
        let secret = secret.map(ClientSecret::new);
        parse(token)?.signature(&keys(jwks), secret.as_ref(), |_| true)
    }

    fn encoded(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn rsa() -> (RsaKeyPair, Value) {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        // RSAPublicKey (RFC 8017 §A.1.1): with 2048 bits, nine bytes of header before the modulus.
        let modulus = &pair.public_key().as_ref()[9..265];
        let jwk = json!({ "kty": "RSA", "kid": "rsa", "n": encoded(modulus), "e": "AQAB" });
        (pair, jwk)
    }

    fn rsa_signature(pair: &RsaKeyPair, encoding: &'static dyn RsaEncoding, input: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), input, &mut signature).unwrap();
        signature
    }

    #[test]
    fn every_allowed_algorithm_verifies_and_only_under_its_own_name() {
        let (pair, jwk) = rsa();
        let claims = json!({});
        let all = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
        let encodings: [&'static dyn RsaEncoding; 6] = [
            &signature::RSA_PKCS1_SHA256,
            &signature::RSA_PKCS1_SHA384,
            &signature::RSA_PKCS1_SHA512,
            &signature::RSA_PSS_SHA256,
            &signature::RSA_PSS_SHA384,
            &signature::RSA_PSS_SHA512,
        ];
        for (own, encoding) in all.iter().zip(encodings) {
            for named in all {
                let header = json!({ "alg": named, "kid": "rsa", "typ": "JWT" });
                let token = compact(&header, &claims, |input| rsa_signature(&pair, encoding, input));
                let expected = if named == *own { Ok(Signature::Holds) } else { Err(Unverified::WrongSignature) };
                assert_eq!(check(&token, std::slice::from_ref(&jwk), None), expected, "{own} as {named}");
            }
        }
    }

    #[test]
    fn elliptic_curves_verify_with_their_own_algorithm_only() {
        let curves: [(&str, &str, &'static EcdsaSigningAlgorithm); 2] = [
            ("ES256", "P-256", &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            ("ES384", "P-384", &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        ];
        for (own, curve, algorithm) in curves {
            let pair = EcdsaKeyPair::generate(algorithm).unwrap();
            let point = &pair.public_key().as_ref()[1..];
            let (x, y) = point.split_at(point.len() / 2);
            let jwk = json!({ "kty": "EC", "crv": curve, "kid": "ec", "x": encoded(x), "y": encoded(y) });
            for named in ["ES256", "ES384"] {
                let token = compact(&json!({ "alg": named, "kid": "ec" }), &json!({}), |input| {
                    pair.sign(&SystemRandom::new(), input).unwrap().as_ref().to_vec()
                });
                let expected = if named == own { Ok(Signature::Holds) } else { Err(Unverified::WrongSignature) };
                assert_eq!(check(&token, std::slice::from_ref(&jwk), None), expected, "{own} as {named}");
            }
        }
    }

    #[test]
    fn symmetric_signatures_hold_with_the_client_secret_and_nothing_else() {
        let (_, rsa) = rsa();
        let oct = json!({ "kty": "oct", "kid": "s", "alg": "HS256", "k": encoded(b"published") });
        let published = [rsa.clone(), oct];
        let symmetric = |key: &[u8], kid: &str| {
            compact(&json!({ "alg": "HS256", "kid": kid }), &json!({}), |input| {
                CoreHmacKey::new(key).sign(&CoreJwsSigningAlgorithm::HmacSha256, input).unwrap()
            })
        };
        let own = symmetric(b"secret", "any");
        assert_eq!(check(&own, &published, Some("secret")), Ok(Signature::Holds));
        assert_eq!(check(&own, &published, Some("other")), Err(FORGED));
        assert_eq!(check(&own, &published, None), Err(FORBIDDEN));
        assert_eq!(check(&symmetric(b"", "any"), &published, Some("")), Err(FORBIDDEN));

        // What anybody can read must not become a secret.
        let modulus = rsa["n"].as_str().unwrap();
        for (key, kid) in [
            (b"published".to_vec(), "s"),
            (modulus.as_bytes().to_vec(), "rsa"),
            (URL_SAFE_NO_PAD.decode(modulus).unwrap(), "rsa"),
            (rsa.to_string().into_bytes(), "rsa"),
        ] {
            let forged = symmetric(&key, kid);
            assert_eq!(check(&forged, &published, None), Err(FORBIDDEN), "{kid}");
            assert_eq!(check(&forged, &published, Some("secret")), Err(FORGED), "{kid}");
        }
    }

    #[test]
    fn the_other_symmetric_algorithms_are_told_apart() {
        let all = [
            ("HS256", CoreJwsSigningAlgorithm::HmacSha256),
            ("HS384", CoreJwsSigningAlgorithm::HmacSha384),
            ("HS512", CoreJwsSigningAlgorithm::HmacSha512),
        ];
        for (own, algorithm) in &all {
            for (named, _) in &all {
                let token = compact(&json!({ "alg": named }), &json!({}), |input| {
                    CoreHmacKey::new("secret").sign(algorithm, input).unwrap()
                });
                let expected = if named == own { Ok(Signature::Holds) } else { Err(FORGED) };
                assert_eq!(check(&token, &[], Some("secret")), expected, "{own} as {named}");
            }
        }
    }

    #[test]
    fn odd_keys_and_signatures_are_wrong_and_nothing_worse() {
        for length in [0, 1, 2, 3, 8, 31, 32, 33, 48, 57, 64, 66, 128, 256, 257, 513] {
            let odd = encoded(&vec![0xff; length]);
            let zero = encoded(&vec![0; length]);
            for bytes in [odd, zero] {
                let published = [
                    json!({ "kty": "RSA", "n": bytes, "e": "AQAB" }),
                    json!({ "kty": "RSA", "n": bytes, "e": bytes }),
                    json!({ "kty": "RSA", "n": bytes }),
                    json!({ "kty": "EC", "crv": "P-256", "x": bytes, "y": bytes }),
                    json!({ "kty": "EC", "crv": "P-384", "x": bytes, "y": bytes }),
                    json!({ "kty": "EC", "crv": "P-521", "x": bytes, "y": bytes }),
                    json!({ "kty": "OKP", "crv": "Ed25519", "x": bytes }),
                    json!({ "kty": "OKP", "crv": "Ed448", "x": bytes }),
                    json!({ "kty": "EC", "crv": "secp256k1" }),
                ];
                for algorithm in ["RS256", "RS512", "PS256", "PS512", "ES256", "ES384", "EdDSA", "HS256", "HS512"] {
                    for signature in [0, 1, 31, 32, 64, 96, length] {
                        let token = compact(&json!({ "alg": algorithm }), &json!({}), |_| vec![0xff; signature]);
                        assert_ne!(check(&token, &published, Some("secret")), Ok(Signature::Holds));
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_signed_token_of_this_kind_is_refused() {
        let header = |header: Value| compact(&header, &json!({}), |_| vec![1]);
        let good = json!({ "alg": "EdDSA" });
        let part = encoded(b"{}");
        for (token, reason) in [
            (header(json!({ "alg": "none" })), "it is not signed"),
            (header(json!({ "alg": "NONE" })), "its signature algorithm is not allowed"),
            (header(json!({ "alg": "ES512" })), "its signature algorithm is not allowed"),
            (header(json!({ "alg": "RSA-OAEP" })), "its signature algorithm is not allowed"),
            (header(json!({ "alg": 7 })), "it is not a signed JWT"),
            (header(json!({})), "it is not a signed JWT"),
            (header(json!({ "alg": "EdDSA", "kid": 7 })), "it is not a signed JWT"),
            (
                header(json!({ "alg": "EdDSA", "crit": ["b64"], "b64": false })),
                "its header demands what is not supported",
            ),
            (header(json!({ "alg": "EdDSA", "crit": [] })), "its header demands what is not supported"),
            (header(json!({ "alg": "EdDSA", "cty": "JWT" })), "its header demands what is not supported"),
            (header(json!({ "alg": "EdDSA", "typ": "at+jwt" })), "it is a token of another kind"),
            (header(json!({ "alg": "EdDSA", "typ": "logout+jwt" })), "it is a token of another kind"),
            (header(json!({ "alg": "EdDSA", "typ": 7 })), "it is a token of another kind"),
            (header(json!(["alg"])), "it is not a signed JWT"),
            (compact(&good, &json!([]), |_| vec![1]), "it is not a signed JWT"),
            (format!("{}=", header(good.clone())), "it is not a signed JWT"),
            (format!("{}.x", header(good.clone())), "it is not a signed JWT"),
            (format!("{part}.{part}"), "it is not a signed JWT"),
            (format!("{part}.{part}.{part}.{part}.{part}"), "it is not a signed JWT"),
            ("opaque".into(), "it is not a signed JWT"),
            (String::new(), "it is not a signed JWT"),
            (
                format!("{}.{}.", encoded(br#"{"alg":"EdDSA"}"#), encoded(&b"[".repeat(50_000))),
                "it is not a signed JWT",
            ),
            ("x".repeat(LONGEST + 1), "it is too large"),
        ] {
            assert_eq!(parse(&token).err(), Some(Unverified::Refused(reason)), "{token:.80}");
        }
        for typ in ["JWT", "jwt", "application/JWT"] {
            assert!(parse(&header(json!({ "alg": "EdDSA", "typ": typ }))).is_ok(), "{typ}");
        }
    }

    /// The vectors are `openidconnect`'s, which hashes for itself.
    #[test]
    fn the_half_hash_is_that_of_the_algorithm() {
        let rsa: CoreJsonWebKey = serde_json::from_value(rsa().1).unwrap();
        let ed25519: CoreJsonWebKey = serde_json::from_value(ed25519("k1", 1)).unwrap();
        let curve: CoreJsonWebKey = serde_json::from_value(json!({ "kty": "EC", "crv": "P-256" })).unwrap();
        let symmetric = CoreJsonWebKey::new_symmetric(Vec::new());
        for (name, key) in [
            ("RS256", &rsa),
            ("RS384", &rsa),
            ("RS512", &rsa),
            ("PS256", &rsa),
            ("PS384", &rsa),
            ("PS512", &rsa),
            ("ES256", &curve),
            ("ES384", &curve),
            ("EdDSA", &ed25519),
            ("HS256", &symmetric),
            ("HS384", &symmetric),
            ("HS512", &symmetric),
        ] {
            let token = compact(&json!({ "alg": name }), &json!({}), |_| Vec::new());
            let text = openidconnect::AccessToken::new("at-1".into());
            let expected = AccessTokenHash::from_token(&text, &algorithm(name).unwrap(), key).unwrap();
            assert_eq!(parse(&token).unwrap().half_hash("at-1"), **expected, "{name}");
        }
    }

    #[test]
    fn a_changed_byte_breaks_the_signature() {
        let jwk = ed25519("k1", 1);
        let token = signed("k1", 1, &json!({ "sub": "a" }));
        assert_eq!(check(&token, std::slice::from_ref(&jwk), None), Ok(Signature::Holds));
        let [header, _, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
        let changed = format!("{header}.{}.{signature}", encoded(br#"{"sub":"b"}"#));
        assert_eq!(check(&changed, &[jwk], None), Err(Unverified::WrongSignature));
    }

    #[test]
    fn only_keys_that_fit_are_tried() {
        let with = |name: &str, value: &str| {
            let mut jwk = ed25519("k1", 1);
            jwk[name] = json!(value);
            jwk
        };
        let token = signed("k1", 1, &json!({}));
        let nameless = compact(&json!({ "alg": "EdDSA" }), &json!({}), |input| crate::test_keys::sign(1, input));
        let another_kind = compact(&json!({ "alg": "ES256", "kid": "k1" }), &json!({}), |_| vec![1; 64]);
        let (_, rsa) = rsa();
        for (token, jwks, expected) in [
            (&token, vec![ed25519("k2", 2), ed25519("k1", 1)], Ok(Signature::Holds)),
            (&token, vec![with("use", "sig")], Ok(Signature::Holds)),
            (&token, vec![with("alg", "EdDSA")], Ok(Signature::Holds)),
            // Two keys of one name: a server that writes it twice.
            (&token, vec![ed25519("k1", 2), ed25519("k1", 1)], Ok(Signature::Holds)),
            (&token, vec![ed25519("k1", 2)], Err(Unverified::WrongSignature)),
            // The right key under another name, or for another use.
            (&token, vec![ed25519("k2", 1)], Ok(Signature::UnknownKey)),
            (&token, vec![with("use", "enc")], Ok(Signature::UnknownKey)),
            (&token, vec![with("alg", "ES256")], Ok(Signature::UnknownKey)),
            (&another_kind, vec![ed25519("k1", 1)], Ok(Signature::UnknownKey)),
            (&token, vec![], Ok(Signature::UnknownKey)),
            // A token that does not name its key.
            (&nameless, vec![rsa, ed25519("k2", 2), ed25519("k1", 1)], Ok(Signature::Holds)),
            (&nameless, vec![ed25519("k2", 2)], Ok(Signature::UnknownKey)),
        ] {
            assert_eq!(check(token, &jwks, None), expected, "{jwks:?}");
        }
    }

    #[test]
    fn a_key_that_may_not_sign_is_not_used() {
        let mut jwk = ed25519("k1", 1);
        jwk["issuer"] = json!("https://other.example");
        let keys = keys(&[jwk]);
        let token = signed("k1", 1, &json!({}));
        let jwt = parse(&token).unwrap();
        let refused = jwt.signature(&keys, None, |jwk| jwk["issuer"] == "https://login.example");
        assert_eq!(refused, Err(Unverified::Refused("its key may not sign for its issuer")));
        assert_eq!(jwt.signature(&keys, None, |jwk| jwk["issuer"] == "https://other.example"), Ok(Signature::Holds));
    }
}
