//! [`UserInfo`]: what the UserInfo endpoint says about the subject of a session.

use std::fmt;

use oidc_session_core::{AccessToken, ProviderError, ProviderErrorKind, Session, TokenType};
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use crate::dialect::Fields;
use crate::id_token::Verifier;
use crate::metadata::Metadata;
use crate::server::Server;
use crate::signed_jwt::{Signature, SignedJwt};
use crate::transport::{BrokenBody, HttpAnswer};
use crate::unverified::Unverified;
use crate::{DpopProof, Oidc, claims};

/// The media types that the header of a signed answer may name.
const TYPES: [&str; 3] = ["jwt", "jose", "userinfo+jwt"];

/// What the UserInfo endpoint says about the subject of a session (OIDC Core §5.3.2).
///
/// `Debug` leaves the claims out: they are about a person.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct UserInfo {
    /// `sub`, the same as the session's.
    pub subject: String,
    /// All claims of the answer, `sub` included.
    pub claims: Fields,
}

impl Oidc {
    /// Asks the UserInfo endpoint about the subject of `session` (OIDC Core §5.3), with its access token.
    ///
    /// Asks once, and once more if the server wants a nonce in the proof of a bound token (RFC 9449 §9).
    ///
    /// The token must be fresh: take the session from a handle that has just given an access token.
    ///
    /// # Errors
    ///
    /// - `Refused` with the code `invalid_token` if the server does not accept the access token (401): refresh the
    ///   session, then ask again.
    /// - `Misconfigured` if the session belongs elsewhere or lacks a subject or a usable access token, if the server has no such
    ///   endpoint, or if the token does not reach so far (403).
    /// - `InvalidAnswer` if the answer is not about the session's subject, or cannot be read or verified.
    /// - `NotSent` and `TryLater` if there is no answer now. Repeating is harmless.
    ///
    /// ```no_run
    /// # use oidc_session_core::{ProviderError, Session};
    /// # async fn greet(provider: oidc_session_provider_oidc::Oidc, session: Session) -> Result<(), ProviderError> {
    /// let user = provider.userinfo(&session).await?;
    /// println!("hello {}", user.claims["name"]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn userinfo(&self, session: &Session) -> Result<UserInfo, ProviderError> {
        let metadata = self.server.metadata().await?;
        self.check_own(metadata, session)?;
        let endpoint = metadata
            .userinfo_endpoint
            .as_ref()
            .ok_or_else(|| misconfigured("the server publishes no userinfo_endpoint"))?;
        let subject = session.subject.as_deref().ok_or_else(|| {
            misconfigured("the session does not know its subject").with_advice("sign in with the scope openid")
        })?;
        let deadline = self.deadline();
        let mut answer = self.ask(endpoint, session, deadline).await?;
        // It wants a nonce in the proof (RFC 9449 §9). Once more, not for ever: the next one may not please it either.
        if session.dpop.is_some() && answer.status == StatusCode::UNAUTHORIZED && answer.dpop_nonce.is_some() {
            answer = self.ask(endpoint, session, deadline).await?;
        }
        let claims = self.user_claims(metadata, &body(answer)?).await?;
        match claims.get("sub").and_then(Value::as_str) {
            Some(sub) if sub == subject => Ok(UserInfo { subject: subject.to_owned(), claims }),
            // Tokens can be mixed up or planted (OIDC Core §16.11): such claims are somebody else's.
            Some(_) => Err(invalid("the user info is about another subject")),
            None => Err(invalid("the user info names no subject")),
        }
    }

    async fn ask(&self, endpoint: &Url, session: &Session, deadline: Instant) -> Result<HttpAnswer, ProviderError> {
        let Server { clock, transport, .. } = &*self.server;
        let (token, authorization) = authorization(session)?;
        let nonce = transport.resource_nonces.last(endpoint);
        let prove =
            |binding| DpopProof::for_request(binding, "GET", endpoint, Some(token), nonce.as_deref(), clock.now());
        let proof = session.dpop.as_ref().map(prove).transpose()?;
        let answer =
            transport.get(endpoint, authorization, proof.as_ref(), "user info", deadline, || clock.now()).await?;
        tracing::debug!(status = answer.status.as_u16(), "the UserInfo endpoint answered");
        Ok(answer)
    }

    /// The claims of an answer in either form. Its media type is not asked: servers get it wrong, and neither form can be
    /// taken for the other.
    async fn user_claims(&self, metadata: &Metadata, body: &[u8]) -> Result<Fields, ProviderError> {
        if let Ok(claims) = serde_json::from_slice(body) {
            return Ok(claims);
        }
        let token = str::from_utf8(body).map_err(|_| invalid("the user info is neither JSON nor a JWT"))?.trim();
        self.verified(metadata, "the user info (not a JSON object)", |verifier| verifier.user_claims(token)).await
    }
}

