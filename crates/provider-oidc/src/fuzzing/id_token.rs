//! [`id_token`]: signed tokens of every kind.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_session_core::{AccessToken, AnsweredIdToken, ClientSecret, IdToken, Timestamp};
use serde_json::{Value, json};

use super::secret::{SECRET, assert_quiet};
use crate::PlainOidc;
use crate::grant::expires_at_hint;
use crate::id_token::Verifier;
use crate::key_set::KeySet;
use crate::test_keys;
use crate::unverified::Unverified;

const ISSUER: &str = "https://login.example";
const CLIENT: &str = "my-app";
const NONCE: &str = "no-1";
const NOW: i64 = 1_700_000_000;
const LONGEST: usize = 128 * 1024;

static KEYS: LazyLock<Arc<KeySet>> = LazyLock::new(|| {
    let document = json!({ "keys": [test_keys::ed25519("k1", 1)] }).to_string();
    Arc::new(KeySet::read(document.as_bytes()).unwrap_or_default())
});

/// Reads `bytes` as a token. If they are two lines, these are its header and its claims, and it is signed here: by the
/// server, with the client's secret, and by somebody else.
pub fn id_token(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Some((header, claims)) = text.split_once('\n') else {
        read(text, Signer::Unknown);
        return;
    };
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let token = |signature: &[u8]| format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    read(&token(&test_keys::sign(1, input.as_bytes())), Signer::Server);
    read(&token(hmac::sign(&key, input.as_bytes()).as_ref()), Signer::Secret);
    read(&token(&test_keys::sign(2, input.as_bytes())), Signer::Somebody);
    read(&token(&[]), Signer::Somebody);
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Signer {
    Server,
    Secret,
    Somebody,
    /// The token is as it came.
    Unknown,
}

fn read(token: &str, signer: Signer) {
    let secret = ClientSecret::new(SECRET);
    let verifier = Verifier {
        published: ISSUER,
        dialect: &PlainOidc,
        client_id: CLIENT,
        client_secret: Some(&secret),
        keys: Arc::clone(&KEYS),
        now: Timestamp::from_unix_seconds(NOW),
    };
    let _ = expires_at_hint(&AccessToken::new(token));

    let id_token = IdToken::new(token);
    let signed_in = verifier.sign_in(&id_token, Some(NONCE), &AccessToken::new("at-1"));
    let logout = verifier.logout(token);
    let user_info = verifier.user_claims(token);
    for failed in [signed_in.as_ref().err(), logout.as_ref().err(), user_info.as_ref().err()].into_iter().flatten() {
        is_told(*failed);
    }
    if signed_in.is_ok() || logout.is_ok() || user_info.is_ok() {
        assert_ne!(signer, Signer::Somebody, "somebody else's signature holds");
        assert!(token.len() <= LONGEST);
    }
    assert!(signed_in.is_err() || logout.is_err(), "a token is for one purpose");

    if let Ok(verified) = &signed_in {
        let claims = &verified.claims;
        assert_eq!((claims.issuer.as_str(), claims.nonce.as_deref()), (ISSUER, Some(NONCE)));
        assert!(!claims.subject.is_empty());
        assert!(claims.audiences.iter().any(|audience| audience == CLIENT));
        assert!(claims.authorized_party.as_deref().is_none_or(|party| party == CLIENT));
        assert!(claims.audiences.len() == 1 || claims.authorized_party.is_some());
        counts_now(&Value::Object(verified.fields.clone()));
    }
    if let Ok((logout, accepted_until)) = &logout {
        assert_eq!(logout.issuer, ISSUER);
        assert!(!logout.jti.is_empty());
        let names = [&logout.subject, &logout.sid];
        assert!(names.iter().any(|name| name.is_some()));
        assert!(names.into_iter().flatten().all(|name| !name.is_empty()));
        assert!(*accepted_until > verifier.now && logout.expires_at <= *accepted_until);
    }
    let judged = verifier.refresh(id_token);
    match &judged.id_token {
        AnsweredIdToken::Verified { claims, .. } => {
            assert!(!claims.issuer.is_empty() && !claims.subject.is_empty());
            // Of an unknown key nothing is known; the core compares the claims with the session's.
            assert!(signer != Signer::Somebody || judged.suspects_keys);
            assert!(judged.fields.is_some());
        }
        AnsweredIdToken::Refused | AnsweredIdToken::Expired => {
            assert!(judged.fields.is_none());
            assert!(signed_in.is_err(), "a sign-in takes what a refresh refuses");
        }
    }
}

/// By the clock of this machine, and what it grants to others.
fn counts_now(claims: &Value) {
    let seconds = |name: &str| claims.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
    assert!(seconds("exp") > (NOW - 61) as f64, "it has expired");
    assert!(seconds("iat") <= (NOW + 301) as f64, "it is from the future");
}

fn is_told(unverified: Unverified) {
    assert_quiet(&unverified.into_error("the token"));
}
