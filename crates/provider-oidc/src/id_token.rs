//! [`Verifier`]: whether an ID token holds for itself, by `openidconnect`'s verifier and our clock.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use oidc_session_core::{AccessToken, AnsweredIdToken, ClientSecret, IdClaims, IdToken, Timestamp};
use openidconnect::core::{
    CoreGenderClaim, CoreJsonWebKey, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, ClaimsVerificationError, ClientId, IdTokenClaims, IdTokenVerifier, IssuerUrl,
    Nonce, NonceVerifier, SignatureVerificationError,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Dialect;
use crate::dialect::Fields;

/// How far the server's clock may be behind ours before its ID tokens count as expired.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

/// Everything an ID token is checked against.
#[derive(Debug)]
pub(crate) struct Verifier<'a> {
    /// The issuer that the metadata names.
    pub(crate) published: &'a str,
    pub(crate) dialect: &'a dyn Dialect,
    pub(crate) client_id: &'a str,
    /// The key of symmetric signatures.
    pub(crate) client_secret: Option<&'a ClientSecret>,
    pub(crate) keys: Arc<CoreJsonWebKeySet>,
    pub(crate) now: Timestamp,
}

/// An ID token that holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Verified {
    pub(crate) claims: IdClaims,
    /// All of its claims, for the dialect.
    pub(crate) fields: Fields,
}

/// The ID token of a refresh, judged without waiting for anything.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) id_token: AnsweredIdToken,
    /// All of its claims, for the dialect; none if it was refused.
    pub(crate) fields: Option<Fields>,
    /// Whether it is signed with a key that we do not have.
    pub(crate) unknown_key: bool,
}

/// Why an ID token does not count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unverified {
    /// It is signed with a key that we do not have. The server may have rotated its keys.
    UnknownKey,
    /// It is wrong.
    Refused(&'static str),
}

type SignedIdToken =
    openidconnect::IdToken<SessionClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

#[derive(Clone, Debug, Deserialize, Serialize)]
struct SessionClaims {
    /// Of any type, because only a string is of use and nothing else is worth a failure.
    #[serde(default)]
    sid: Option<Value>,
}

impl AdditionalClaims for SessionClaims {}

