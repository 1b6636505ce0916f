//! [`DpopProof`]: a signed statement that whoever sends a request has the key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_session_core::{AccessToken, DpopBinding, ProviderError, ProviderErrorKind, Timestamp};
use serde::Serialize;
use url::Url;

use super::Prover;
use super::key::{ProofKey, PublicKey, digest};

/// A proof of possession for one request (RFC 9449 §4.2): the value of its `DPoP` header.
///
/// Good for one request: a repeat needs a proof of its own, and so does a request that a resource server refused with
/// a `DPoP-Nonce` (RFC 9449 §9). `Debug` does not show it.
#[derive(Clone, Eq, PartialEq)]
pub struct DpopProof(String);

/// What a proof is about.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a Url,
    pub(crate) access_token: Option<&'a AccessToken>,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) now: Timestamp,
}

#[derive(Serialize)]
struct Header<'a> {
    typ: &'static str,
    alg: &'static str,
    jwk: &'a PublicKey,
}

#[derive(Serialize)]
struct Claims<'a> {
    jti: String,
    htm: &'a str,
    htu: &'a str,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

impl DpopProof {
    /// A proof for a request to a resource server, with the key that the tokens of a session are bound to.
    ///
    /// `method` is the HTTP method as it is sent. Of `url`, query and fragment do not count. `access_token` is the one
    /// that the request carries (`Authorization: DPoP …`, RFC 9449 §7.1). `nonce` is the one that this resource server
    /// gave last in a `DPoP-Nonce` header; the nonces of resource servers are not those of the authorization server,
    /// so [`DpopBinding::nonce`] does not belong here. `now` is the time, which the server compares with its own.
    ///
    /// Fails as `Misconfigured` if the key cannot be read or is not the one that the tokens were bound to.
    ///
    /// ```
    /// use oidc_session_core::{ProviderError, Session, Timestamp};
    /// use oidc_session_provider_oidc::DpopProof;
    /// use url::Url;
    ///
    /// /// The headers of a request with a bound token.
    /// fn headers(session: &Session, url: &Url, now: Timestamp) -> Result<Vec<(&'static str, String)>, ProviderError> {
    ///     let (Some(binding), Some(token)) = (&session.dpop, &session.tokens.access_token) else {
    ///         return Ok(Vec::new());
    ///     };
    ///     let proof = DpopProof::for_request(binding, "GET", url, Some(token), None, now)?;
    ///     Ok(vec![("Authorization", format!("DPoP {}", token.expose())), ("DPoP", proof.as_str().to_owned())])
    /// }
    /// ```
    pub fn for_request(
        binding: &DpopBinding,
        method: &str,
        url: &Url,
        access_token: Option<&AccessToken>,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, ProviderError> {
        Prover::of(binding)?.sign(&Request { method, url, access_token, nonce, now })
    }

    /// The value of the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn sign(key: &ProofKey, request: &Request<'_>) -> Result<Self, ProviderError> {
        let url = target(request.url);
        let header = Header { typ: "dpop+jwt", alg: "ES256", jwk: key.public() };
        let claims = Claims {
            jti: unique()?,
            htm: request.method,
            htu: url.as_str(),
            iat: request.now.as_unix_seconds(),
            ath: request.access_token.map(|token| digest(token.expose())),
            nonce: request.nonce,
        };
        let input = format!("{}.{}", part(&header)?, part(&claims)?);
        let signature = key.sign(&input)?;
        Ok(Self(format!("{input}.{signature}")))
    }
}

impl fmt::Debug for DpopProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DpopProof([redacted])")
    }
}

/// The `htu` of a request: its URL without query and fragment (RFC 9449 §4.2), and without what an HTTP client takes
/// out of it for a header of its own.
fn target(url: &Url) -> Url {
    let mut target = url.clone();
    target.set_query(None);
    target.set_fragment(None);
    // Both fail only for addresses that cannot have them.
    let _ = target.set_username("");
    let _ = target.set_password(None);
    target
}

