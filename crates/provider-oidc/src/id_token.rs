//! [`Verifier`]: whether an ID token holds for itself, by the server's keys and our clock.

use std::sync::Arc;

use oidc_session_core::{AccessToken, AnsweredIdToken, ClientSecret, IdClaims, IdToken, Timestamp};
use serde_json::Value;

use crate::Dialect;
use crate::claims;
use crate::dialect::Fields;
use crate::key_set::KeySet;
use crate::lifetime::Lifetime;
use crate::signed_jwt::{Signature, SignedJwt};
use crate::unverified::{ClockOff, Unverified};

/// The media types that the header of an ID token may name.
const TYPES: [&str; 2] = ["jwt", "jose"];

/// Everything an ID token is checked against.
#[derive(Debug)]
pub(crate) struct Verifier<'a> {
    /// The issuer that the metadata names.
    pub(crate) published: &'a str,
    pub(crate) dialect: &'a dyn Dialect,
    pub(crate) client_id: &'a str,
    /// The key of symmetric signatures.
    pub(crate) client_secret: Option<&'a ClientSecret>,
    pub(crate) keys: Arc<KeySet>,
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
    /// Whether our keys may be outdated: it is signed with another one.
    pub(crate) suspects_keys: bool,
}

impl Verifier<'_> {
    /// The ID token of a sign-in, if everything in OIDC Core §3.1.3.7 holds.
    pub(crate) fn sign_in(
        &self,
        id_token: &IdToken,
        nonce: Option<&str>,
        access_token: &AccessToken,
    ) -> Result<Verified, Unverified> {
        let jwt = SignedJwt::parse(id_token.expose(), &TYPES)?;
        let issuer = self.issuer(jwt.claims())?;
        let signature = self.signature(&jwt, &issuer)?;
        let claims = id_claims(jwt.claims(), issuer)?;
        self.check_audience(&claims)?;
        Lifetime::of(jwt.claims())?.check(self.now)?;
        if nonce.is_some() && claims.nonce.as_deref() != nonce {
            return Err(Unverified::Refused("it belongs to another sign-in"));
        }
        if let Some(expected) = claims::text(jwt.claims(), "at_hash")?
            && expected != jwt.half_hash(access_token.expose())
        {
            return Err(Unverified::Refused("it belongs to another access token"));
        }
        self.dialect.admits(jwt.claims()).map_err(Unverified::Refused)?;
        // The last of all: nobody looks for the keys of a token that would be refused anyway.
        match signature {
            Signature::Holds => Ok(Verified { claims, fields: jwt.into_claims() }),
            Signature::UnknownKey => Err(Unverified::UnknownKey),
        }
    }

    /// The ID token of a refresh, as far as it can be judged without waiting for anything.
    ///
    /// Whose it is, is not judged here: that is the merge rule of the core.
    pub(crate) fn refresh(&self, id_token: IdToken) -> Judged {
        match self.judge(&id_token) {
            Ok((Verified { claims, fields }, signature)) => {
                let claims = Box::new(claims);
                let id_token = AnsweredIdToken::Verified { token: id_token, claims };
                Judged { id_token, fields: Some(fields), suspects_keys: signature == Signature::UnknownKey }
            }
            Err(reason) => {
                tracing::warn!(%reason, "the ID token of a refresh was refused");
                let id_token = match reason {
                    Unverified::ClockOff(_) => AnsweredIdToken::Expired,
                    _ => AnsweredIdToken::Refused,
                };
                Judged { id_token, fields: None, suspects_keys: reason.suspects_keys() }
            }
        }
    }

    /// An unknown key is not refused: the answer came straight from the token endpoint, so its connection vouches for the
    /// issuer (OIDC Core §3.1.3.7 item 6). To fetch keys now would keep a rotated refresh token from the store.
    fn judge(&self, id_token: &IdToken) -> Result<(Verified, Signature), Unverified> {
        let jwt = SignedJwt::parse(id_token.expose(), &TYPES)?;
        let written = claims::required(jwt.claims(), "iss", "it names no issuer")?;
        let issuer = self.dialect.issuer_of(self.published, jwt.claims()).unwrap_or_else(|| written.to_owned());
        let signature = self.signature(&jwt, &issuer)?;
        let claims = id_claims(jwt.claims(), issuer)?;
        match Lifetime::of(jwt.claims())?.check(self.now) {
            // Lifetimes count from our own clock. One that is slow costs nothing here, so nobody loses a session to it.
            Err(reason @ Unverified::ClockOff(ClockOff::Slow(_))) => {
                tracing::warn!(%reason, "the ID token of a refresh shows that a clock is wrong");
            }
            checked => checked?,
        }
        Ok((Verified { claims, fields: jwt.into_claims() }, signature))
    }

    /// The issuer of a token with `claims`, if it may be one of ours, in the spelling that sessions keep.
    pub(crate) fn issuer(&self, claims: &Fields) -> Result<String, Unverified> {
        self.dialect.issuer_of(self.published, claims).ok_or(Unverified::Refused("it names another issuer"))
    }

    /// Checks the signature of a token that `issuer` is to have issued.
    pub(crate) fn signature(&self, jwt: &SignedJwt<'_>, issuer: &str) -> Result<Signature, Unverified> {
        let may_sign = |jwk: &Fields| self.dialect.key_signs_for(jwk, self.published, issuer);
        jwt.signature(&self.keys, self.client_secret, may_sign)
    }

    /// Further audiences are fine as long as the token says that it was issued to us (OIDC Core §3.1.3.7 items 3 to 5).
    fn check_audience(&self, claims: &IdClaims) -> Result<(), Unverified> {
        if !claims.audiences.iter().any(|audience| audience == self.client_id) {
            return Err(Unverified::Refused("it is for another client"));
        }
        match &claims.authorized_party {
            Some(party) if party != self.client_id => Err(Unverified::Refused("it was issued to another client")),
            None if claims.audiences.len() > 1 => Err(Unverified::Refused("it does not say to whom it was issued")),
            _ => Ok(()),
        }
    }
}