impl Verifier<'_> {
    /// The ID token of a sign-in, if everything in OIDC Core §3.1.3.7 holds.
    pub(crate) fn sign_in(
        &self,
        id_token: &IdToken,
        nonce: Option<&str>,
        access_token: &AccessToken,
    ) -> Result<Verified, Unverified> {
        let token = parse(id_token)?;
        let fields = fields(id_token)?;
        let issuer =
            self.dialect.issuer_of(self.published, &fields).ok_or(Unverified::Refused("it names another issuer"))?;
        let verifier = self.verifier(written_issuer(&fields))?.set_other_audience_verifier_fn(|_| true);
        let claims = match nonce {
            Some(nonce) => token.claims(&verifier, &Nonce::new(nonce.to_owned())),
            None => token.claims(&verifier, AnyNonce),
        };
        let claims = claims.map_err(|error| unverified(&error))?;
        check_authorized_party(claims, self.client_id)?;
        if claims.subject().is_empty() {
            return Err(Unverified::Refused("it names no subject"));
        }
        if let Some(expected) = claims.access_token_hash() {
            let access_token = openidconnect::AccessToken::new(access_token.expose().to_owned());
            let hash = hash(&token, &verifier, &access_token)?;
            if hash != *expected {
                return Err(Unverified::Refused("it belongs to another access token"));
            }
        }
        self.dialect.admits(&fields).map_err(Unverified::Refused)?;
        Ok(Verified { claims: IdClaims { issuer, ..session_claims(claims) }, fields })
    }

    /// The ID token of a refresh, as far as it can be judged without waiting for anything.
    ///
    /// Whose it is, is not judged here: that is the merge rule of the core.
    pub(crate) fn refresh(&self, id_token: IdToken) -> Judged {
        match self.judge(&id_token) {
            Ok((Verified { claims, fields }, unknown_key)) => {
                let claims = Box::new(claims);
                let id_token = AnsweredIdToken::Verified { token: id_token, claims };
                Judged { id_token, fields: Some(fields), unknown_key }
            }
            Err(reason) => {
                tracing::debug!(?reason, "the ID token of a refresh was refused");
                Judged { id_token: AnsweredIdToken::Refused, fields: None, unknown_key: false }
            }
        }
    }

    fn judge(&self, id_token: &IdToken) -> Result<(Verified, bool), Unverified> {
        let token = parse(id_token)?;
        let fields = fields(id_token)?;
        let verifier =
            self.verifier(written_issuer(&fields))?.require_issuer_match(false).require_audience_match(false);
        let (mut claims, unknown_key) = match self.claims(&token, &verifier) {
            // The answer came straight from the token endpoint, so its connection vouches for the issuer (OIDC Core
            // §3.1.3.7 item 6). To fetch keys now would keep a rotated refresh token from the store.
            Err(Unverified::UnknownKey) => (self.claims(&token, &verifier.insecure_disable_signature_check())?, true),
            claims => (claims?, false),
        };
        if let Some(issuer) = self.dialect.issuer_of(self.published, &fields) {
            claims.issuer = issuer;
        }
        Ok((Verified { claims, fields }, unknown_key))
    }

    fn claims(
        &self,
        token: &SignedIdToken,
        verifier: &IdTokenVerifier<'_, CoreJsonWebKey>,
    ) -> Result<IdClaims, Unverified> {
        let claims = token.claims(verifier, AnyNonce).map_err(|error| unverified(&error))?;
        Ok(session_claims(claims))
    }

    fn verifier(&self, issuer: &str) -> Result<IdTokenVerifier<'static, CoreJsonWebKey>, Unverified> {
        let issuer = IssuerUrl::new(issuer.to_owned()).map_err(|_| Unverified::Refused("the issuer is not a URL"))?;
        let client_id = ClientId::new(self.client_id.to_owned());
        let keys = (*self.keys).clone();
        let mut algorithms = vec![
            CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
            CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
            CoreJwsSigningAlgorithm::RsaSsaPssSha256,
            CoreJwsSigningAlgorithm::RsaSsaPssSha384,
            CoreJwsSigningAlgorithm::RsaSsaPssSha512,
            CoreJwsSigningAlgorithm::EcdsaP256Sha256,
            CoreJwsSigningAlgorithm::EcdsaP384Sha384,
            CoreJwsSigningAlgorithm::EdDsa,
        ];
        let verifier = match self.client_secret {
            None => IdTokenVerifier::new_public_client(client_id, issuer, keys),
            Some(secret) => {
                algorithms.extend([
                    CoreJwsSigningAlgorithm::HmacSha256,
                    CoreJwsSigningAlgorithm::HmacSha384,
                    CoreJwsSigningAlgorithm::HmacSha512,
                ]);
                let secret = openidconnect::ClientSecret::new(secret.expose().to_owned());
                IdTokenVerifier::new_confidential_client(client_id, secret, issuer, keys)
            }
        };
        let now = (self.now - CLOCK_TOLERANCE).as_unix_millis();
        let now = DateTime::from_timestamp_millis(now).unwrap_or(DateTime::<Utc>::MAX_UTC);
        Ok(verifier.set_allowed_algs(algorithms).set_time_fn(move || now))
    }
}

/// Leaves the `nonce` to the merge rule.
struct AnyNonce;

impl NonceVerifier for AnyNonce {
    fn verify(self, _nonce: Option<&Nonce>) -> Result<(), String> {
        Ok(())
    }
}

fn parse(id_token: &IdToken) -> Result<SignedIdToken, Unverified> {
    SignedIdToken::from_str(id_token.expose()).map_err(|_| Unverified::Refused("it is not a signed JWT"))
}

fn fields(id_token: &IdToken) -> Result<Fields, Unverified> {
    let payload = id_token.expose().split('.').nth(1).and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
    payload
        .and_then(|payload| serde_json::from_slice(&payload).ok())
        .ok_or(Unverified::Refused("it is not a signed JWT"))
}

