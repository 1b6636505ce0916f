//! [`Oidc`]: keeps the sessions of one client at one authorization server alive.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use oidc_session_core::{
    AccessToken, Provider, ProviderError, ProviderErrorKind, ProviderProfile, RefreshToken, Revocation, Session,
    Target, Timestamp, TokenAnswer,
};
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use crate::client::Client;
use crate::grant::{Grant, expires_at_hint};
use crate::id_token::Verifier;
use crate::metadata::Metadata;
use crate::server::Server;
use crate::token_request::TokenRequest;
use crate::{Dialect, OidcBuilder, RevocableToken, outcome};

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
    pub(crate) fn verifier<'a>(&'a self, metadata: &'a Metadata) -> Verifier<'a> {
        Verifier {
            published: &metadata.issuer,
            dialect: &*self.dialect,
            client_id: &self.client.id,
            client_secret: self.client.secret(),
            keys: self.server.keys.current(),
            now: self.server.clock.now(),
        }
    }

    /// The access token's own `exp`, where it is ours to read and there is nothing better.
    pub(crate) fn expires_at_hint(&self, grant: &Grant) -> Option<Timestamp> {
        grant.access_token.as_ref().filter(|_| self.profile.access_token_readable).and_then(expires_at_hint)
    }

    /// A token of another server or client must not be sent here: it would leak, and its rejection would prove nothing.
    pub(crate) fn check_own(&self, metadata: &Metadata, session: &Session) -> Result<(), ProviderError> {
        if session.client_id == self.client.id && self.dialect.owns(&metadata.issuer, session) {
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
        self.check_own(self.server.metadata().await?, session)?;
        self.server.ensure_keys().await
    }

    async fn refresh(&self, session: &Session, target: &Target) -> Result<TokenAnswer, ProviderError> {
        let Some(refresh_token) = &session.tokens.refresh_token else {
            return Err(ProviderError::new(ProviderErrorKind::Misconfigured, "the session has no refresh token"));
        };
        if !target.is_default() && !self.dialect.reaches(target) {
            let detail = "this server keeps one access token per session, and no further ones";
            return Err(ProviderError::new(ProviderErrorKind::Misconfigured, detail)
                .with_advice("ask for everything that is needed at the sign-in"));
        }
        let deadline = self.deadline();
        let metadata = timeout_at(deadline, self.server.metadata()).await.map_err(|_| {
            ProviderError::new(ProviderErrorKind::NotSent, "the discovery document could not be fetched in time")
        })??;
        self.check_own(metadata, session)?;
        let request = TokenRequest::refresh(&self.client, &*self.dialect, session, refresh_token, target);
        let endpoint = request.endpoint().unwrap_or(&metadata.token_endpoint);
        let granted = self.grant(endpoint, &request, deadline).await?;

        // From here on nothing waits and nothing fails: the server may have spent the old refresh token.
        let Granted { grant, requested_at, received_at } = granted;
        let mut answer = TokenAnswer::new(requested_at, received_at);
        answer.expires_at_hint = self.expires_at_hint(&grant);
        answer.access_token = grant.access_token;
        answer.token_type = grant.token_type;
        answer.expires_in = grant.expires_in;
        answer.refresh_in = grant.refresh_in;
        answer.extended_expires_in = grant.extended_expires_in;
        answer.refresh_token = grant.refresh_token;
        answer.refresh_token_expires_in = grant.refresh_token_expires_in;
        answer.lacks_scope = grant.scope.as_ref().is_some_and(|granted| !self.dialect.grants(target.scope(), granted));
        answer.scope = grant.scope;
        let mut fields = None;
        if let Some(id_token) = grant.id_token {
            let judged = self.verifier(metadata).refresh(id_token);
            if judged.unknown_key {
                self.server.keys.mark_outdated();
            }
            answer.id_token = Some(judged.id_token);
            fields = judged.fields;
        }
        answer.provider_data = self.dialect.keep(&grant.others, fields.as_ref());
        Ok(answer)
    }

    async fn revoke(&self, session: &Session) -> Result<Revocation, ProviderError> {
        let metadata = self.server.metadata().await?;
        self.check_own(metadata, session)?;
        let tokens = &session.tokens;
        let (token, hint) = match self.dialect.revocable(session) {
            Some(RevocableToken::RefreshToken) => {
                (tokens.refresh_token.as_ref().map(RefreshToken::expose), "refresh_token")
            }
            Some(RevocableToken::AccessToken) => {
                (tokens.access_token.as_ref().map(AccessToken::expose), "access_token")
            }
            None => (None, ""),
        };
        let Some(token) = token else {
            return Ok(Revocation::Unsupported);
        };
        let request = TokenRequest::revocation(&self.client, &*self.dialect, session, token, hint);
        let Some(endpoint) = request.endpoint().or(metadata.revocation_endpoint.as_ref()) else {
            return Ok(Revocation::Unsupported);
        };
        let clock = &self.server.clock;
        let answer = self.server.transport.post(endpoint, &request, self.deadline(), || clock.now()).await?;
        tracing::debug!(status = answer.status.as_u16(), "the revocation endpoint answered");
        if answer.status.is_success() {
            return Ok(Revocation::Done);
        }
        outcome::revocation(answer, &*self.dialect)
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