fn id_claims(fields: &Fields, issuer: String) -> Result<IdClaims, Unverified> {
    Ok(IdClaims {
        issuer,
        subject: claims::required(fields, "sub", "it names no subject")?.to_owned(),
        audiences: claims::audiences(fields)?,
        authorized_party: claims::text(fields, "azp")?.map(str::to_owned),
        // Of these two, a form that nobody expects is not worth a failure.
        auth_time: claims::instant(fields, "auth_time").ok().flatten().map(Timestamp::as_unix_seconds),
        sid: fields.get("sid").and_then(Value::as_str).map(str::to_owned),
        nonce: claims::text(fields, "nonce")?.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use openidconnect::core::{CoreHmacKey, CoreJsonWebKey, CoreJwsSigningAlgorithm};
    use openidconnect::{AccessTokenHash, JsonWebKey as _, PrivateSigningKey as _};
    use serde_json::json;

    use super::*;
    use crate::test_keys::{self, compact, ed25519};

    const NOW: i64 = 1_700_000_000;

    /// Signed with the key of `seed`, under the name `kid`.
    fn signed(kid: &str, seed: u8, claims: &Value) -> IdToken {
        IdToken::new(test_keys::signed(kid, seed, claims))
    }

    fn unsigned(claims: &Value) -> IdToken {
        IdToken::new(compact(&json!({ "alg": "none" }), claims, |_| Vec::new()))
    }

    fn symmetric(secret: &str, claims: &Value) -> IdToken {
        let key = CoreHmacKey::new(secret);
        IdToken::new(compact(&json!({ "alg": "HS256" }), claims, |input| {
            key.sign(&CoreJwsSigningAlgorithm::HmacSha256, input).unwrap()
        }))
    }

    fn keys(jwks: &[Value]) -> Arc<KeySet> {
        Arc::new(KeySet::read(json!({ "keys": jwks }).to_string().as_bytes()).unwrap())
    }

    fn verifier() -> Verifier<'static> {
        Verifier {
            published: "https://login.example",
            dialect: &crate::PlainOidc,
            client_id: "my-app",
            client_secret: None,
            keys: keys(&[ed25519("k1", 1)]),
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
            json!({ "at_hash": 7 }),
            json!({ "iss": null }),
            json!({ "iss": 7 }),
            json!({ "aud": null }),
            json!({ "aud": 7 }),
            json!({ "aud": ["my-app", 7] }),
            json!({ "aud": { "my-app": 1 } }),
            json!({ "azp": 7 }),
            json!({ "nonce": 7 }),
            json!({ "exp": "soon" }),
            json!({ "iat": null }),
            json!({ "iat": "now" }),
            json!({ "sub": 7 }),
        ] {
            let refused = sign_in(&signed("k1", 1, &claims(changes.clone())));
            assert!(matches!(refused, Err(Unverified::Refused(_))), "{changes}: {refused:?}");
        }
    }

    #[test]
    fn the_hash_of_the_access_token_is_checked() {
        let key: CoreJsonWebKey = serde_json::from_value(ed25519("k1", 1)).unwrap();
        let access_token = openidconnect::AccessToken::new("at-1".into());
        let hash = AccessTokenHash::from_token(&access_token, &CoreJwsSigningAlgorithm::EdDsa, &key).unwrap();
        let id_token = signed("k1", 1, &claims(json!({ "at_hash": hash })));
        assert!(sign_in(&id_token).is_ok());
        let other = verifier().sign_in(&id_token, Some("nonce-1"), &AccessToken::new("at-2"));
        assert_eq!(other, Err(Unverified::Refused("it belongs to another access token")));
    }

    #[test]
    fn a_sign_in_needs_a_signature_of_a_published_key() {
        let claims = claims(json!({}));
        assert_eq!(sign_in(&signed("k2", 2, &claims)), Err(Unverified::UnknownKey));
        assert_eq!(sign_in(&signed("k1", 2, &claims)), Err(Unverified::WrongSignature));
        for forged in [unsigned(&claims), symmetric("", &claims), IdToken::new("a.b"), IdToken::new("opaque")] {
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
            &CoreJsonWebKey::new_symmetric(Vec::new()),
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
            assert!(!judged.suspects_keys);
        }
    }

    #[test]
    fn a_refresh_refuses_what_does_not_hold_for_itself() {
        let judged = verifier().refresh(signed("k1", 2, &claims(json!({}))));
        assert!(matches!(judged.id_token, AnsweredIdToken::Refused));
        assert!(judged.suspects_keys, "an old name may have been given to a new key");
        for refused in [
            signed("k1", 1, &claims(json!({ "exp": NOW - 61 }))),
            signed("k2", 2, &claims(json!({ "exp": NOW - 61 }))),
            unsigned(&claims(json!({}))),
            symmetric("", &claims(json!({}))),
            IdToken::new("opaque"),
        ] {
            let judged = verifier().refresh(refused);
            assert!(matches!(judged.id_token, AnsweredIdToken::Refused));
            assert!(!judged.suspects_keys);
        }
    }

    #[test]
    fn a_refresh_tells_a_token_that_had_expired_from_a_wrong_one() {
        let judged = verifier().refresh(signed("k1", 1, &claims(json!({ "iat": NOW - 3900, "exp": NOW - 3600 }))));
        assert!(matches!(judged.id_token, AnsweredIdToken::Expired));
        assert!(!judged.suspects_keys);
    }

    #[test]
    fn a_refresh_takes_an_unknown_key_on_the_word_of_the_connection() {
        let judged = verifier().refresh(signed("k2", 2, &claims(json!({}))));
        assert!(matches!(judged.id_token, AnsweredIdToken::Verified { .. }));
        assert!(judged.suspects_keys);
    }

    #[test]
    fn a_clock_that_is_off_by_an_hour_is_told_so() {
        let hour = Duration::from_secs(3600);
        let id_token = signed("k1", 1, &claims(json!({})));
        for (clock, off) in [
            (Timestamp::from_unix_seconds(NOW) - hour, ClockOff::Slow(hour)),
            (Timestamp::from_unix_seconds(NOW) + hour, ClockOff::Fast(hour)),
        ] {
            let verifier = Verifier { now: clock, ..verifier() };
            let refused = verifier.sign_in(&id_token, Some("nonce-1"), &AccessToken::new("at-1"));
            assert_eq!(refused, Err(Unverified::ClockOff(off)));
        }
    }

    #[test]
    fn a_slow_clock_costs_no_refresh() {
        let verifier = Verifier { now: Timestamp::from_unix_seconds(NOW - 3600), ..verifier() };
        let judged = verifier.refresh(signed("k1", 1, &claims(json!({}))));
        assert!(matches!(judged.id_token, AnsweredIdToken::Verified { .. }));
    }

    /// Spells itself in two ways, one of them no URL; each of its keys belongs to one issuer.
    #[derive(Debug)]
    struct TwoSpellings;

    impl Dialect for TwoSpellings {
        fn issuer_of(&self, published: &str, claims: &Fields) -> Option<String> {
            let iss = claims.get("iss").and_then(Value::as_str)?;
            (iss == published || iss == "login.example").then(|| published.to_owned())
        }

        fn key_signs_for(&self, jwk: &Fields, _published: &str, issuer: &str) -> bool {
            jwk.get("issuer").is_none_or(|owner| owner == issuer)
        }
    }

    #[test]
    fn an_issuer_that_is_no_url_is_kept_in_its_one_spelling() {
        let verifier = Verifier { dialect: &TwoSpellings, ..verifier() };
        for iss in ["login.example", "https://login.example"] {
            let id_token = signed("k1", 1, &claims(json!({ "iss": iss })));
            let verified = verifier.sign_in(&id_token, Some("nonce-1"), &AccessToken::new("at-1")).unwrap();
            assert_eq!(verified.claims.issuer, "https://login.example");
            assert_eq!(verified.fields["iss"], iss);
            let AnsweredIdToken::Verified { claims, .. } = verifier.refresh(id_token).id_token else {
                panic!("{iss}");
            };
            assert_eq!(claims.issuer, "https://login.example");
        }
    }

    #[test]
    fn a_key_of_another_issuer_signs_nothing() {
        let owned = |owner: &str| {
            let mut jwk = ed25519("k1", 1);
            jwk["issuer"] = json!(owner);
            Verifier { dialect: &TwoSpellings, keys: keys(&[jwk]), ..verifier() }
        };
        let id_token = signed("k1", 1, &claims(json!({ "iss": "login.example" })));
        let sign_in = |verifier: Verifier<'_>| {
            verifier.sign_in(&id_token, Some("nonce-1"), &AccessToken::new("at-1")).map(|_| ())
        };
        assert_eq!(sign_in(owned("https://login.example")), Ok(()));
        let refused = Unverified::Refused("its key may not sign for its issuer");
        assert_eq!(sign_in(owned("https://other.example")), Err(refused));
        let judged = owned("https://other.example").refresh(id_token.clone());
        assert!(matches!(judged.id_token, AnsweredIdToken::Refused), "not even on the word of the connection");
    }

    #[test]
    fn nobody_looks_for_the_key_of_a_token_that_is_refused_anyway() {
        for changes in [json!({ "aud": "other" }), json!({ "exp": NOW - 61 }), json!({ "nonce": "other" })] {
            let refused = sign_in(&signed("k2", 2, &claims(changes.clone())));
            assert!(matches!(refused, Err(Unverified::Refused(_))), "{changes}: {refused:?}");
        }
    }

    #[test]
    fn another_kind_of_token_is_no_id_token() {
        let token = compact(&json!({ "alg": "EdDSA", "kid": "k1", "typ": "at+jwt" }), &claims(json!({})), |input| {
            test_keys::sign(1, input)
        });
        assert_eq!(sign_in(&IdToken::new(token)), Err(Unverified::Refused("it is a token of another kind")));
    }
}