fn written_issuer(fields: &Fields) -> &str {
    fields.get("iss").and_then(Value::as_str).unwrap_or_default()
}

/// Further audiences are fine as long as the token says that it was issued to us (OIDC Core §3.1.3.7 items 3 to 5).
fn check_authorized_party(
    claims: &IdTokenClaims<SessionClaims, CoreGenderClaim>,
    client_id: &str,
) -> Result<(), Unverified> {
    match claims.authorized_party() {
        Some(party) if party.as_str() != client_id => Err(Unverified::Refused("it was issued to another client")),
        None if claims.audiences().len() > 1 => Err(Unverified::Refused("it does not say to whom it was issued")),
        _ => Ok(()),
    }
}

fn hash(
    token: &SignedIdToken,
    verifier: &IdTokenVerifier<'_, CoreJsonWebKey>,
    access_token: &openidconnect::AccessToken,
) -> Result<AccessTokenHash, Unverified> {
    let refused = |_| Unverified::Refused("its hash of the access token cannot be checked");
    let algorithm = token.signing_alg().map_err(refused)?;
    let symmetric;
    let key = match token.signing_key(verifier) {
        Ok(key) => key,
        // A symmetric signature has no published key, and the hash needs none.
        Err(_) => {
            symmetric = <CoreJsonWebKey as openidconnect::JsonWebKey>::new_symmetric(Vec::new());
            &symmetric
        }
    };
    AccessTokenHash::from_token(access_token, algorithm, key)
        .map_err(|_| Unverified::Refused("its hash of the access token cannot be checked"))
}

fn session_claims(claims: &IdTokenClaims<SessionClaims, CoreGenderClaim>) -> IdClaims {
    IdClaims {
        issuer: claims.issuer().to_string(),
        subject: claims.subject().to_string(),
        audiences: claims.audiences().iter().map(|audience| audience.to_string()).collect(),
        authorized_party: claims.authorized_party().map(|party| party.to_string()),
        auth_time: claims.auth_time().map(|time| time.timestamp()),
        nonce: claims.nonce().map(|nonce| nonce.secret().clone()),
        sid: claims.additional_claims().sid.as_ref().and_then(Value::as_str).map(str::to_owned),
    }
}

