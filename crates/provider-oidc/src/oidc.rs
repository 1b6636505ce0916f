//! [`Oidc`]: keeps the sessions of one client at one authorization server alive.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use oidc_session_core::{
    Provider, ProviderError, ProviderErrorKind, ProviderProfile, Revocation, Session, Timestamp, TokenAnswer,
};
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use crate::client::Client;
use crate::grant::{Grant, expires_at_hint};
use crate::id_token::Verifier;
use crate::server::Server;
use crate::token_request::TokenRequest;
use crate::{Dialect, OidcBuilder, outcome};

/// A client registered at an OpenID Connect authorization server.
///
/// As a [`Provider`] it keeps sessions alive; as a [`SignIn`](oidc_session_core::SignIn) it makes them. Clones share
/// what was learned about the server.
#[derive(Clone)]
pub struct Oidc {
    pub(crate) server: Arc<Server>,
    pub(crate) client: Arc<Client>,
    pub(crate) dialect: Arc<dyn Dialect>,
    pub(crate) profile: ProviderProfile,
}

/// A grant, and when it was asked for and given.
pub(crate) struct Granted {
    pub(crate) grant: Grant,
    pub(crate) requested_at: Timestamp,
    pub(crate) received_at: Timestamp,
}

impl Oidc {
    /// Starts building a provider for `issuer`, which must be written exactly as the server writes it.
    pub fn builder(issuer: &str, client_id: impl Into<String>) -> OidcBuilder {
        OidcBuilder::new(issuer, client_id)
    }

    /// Presents a grant, at most once.
    pub(crate) async fn grant(
        &self,
        endpoint: &Url,
        request: &TokenRequest,
        deadline: Instant,
    ) -> Result<Granted, ProviderError> {
        let clock = &self.server.clock;
        let requested_at = clock.now();
        let answer = self.server.transport.post(endpoint, request, deadline, || clock.now()).await?;
        let received_at = clock.now();
        tracing::debug!(status = answer.status.as_u16(), "the token endpoint answered");
        Ok(Granted { grant: outcome::grant(answer, &*self.dialect)?, requested_at, received_at })
    }

    /// When a request that starts now must be over.
    pub(crate) fn deadline(&self) -> Instant {
        sleep(self.profile.request_budget).deadline()
    }

    /// What an ID token is checked against, with the keys as last seen.
    pub(crate) fn verifier(&self) -> Verifier<'_> {
        Verifier {
            issuer: &self.server.issuer,
            client_id: &self.client.id,
            client_secret: self.client.secret(),
            keys: self.server.keys.current(),
            now: self.server.clock.now(),
        }
    }

    /// The access token's own `exp`, where it is ours to read and there is nothing better.
    pub(crate) fn expires_at_hint(&self, grant: &Grant) -> Option<Timestamp> {
        let readable = self.dialect.access_token_readable();
        grant.access_token.as_ref().filter(|_| readable).and_then(expires_at_hint)
    }

    /// A token of another server or client must not be sent here: it would leak, and its rejection would prove nothing.
    pub(crate) fn check_own(&self, session: &Session) -> Result<(), ProviderError> {
        if session.issuer == self.server.issuer && session.client_id == self.client.id {
            Ok(())
        } else {
            Err(ProviderError::new(ProviderErrorKind::Misconfigured, "the session belongs to another issuer or client"))
        }
    }
}

#[async_trait]
impl Provider for Oidc {
    fn profile(&self) -> &ProviderProfile {
        &self.profile
    }

    async fn prepare(&self, session: &Session) -> Result<(), ProviderError> {
        self.check_own(session)?;
        self.server.ensure_keys().await
    }

    async fn refresh(&self, session: &Session) -> Result<TokenAnswer, ProviderError> {
        self.check_own(session)?;
        let Some(refresh_token) = &session.tokens.refresh_token else {
            return Err(ProviderError::new(ProviderErrorKind::Misconfigured, "the session has no refresh token"));
        };
        let deadline = self.deadline();
        let metadata = timeout_at(deadline, self.server.metadata()).await.map_err(|_| {
            ProviderError::new(ProviderErrorKind::NotSent, "the discovery document could not be fetched in time")
        })??;
        let request = TokenRequest::refresh(&self.client, &*self.dialect, session, refresh_token);
        let granted = self.grant(&metadata.token_endpoint, &request, deadline).await?;

        // From here on nothing waits and nothing fails: the server may have spent the old refresh token.
        let Granted { grant, requested_at, received_at } = granted;
        let mut answer = TokenAnswer::new(requested_at, received_at);
        answer.expires_at_hint = self.expires_at_hint(&grant);
        answer.access_token = grant.access_token;
        answer.token_type = grant.token_type;
        answer.expires_in = grant.expires_in;
        answer.refresh_token = grant.refresh_token;
        answer.scope = grant.scope;
        if let Some(id_token) = grant.id_token {
            let (judged, unknown_key) = self.verifier().refresh(id_token);
            answer.id_token = Some(judged);
            if unknown_key {
                self.server.keys.mark_outdated();
            }
        }
        Ok(answer)
    }

    async fn revoke(&self, session: &Session) -> Result<Revocation, ProviderError> {
        self.check_own(session)?;
        let tokens = &session.tokens;
        let (token, hint) = match (&tokens.refresh_token, &tokens.access_token) {
            (Some(token), _) => (token.expose(), "refresh_token"),
            (None, Some(token)) => (token.expose(), "access_token"),
            (None, None) => return Ok(Revocation::Unsupported),
        };
        let Some(endpoint) = &self.server.metadata().await?.revocation_endpoint else {
            return Ok(Revocation::Unsupported);
        };
        let request = TokenRequest::revocation(&self.client, token, hint);
        let clock = &self.server.clock;
        let answer = self.server.transport.post(endpoint, &request, self.deadline(), || clock.now()).await?;
        tracing::debug!(status = answer.status.as_u16(), "the revocation endpoint answered");
        if answer.status.is_success() {
            return Ok(Revocation::Done);
        }
        let error = outcome::refusal(answer, &*self.dialect);
        match error.error_code() {
            Some("unsupported_token_type") => Ok(Revocation::Unsupported),
            _ => Err(error),
        }
    }
}

impl fmt::Debug for Oidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oidc")
            .field("issuer", &self.server.issuer)
            .field("client_id", &self.client.id)
            .field("dialect", &self.dialect)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}
