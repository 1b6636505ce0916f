//! [`KeySet`]: the keys that an authorization server publishes.

use openidconnect::core::CoreJsonWebKey;
use serde::Deserialize;
use serde_json::Value;

use crate::dialect::Fields;

/// More keys than any server publishes. Each may have to be tried on a token that does not name its key.
const MOST_KEYS: usize = 100;

/// A JSON Web Key Set (RFC 7517 §5), as far as we understand it.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    pub(crate) keys: Vec<PublishedKey>,
}

/// One key of a set.
#[derive(Debug)]
pub(crate) struct PublishedKey {
    pub(crate) key: CoreJsonWebKey,
    /// The whole JSON Web Key, with members of the vendor's own.
    pub(crate) jwk: Fields,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a key set. A key that we do not understand is left out and costs the others nothing (RFC 7517 §5).
    pub(crate) fn read(document: &[u8]) -> Option<Self> {
        let document: Document = serde_json::from_slice(document).ok()?;
        Some(Self { keys: document.keys.into_iter().filter_map(published).take(MOST_KEYS).collect() })
    }
}

fn published(jwk: Value) -> Option<PublishedKey> {
    let key = CoreJsonWebKey::deserialize(&jwk).ok();
    match (key, jwk) {
        (Some(key), Value::Object(jwk)) => Some(PublishedKey { key, jwk }),
        (_, jwk) => {
            let kid = jwk.get("kid").and_then(Value::as_str);
            tracing::debug!(?kid, "a published key of an unknown kind is left out");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ed25519(kid: &str) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })
    }

    #[test]
    fn a_key_of_an_unknown_kind_costs_the_others_nothing() {
        let mut vendors = ed25519("k3");
        vendors["issuer"] = json!("https://login.example/{tenantid}");
        let document = json!({ "keys": [
            ed25519("k1"),
            { "kty": "AKP", "alg": "ML-DSA-44", "kid": "k2", "pub": "AA" },
            { "kty": "OKP", "alg": "of-tomorrow", "kid": "k4" },
            { "kid": "k5" },
            "not a key",
            null,
            vendors,
        ], "more": 7 });
        let set = KeySet::read(document.to_string().as_bytes()).unwrap();
        let names: Vec<_> = set.keys.iter().map(|key| key.jwk["kid"].as_str().unwrap()).collect();
        assert_eq!(names, ["k1", "k3"]);
        assert_eq!(set.keys[1].jwk["issuer"], "https://login.example/{tenantid}");
    }

    #[test]
    fn what_is_no_key_set_is_none() {
        for document in ["", "<html>", "[]", "{}", r#"{"keys":{}}"#] {
            assert!(KeySet::read(document.as_bytes()).is_none(), "{document}");
        }
        assert!(KeySet::read(br#"{"keys":[]}"#).is_some());
    }

    #[test]
    fn a_set_is_bounded() {
        let keys = vec![ed25519("k"); MOST_KEYS + 1];
        let set = KeySet::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
        assert_eq!(set.keys.len(), MOST_KEYS);
    }
}