/// Without the verifier's own words: they quote claims.
fn unverified(error: &ClaimsVerificationError) -> Unverified {
    use SignatureVerificationError::{AmbiguousKeyId, DisallowedAlg, NoMatchingKey, NoSignature, UnsupportedAlg};
    match error {
        ClaimsVerificationError::SignatureVerification(NoMatchingKey | AmbiguousKeyId(_)) => Unverified::UnknownKey,
        ClaimsVerificationError::SignatureVerification(NoSignature) => Unverified::Refused("it is not signed"),
        ClaimsVerificationError::SignatureVerification(DisallowedAlg(_) | UnsupportedAlg(_)) => {
            Unverified::Refused("its signature algorithm is not allowed")
        }
        ClaimsVerificationError::SignatureVerification(_) => Unverified::Refused("its signature does not verify"),
        ClaimsVerificationError::Expired(_) => Unverified::Refused("it has expired"),
        ClaimsVerificationError::InvalidAudience(_) => Unverified::Refused("it is for another client"),
        ClaimsVerificationError::InvalidIssuer(_) => Unverified::Refused("it names another issuer"),
        ClaimsVerificationError::InvalidNonce(_) => Unverified::Refused("it belongs to another sign-in"),
        _ => Unverified::Refused("it does not verify"),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use openidconnect::core::{CoreEdDsaPrivateSigningKey, CoreHmacKey};
    use openidconnect::{JsonWebKeyId, PrivateSigningKey};
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn key(kid: &str, seed: u8) -> CoreEdDsaPrivateSigningKey {
        let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        der.extend([seed; 32]);
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
        CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(JsonWebKeyId::new(kid.into()))).unwrap()
    }

    fn compact(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> IdToken {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let input = format!("{}.{}", part(header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(sign(input.as_bytes()));
        IdToken::new(format!("{input}.{signature}"))
    }

    /// Signed with the key of `seed`, under the name `kid`.
    fn signed(kid: &str, seed: u8, claims: &Value) -> IdToken {
        compact(&json!({ "alg": "EdDSA", "kid": kid }), claims, |input| {
            key(kid, seed).sign(&CoreJwsSigningAlgorithm::EdDsa, input).unwrap()
        })
    }

    fn unsigned(claims: &Value) -> IdToken {
        compact(&json!({ "alg": "none" }), claims, |_| Vec::new())
    }

    fn symmetric(secret: &str, claims: &Value) -> IdToken {
        let key = CoreHmacKey::new(secret);
        compact(&json!({ "alg": "HS256" }), claims, |input| {
            key.sign(&CoreJwsSigningAlgorithm::HmacSha256, input).unwrap()
        })
    }

    fn verifier() -> Verifier<'static> {
        Verifier {
            published: "https://login.example",
            dialect: &crate::PlainOidc,
            client_id: "my-app",
            client_secret: None,
            keys: Arc::new(CoreJsonWebKeySet::new(vec![key("k1", 1).as_verification_key()])),
            now: Timestamp::from_unix_seconds(NOW),
        }
    }

    fn claims(changes: Value) -> Value {
        let mut claims = json!({
            "iss": "https://login.example", "sub": "sub-1", "aud": "my-app", "iat": NOW, "exp": NOW + 300,
            "nonce": "nonce-1", "auth_time": NOW - 5, "sid": "sid-1",
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    fn sign_in(id_token: &IdToken) -> Result<IdClaims, Unverified> {
        verifier().sign_in(id_token, Some("nonce-1"), &AccessToken::new("at-1")).map(|verified| verified.claims)
    }

    #[test]
    fn a_good_id_token_gives_its_claims() {
        assert_eq!(
            sign_in(&signed("k1", 1, &claims(json!({})))).unwrap(),
            IdClaims {
                issuer: "https://login.example".into(),
                subject: "sub-1".into(),
                audiences: vec!["my-app".into()],
                authorized_party: None,
                auth_time: Some(NOW - 5),
                nonce: Some("nonce-1".into()),
                sid: Some("sid-1".into()),
            }
        );
    }

    #[test]
    fn what_servers_do_to_other_claims_costs_nobody_a_sign_in() {
        for changes in [
            json!({ "email_verified": "true" }),
            json!({ "updated_at": "2026-01-02T03:04:05.678Z" }),
            json!({ "sid": 7 }),
            json!({ "auth_time": null }),
            json!({ "exp": NOW as f64 + 0.5 }),
            json!({ "aud": ["my-app"] }),
            json!({ "aud": ["other", "my-app"], "azp": "my-app" }),
            json!({ "exp": NOW - 30 }),
            json!({ "custom": { "deep": [1, 2] } }),
        ] {
            let verified = sign_in(&signed("k1", 1, &claims(changes.clone())));
            assert!(verified.is_ok(), "{changes}: {verified:?}");
        }
    }

    #[test]
    fn a_sign_in_checks_every_claim() {
        for changes in [
            json!({ "iss": "https://login.example/" }),
            json!({ "iss": "https://evil.example" }),
            json!({ "aud": "other" }),
            json!({ "aud": [] }),
            json!({ "aud": ["my-app", "other"] }),
            json!({ "aud": ["my-app", "other"], "azp": "other" }),
            json!({ "azp": "other" }),
            json!({ "nonce": "other" }),
            json!({ "nonce": null }),
            json!({ "exp": NOW - 61 }),
            json!({ "exp": null }),
            json!({ "sub": "" }),
            json!({ "sub": null }),
            json!({ "at_hash": "77QmUPtjPfzWtF2AnpK9RQ" }),
        ] {
            let refused = sign_in(&signed("k1", 1, &claims(changes.clone())));
            assert!(matches!(refused, Err(Unverified::Refused(_))), "{changes}: {refused:?}");
        }
    }

    #[test]
    fn the_hash_of_the_access_token_is_checked() {
        let key = key("k1", 1);
        let access_token = openidconnect::AccessToken::new("at-1".into());
        let hash =
            AccessTokenHash::from_token(&access_token, &CoreJwsSigningAlgorithm::EdDsa, &key.as_verification_key())
                .unwrap();
        let id_token = signed("k1", 1, &claims(json!({ "at_hash": hash })));
        assert!(sign_in(&id_token).is_ok());
        let other = verifier().sign_in(&id_token, Some("nonce-1"), &AccessToken::new("at-2"));
        assert_eq!(other, Err(Unverified::Refused("it belongs to another access token")));
    }

    #[test]
    fn a_sign_in_needs_a_signature_of_a_published_key() {
        let claims = claims(json!({}));
        assert_eq!(sign_in(&signed("k2", 2, &claims)), Err(Unverified::UnknownKey));
        for forged in [
            signed("k1", 2, &claims),
            unsigned(&claims),
            symmetric("", &claims),
            IdToken::new("a.b"),
            IdToken::new("opaque"),
        ] {
            assert!(matches!(sign_in(&forged), Err(Unverified::Refused(_))), "{forged:?}");
        }
    }

    #[test]
    fn a_confidential_client_may_get_symmetric_signatures() {
        let secret = ClientSecret::new("secret-1");
        let verifier = Verifier { client_secret: Some(&secret), ..verifier() };
        let access_token = AccessToken::new("at-1");
        let hash = openidconnect::AccessToken::new("at-1".into());
        let hash = AccessTokenHash::from_token(
            &hash,
            &CoreJwsSigningAlgorithm::HmacSha256,
            &<CoreJsonWebKey as openidconnect::JsonWebKey>::new_symmetric(Vec::new()),
        )
        .unwrap();
        let claims = claims(json!({ "at_hash": hash }));
        assert!(verifier.sign_in(&symmetric("secret-1", &claims), Some("nonce-1"), &access_token).is_ok());
        assert!(verifier.sign_in(&symmetric("secret-2", &claims), Some("nonce-1"), &access_token).is_err());
    }

    #[test]
    fn a_refresh_leaves_whose_token_it_is_to_the_merge_rule() {
        for changes in [
            json!({}),
            json!({ "iss": "https://evil.example" }),
            json!({ "sub": "other" }),
            json!({ "aud": ["other", "another"], "azp": "third" }),
            json!({ "nonce": "other" }),
            json!({ "nonce": null, "auth_time": null }),
            json!({ "auth_time": 1 }),
        ] {
            let judged = verifier().refresh(signed("k1", 1, &claims(changes.clone())));
            let AnsweredIdToken::Verified { claims, .. } = judged.id_token else {
                panic!("{changes}");
            };
            if let Some(subject) = changes.get("sub") {
                assert_eq!(*subject, claims.subject);
            }
            assert!(!judged.unknown_key);
        }
    }

    #[test]
    fn a_refresh_refuses_what_does_not_hold_for_itself() {
        for refused in [
            signed("k1", 2, &claims(json!({}))),
            signed("k1", 1, &claims(json!({ "exp": NOW - 61 }))),
            signed("k2", 2, &claims(json!({ "exp": NOW - 61 }))),
            unsigned(&claims(json!({}))),
            symmetric("", &claims(json!({}))),
            IdToken::new("opaque"),
        ] {
            let judged = verifier().refresh(refused);
            assert!(matches!(judged.id_token, AnsweredIdToken::Refused));
            assert!(!judged.unknown_key);
        }
    }

    #[test]
    fn a_refresh_takes_an_unknown_key_on_the_word_of_the_connection() {
        let judged = verifier().refresh(signed("k2", 2, &claims(json!({}))));
        assert!(matches!(judged.id_token, AnsweredIdToken::Verified { .. }));
        assert!(judged.unknown_key);
    }
}
