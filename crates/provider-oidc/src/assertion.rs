//! The client assertion: a signed statement that a request is ours (RFC 7523 §2.2 and §3, OIDC Core §9).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_session_core::{ClientSecret, ProviderError, ProviderErrorKind, Timestamp};
use serde_json::{Map, Value, json};

use crate::SigningKey;

/// The `client_assertion_type` of every assertion (RFC 7523 §2.2).
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// For how long an assertion holds. Servers refuse what holds for long, and it is used at once.
const LIFETIME_SECONDS: i64 = 60;

/// Signs assertions.
pub(crate) trait Signer {
    /// What the header says about the key (RFC 7515 §4.1).
    fn header(&self) -> Map<String, Value>;

    /// The signature of `message`; `None` if the cryptographic library cannot make one.
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>>;
}

/// A fresh assertion that `client_id` makes for `audience`.
pub(crate) fn client_assertion(
    signer: &impl Signer,
    client_id: &str,
    audience: &str,
    now: Timestamp,
) -> Result<String, ProviderError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|_| unsigned("the system provides no random bytes for an assertion"))?;
    let claims = claims(client_id, audience, &URL_SAFE_NO_PAD.encode(id), now);
    compact(signer, &claims).ok_or_else(|| unsigned("the client assertion could not be signed"))
}

/// `nbf` is for Microsoft Entra, which lists it among the claims of an assertion ("Certificate credentials").
fn claims(client_id: &str, audience: &str, id: &str, now: Timestamp) -> Value {
    let now = now.as_unix_seconds();
    json!({
        "iss": client_id, "sub": client_id, "aud": audience, "jti": id,
        "iat": now, "nbf": now, "exp": now.saturating_add(LIFETIME_SECONDS),
    })
}

/// The compact serialization (RFC 7515 §3.1).
fn compact(signer: &impl Signer, claims: &Value) -> Option<String> {
    let header = Value::from(signer.header()).to_string();
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = signer.sign(input.as_bytes())?;
    Some(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

impl Signer for ClientSecret {
    fn header(&self) -> Map<String, Value> {
        Map::from_iter([("alg".to_owned(), "HS256".into()), ("typ".to_owned(), "JWT".into())])
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.expose().as_bytes());
        Some(hmac::sign(&key, message).as_ref().to_vec())
    }
}

impl Signer for SigningKey {
    fn header(&self) -> Map<String, Value> {
        SigningKey::header(self)
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        SigningKey::sign(self, message)
    }
}

fn unsigned(detail: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::NotSent, detail)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

    use super::*;

    const AUDIENCE: &str = "https://login.example";

    #[test]
    fn an_assertion_says_who_asks_whom_and_for_how_long() {
        assert_eq!(
            claims("my-app", AUDIENCE, "id-1", Timestamp::from_unix_seconds(1000)),
            json!({
                "iss": "my-app", "sub": "my-app", "aud": "https://login.example", "jti": "id-1",
                "iat": 1000, "nbf": 1000, "exp": 1060,
            })
        );
    }

    #[test]
    fn a_symmetric_assertion_has_one_form() {
        let assertion = compact(&ClientSecret::new("pw"), &json!({ "iss": "my-app" })).unwrap();
        // By: printf %s "$input" | openssl dgst -sha256 -hmac pw -binary | basenc --base64url
        assert_eq!(
            assertion,
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJteS1hcHAifQ.00owraem-WdwQ0LjiIojPWwwHCt9C-eNn4aWN6eDwYw"
        );
    }

    #[test]
    fn another_implementation_takes_a_symmetric_assertion() {
        let secret = ClientSecret::new("a secret of 32 or more bytes, as servers want it");
        let now = Timestamp::from_unix_seconds(4_000_000_000);
        let assertion = client_assertion(&secret, "my-app", AUDIENCE, now).unwrap();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        let check = |key: &str| decode::<Value>(&assertion, &DecodingKey::from_secret(key.as_bytes()), &validation);
        let claims = check(secret.expose()).unwrap().claims;
        assert_eq!(claims["jti"].as_str().unwrap().len(), 22, "128 random bits");
        assert!(check("another").is_err());
    }
}