/// 128 random bits: servers refuse a proof that they have seen (RFC 9449 §11.1).
fn unique() -> Result<String, ProviderError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| failed("the operating system provides no randomness"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn part(json: &impl Serialize) -> Result<String, ProviderError> {
    let json = serde_json::to_vec(json).map_err(|_| failed("the proof cannot be written"))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

fn failed(detail: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::NotSent, detail)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

    fn url() -> Url {
        Url::parse("https://api.example:8443/v1/things?page=2&q=a%20b#top").unwrap()
    }

    /// The claims of a proof whose signature holds under the key in its own header.
    fn verified(proof: &DpopProof) -> Value {
        let header = decode_header(proof.as_str()).unwrap();
        assert_eq!((header.typ.as_deref(), header.alg), (Some("dpop+jwt"), Algorithm::ES256));
        let mut validation = Validation::new(Algorithm::ES256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        let key = DecodingKey::from_jwk(&header.jwk.unwrap()).unwrap();
        decode::<Value>(proof.as_str(), &key, &validation).unwrap().claims
    }

    #[test]
    fn a_proof_says_what_is_sent_where_and_when() {
        let prover = Prover::generate().unwrap();
        let request = Request { method: "POST", url: &url(), access_token: None, nonce: Some("n-1"), now: NOW };
        let mut claims = verified(&prover.sign(&request).unwrap());
        let jti = claims.as_object_mut().unwrap().remove("jti").unwrap();
        assert!(jti.as_str().unwrap().len() >= 22, "{jti}");
        assert_eq!(
            claims,
            json!({ "htm": "POST", "htu": "https://api.example:8443/v1/things", "iat": 1_700_000_000, "nonce": "n-1" })
        );
    }

    #[test]
    fn a_request_with_an_access_token_names_its_hash() {
        let binding = Prover::generate().unwrap().into_binding(None);
        // RFC 9449 §7.1.
        let token = AccessToken::new("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
        let proof = DpopProof::for_request(&binding, "GET", &url(), Some(&token), None, NOW).unwrap();
        let claims = verified(&proof);
        assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
        assert_eq!(claims.get("nonce"), None);
    }

    #[test]
    fn the_header_holds_the_public_half_of_the_bound_key_and_nothing_else() {
        let binding = Prover::generate().unwrap().into_binding(None);
        let proof = DpopProof::for_request(&binding, "GET", &url(), None, None, NOW).unwrap();
        let header = URL_SAFE_NO_PAD.decode(proof.as_str().split('.').next().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        let jwk = header["jwk"].as_object().unwrap();
        assert_eq!(jwk.keys().collect::<Vec<_>>(), ["crv", "kty", "x", "y"]);
        let key: jsonwebtoken::jwk::Jwk = serde_json::from_value(header["jwk"].clone()).unwrap();
        assert_eq!(key.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap(), binding.thumbprint);
    }

    #[test]
    fn no_two_proofs_are_the_same() {
        let prover = Prover::generate().unwrap();
        let request = Request { method: "GET", url: &url(), access_token: None, nonce: None, now: NOW };
        let jti = || verified(&prover.sign(&request).unwrap())["jti"].clone();
        assert_ne!(jti(), jti());
    }

    #[test]
    fn a_user_name_in_an_address_stays_out_of_the_proof() {
        let url = Url::parse("https://me:hidden@api.example/").unwrap();
        assert_eq!(target(&url).as_str(), "https://api.example/");
    }

    #[test]
    fn a_binding_whose_thumbprint_is_of_another_key_proves_nothing() {
        let mut binding = Prover::generate().unwrap().into_binding(None);
        binding.thumbprint = Prover::generate().unwrap().into_binding(None).thumbprint;
        let error = DpopProof::for_request(&binding, "GET", &url(), None, None, NOW).unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
    }

    #[test]
    fn debug_does_not_show_a_proof() {
        let binding = Prover::generate().unwrap().into_binding(None);
        let proof = DpopProof::for_request(&binding, "GET", &url(), None, None, NOW).unwrap();
        assert_eq!(format!("{proof:?}"), "DpopProof([redacted])");
    }
}