impl Verifier<'_> {
    /// The claims of a signed answer. Of its own, `iss` and `aud` only say whether it was meant for us: the connection and
    /// the access token vouch for the rest. Servers may leave them out, as the first edition of the standard let them.
    pub(crate) fn user_claims(&self, token: &str) -> Result<Fields, Unverified> {
        let jwt = SignedJwt::parse(token, &TYPES)?;
        let issuer = match claims::text(jwt.claims(), "iss")? {
            Some(_) => self.issuer(jwt.claims())?,
            None => self.published.to_owned(),
        };
        let signature = self.signature(&jwt, &issuer)?;
        if jwt.claims().contains_key("aud")
            && !claims::audiences(jwt.claims())?.iter().any(|audience| audience == self.client_id)
        {
            return Err(Unverified::Refused("it is for another client"));
        }
        match signature {
            Signature::Holds => Ok(jwt.into_claims()),
            Signature::UnknownKey => Err(Unverified::UnknownKey),
        }
    }
}

/// The access token, and how it is presented (RFC 6750 §2.1, RFC 9449 §7.1): the one place that makes this header.
fn authorization(session: &Session) -> Result<(&AccessToken, HeaderValue), ProviderError> {
    let token = session.tokens.access_token.as_ref().ok_or_else(|| misconfigured("the session has no access token"))?;
    match (&session.tokens.token_type, &session.dpop) {
        (TokenType::Bearer, _) | (TokenType::DPoP, Some(_)) => {}
        (TokenType::DPoP, None) => return Err(misconfigured("the access token is bound to a key that is not there")),
        (TokenType::Other(_), _) => return Err(misconfigured("the access token is of an unknown type")),
    }
    let mut value = HeaderValue::from_str(&format!("{} {}", session.tokens.token_type, token.expose()))
        .map_err(|_| misconfigured("the access token does not fit into a header"))?;
    value.set_sensitive(true);
    Ok((token, value))
}

/// The body of a good answer, or what another one means.
fn body(answer: HttpAnswer) -> Result<Vec<u8>, ProviderError> {
    let status = answer.status;
    let code = status.as_u16();
    let later = |detail| {
        ProviderError::new(ProviderErrorKind::TryLater, format!("{detail} (HTTP {code})"))
            .with_retry_after(answer.retry_after)
    };
    match status {
        StatusCode::OK => answer.body.map_err(|broken| match broken {
            BrokenBody::TooLarge => invalid("the user info is too large"),
            BrokenBody::Late => ProviderError::new(ProviderErrorKind::NotSent, "the user info came too late"),
            BrokenBody::Cut(error) => {
                ProviderError::new(ProviderErrorKind::NotSent, "the user info arrived incomplete")
                    .because(error.without_url())
            }
        }),
        StatusCode::UNAUTHORIZED => Err(ProviderError::new(
            ProviderErrorKind::Refused,
            "the UserInfo endpoint does not accept the access token",
        )
        .with_error_code("invalid_token")
        .with_advice("refresh the session and ask again")),
        StatusCode::FORBIDDEN => Err(misconfigured("the access token does not reach to the UserInfo endpoint")
            .with_error_code("insufficient_scope")
            .with_advice("ask for the scope openid, and for no other resource")),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Err(later("the server asks to come back later")),
        _ if status.is_server_error() => Err(later("the user info is not available now")),
        _ => Err(misconfigured(format!("the UserInfo endpoint does not answer like one (HTTP {code})"))),
    }
}

fn misconfigured(detail: impl Into<String>) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, detail)
}

fn invalid(detail: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::InvalidAnswer, detail)
}

impl fmt::Debug for UserInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserInfo").field("subject", &self.subject).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use oidc_session_core::{AccessToken, ProviderId, Timestamp, TokenSet};

    use super::*;

    fn session(access_token: &str) -> Session {
        let now = Timestamp::from_unix_seconds(0);
        let mut tokens = TokenSet::new(now, now);
        tokens.access_token = Some(AccessToken::new(access_token));
        Session::new(ProviderId::new("oidc"), "https://login.example", "app", tokens)
    }

    #[test]
    fn the_header_is_sensitive_and_takes_no_second_line() {
        let session_1 = session("at-1");
        let (_, header) = authorization(&session_1).unwrap();
        assert_eq!(header, "Bearer at-1");
        assert!(header.is_sensitive());
        let error = authorization(&session("at-1\r\nHost: evil.example")).unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
        assert!(!error.to_string().contains("at-1"), "{error}");
    }
}
