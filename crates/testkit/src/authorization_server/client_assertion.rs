//! [`ClientAssertion`]: a client shows that it has its key, or its secret, without sending either (RFC 7523 §2.2). Pure.

use jsonwebtoken::Validation;
use oidc_session_core::Timestamp;
use serde::Deserialize;
use url::Url;

use super::client::Client;
use super::opaque::Digest;
use super::params::Params;
use super::protocol_error::ProtocolError;

/// How the client says that it sends one.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An assertion that is right in itself. Whether it is new is the memory of the server.
#[derive(Debug)]
pub(super) struct ClientAssertion<'a> {
    pub(super) client: &'a Client,
    /// Names this assertion among all of all clients.
    pub(super) id: Digest,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    nbf: Option<i64>,
    jti: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn is_any_of(&self, urls: &[Url]) -> bool {
        let is_ours = |audience: &String| urls.iter().any(|url| url.as_str() == audience);
        match self {
            Self::One(audience) => is_ours(audience),
            Self::Many(audiences) => audiences.iter().any(is_ours),
        }
    }
}

impl<'a> ClientAssertion<'a> {
    /// Checks the assertion among `params`. `audiences` are the names this server goes by.
    pub(super) fn read(
        params: &Params,
        clients: &'a [Client],
        audiences: &[Url],
        now: Timestamp,
    ) -> Result<Self, ProtocolError> {
        const FAILED: ProtocolError = invalid("client authentication failed");
        if params.get("client_assertion_type") != Some(JWT_BEARER) {
            return Err(invalid("the type of the client assertion is not supported"));
        }
        let assertion = params.require("client_assertion", "the client assertion is missing")?;
        let claimed: Claims = jsonwebtoken::dangerous::insecure_decode_claims(assertion)
            .map_err(|_| invalid("the client assertion is not a JWT, or lacks a claim"))?;
        let client = clients.iter().find(|client| client.id() == claimed.sub).ok_or(FAILED)?;
        if params.get("client_id").is_some_and(|id| id != client.id()) {
            return Err(ProtocolError::invalid_request("the client names itself in two ways"));
        }
        let algorithm = jsonwebtoken::decode_header(assertion).map_err(|_| FAILED)?.alg;
        let key = client.assertion_key(algorithm).ok_or(FAILED)?;
        let mut validation = Validation::new(algorithm);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let Claims { iss, aud, exp, nbf, jti, .. } =
            jsonwebtoken::decode::<Claims>(assertion, key, &validation).map_err(|_| FAILED)?.claims;

        if iss != client.id() {
            return Err(invalid("the client assertion is issued by somebody else"));
        }
        if !aud.is_any_of(audiences) {
            return Err(invalid("the client assertion is for somebody else"));
        }
        let now = now.as_unix_seconds();
        if exp <= now || nbf.is_some_and(|nbf| now < nbf) {
            return Err(invalid("the client assertion has expired, or is not yet valid"));
        }
        if jti.is_empty() {
            return Err(invalid("the client assertion has no id"));
        }
        Ok(Self { client, id: Digest::of(&format!("{} {jti}", client.id())) })
    }
}

const fn invalid(description: &'static str) -> ProtocolError {
    ProtocolError::invalid_client(description)
}
