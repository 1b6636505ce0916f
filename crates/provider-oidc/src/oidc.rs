//! [`Oidc`]: keeps the sessions of one client at one authorization server alive.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use oidc_session_core::{
    AccessToken, Provider, ProviderError, ProviderErrorKind, ProviderProfile, RefreshToken, Revocation, Session,
    Target, Timestamp, TokenAnswer,
};
use tokio::time::{Instant, sleep, timeout_at};

use crate::client::{Client, Credentials};
use crate::dpop::Prover;
use crate::grant::{Grant, expires_at_hint};
use crate::id_token::Verifier;
use crate::metadata::Metadata;
use crate::server::Server;
use crate::token_request::TokenRequest;
use crate::transport::HttpAnswer;
use crate::unverified::Unverified;
use crate::{AssertionAudience, Dialect, OidcBuilder, RevocableToken, outcome};

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
    /// Whether authorization requests are pushed, even where the server does not require it.
    pub(crate) pushes: bool,
    /// Whether sign-ins bind their tokens to a key.
    pub(crate) dpop: bool,
}

/// A grant, and when it was asked for and given.
pub(crate) struct Granted {
    pub(crate) grant: Grant,
    pub(crate) requested_at: Timestamp,
    pub(crate) received_at: Timestamp,
    /// The nonce that the next proof is to carry, if tokens are bound and the server has given one.
    pub(crate) dpop_nonce: Option<String>,
}

/// An answer of the token endpoint that nobody has read yet.
pub(crate) struct Presented {
    pub(crate) answer: HttpAnswer,
    requested_at: Timestamp,
    received_at: Timestamp,
    dpop_nonce: Option<String>,
}

impl Oidc {
    /// Starts building a provider for `issuer`, which must be written exactly as the server writes it.
    pub fn builder(issuer: &str, client_id: impl Into<String>) -> OidcBuilder {
        OidcBuilder::new(issuer, client_id)
    }

    /// Presents a grant, at most once, and reads the answer.
    pub(crate) async fn grant(
        &self,
        metadata: &Metadata,
        request: impl Fn(Credentials) -> TokenRequest + Send + Sync,
        prover: Option<&Prover>,
        deadline: Instant,
    ) -> Result<Granted, ProviderError> {
        self.present(metadata, request, prover, deadline).await?.read(&*self.dialect)
    }

    /// Presents a grant, at most once. `request` makes it, anew whenever it is sent: some of what authenticates a client
    /// is good for one request.
    pub(crate) async fn present(
        &self,
        metadata: &Metadata,
        request: impl Fn(Credentials) -> TokenRequest + Send + Sync,
        prover: Option<&Prover>,
        deadline: Instant,
    ) -> Result<Presented, ProviderError> {
        let first = self.send(metadata, &request(self.credentials(metadata)?), prover, deadline).await?;
        if prover.is_none() || !outcome::wants_nonce(&first.answer) {
            return Ok(first);
        }
        // The server has not looked at the grant (RFC 9449 §8). Once more, not for ever: the next nonce may not please
        // it either.
        tracing::debug!("the token endpoint wants a nonce in the proof");
        self.send(metadata, &request(self.credentials(metadata)?), prover, deadline).await
    }

    async fn send(
        &self,
        metadata: &Metadata,
        request: &TokenRequest,
        prover: Option<&Prover>,
        deadline: Instant,
    ) -> Result<Presented, ProviderError> {
        let Server { clock, transport, .. } = &*self.server;
        let endpoint = request.endpoint().unwrap_or(&metadata.token_endpoint);
        let requested_at = clock.now();
        let proof = prover.map(|prover| prover.proof("POST", endpoint, &transport.nonces, requested_at)).transpose()?;
        let answer = transport.post_with_proof(endpoint, request, proof.as_ref(), deadline, || clock.now()).await?;
        let received_at = clock.now();
        tracing::debug!(status = answer.status.as_u16(), "the token endpoint answered");
        let dpop_nonce = prover.and_then(|_| transport.nonces.last(endpoint));
        Ok(Presented { answer, requested_at, received_at, dpop_nonce })
    }

    /// What authenticates the next request, and that one only.
    pub(crate) fn credentials(&self, metadata: &Metadata) -> Result<Credentials, ProviderError> {
        let audience = match self.dialect.assertion_audience() {
            AssertionAudience::Issuer => &metadata.issuer,
            AssertionAudience::TokenEndpoint => metadata.token_endpoint.as_str(),
        };
        self.client.credentials(audience, self.server.clock.now())
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

    /// What `verify` makes of a signed `token`, with fresh keys if the first try finds that ours may be outdated.
    pub(crate) async fn verified<T>(
        &self,
        metadata: &Metadata,
        token: &str,
        verify: impl Fn(&Verifier<'_>) -> Result<T, Unverified> + Send,
    ) -> Result<T, ProviderError>
    where
        T: Send,
    {
        match verify(&self.verifier(metadata)) {
            Err(unverified) if unverified.suspects_keys() => {
                self.server.keys.mark_outdated();
                self.server.ensure_keys().await?;
                verify(&self.verifier(metadata))
            }
            verified => verified,
        }
        .map_err(|unverified| unverified.into_error(token))
    }

    /// The access token's own `exp`, where it is ours to read and there is nothing better.
    pub(crate) fn expires_at_hint(&self, grant: &Grant) -> Option<Timestamp> {
        grant.access_token.as_ref().filter(|_| self.profile.access_token_readable).and_then(expires_at_hint)
    }

    /// Says once if a reuse window is declared of a server that does not replace refresh tokens.
    fn watch_rotation(&self, presented: &RefreshToken, answered: Option<&RefreshToken>) {
        let is_replaced = answered.is_some_and(|answered| answered != presented);
        let is_odd = self.profile.reuse_window.is_some() && !is_replaced;
        if is_odd && !self.server.lacks_rotation.swap(true, Ordering::Relaxed) {
            let advice = self.dialect.ask_for_rotation();
            tracing::warn!(advice, "the server did not replace a refresh token, although a reuse window is declared");
        }
    }

    /// A token of another server or client must not be sent here: it would leak, and its rejection would prove nothing.
    pub(crate) fn check_own(&self, metadata: &Metadata, session: &Session) -> Result<(), ProviderError> {
        if session.client_id == self.client.id && self.dialect.owns(&metadata.issuer, session) {
            Ok(())
        } else {
            Err(ProviderError::new(ProviderErrorKind::Misconfigured, "the session belongs to another issuer or client")
                .with_advice("use the provider it was signed in with, or sign in again"))
        }
    }

    /// Everything that a refresh needs, and that can be wrong before anything is sent.
    async fn ready<'a>(
        &'a self,
        session: &'a Session,
        target: &Target,
        deadline: Instant,
    ) -> Result<(&'a Metadata, &'a RefreshToken, Option<Prover>), ProviderError> {
        let Some(refresh_token) = &session.tokens.refresh_token else {
            return Err(ProviderError::new(ProviderErrorKind::Misconfigured, "the session has no refresh token"));
        };
        let prover = Prover::of_session(session)?;
        if !target.is_default() {
            self.dialect.reaches(session, target).map_err(|advice| {
                let detail = "the session does not reach the resource that an access token was asked for";
                ProviderError::new(ProviderErrorKind::Misconfigured, detail).with_advice(advice)
            })?;
        }
        let metadata = timeout_at(deadline, self.server.metadata()).await.map_err(|_| {
            ProviderError::new(ProviderErrorKind::NotSent, "the discovery document could not be fetched in time")
        })??;
        self.check_own(metadata, session)?;
        Ok((metadata, refresh_token, prover))
    }
}

impl Presented {
    /// The grant in the answer, or what its absence means.
    pub(crate) fn read(self, dialect: &dyn Dialect) -> Result<Granted, ProviderError> {
        let Self { answer, requested_at, received_at, dpop_nonce } = self;
        Ok(Granted { grant: outcome::grant(answer, dialect)?, requested_at, received_at, dpop_nonce })
    }
}

#[async_trait]
impl Provider for Oidc {
    fn profile(&self) -> &ProviderProfile {
        &self.profile
    }

    async fn prepare(&self, session: &Session) -> Result<(), ProviderError> {
        Prover::of_session(session)?;
        self.check_own(self.server.metadata().await?, session)?;
        self.server.ensure_keys().await
    }

    async fn refresh(&self, session: &Session, target: &Target) -> Result<TokenAnswer, ProviderError> {
        let deadline = self.deadline();
        let ready = self.ready(session, target, deadline).await.map_err(ProviderError::before_sending)?;
        let (metadata, refresh_token, prover) = ready;
        let request = |credentials| TokenRequest::refresh(credentials, &*self.dialect, session, refresh_token, target);
        let granted = self.grant(metadata, request, prover.as_ref(), deadline).await?;

        // From here on nothing waits and nothing fails: the server may have spent the old refresh token.
        let Granted { grant, requested_at, received_at, dpop_nonce } = granted;
        let mut answer = TokenAnswer::new(requested_at, received_at);
        answer.expires_at_hint = self.expires_at_hint(&grant);
        answer.access_token = grant.access_token;
        answer.token_type = grant.token_type;
        answer.expires_in = grant.expires_in;
        answer.refresh_in = grant.refresh_in;
        answer.extended_expires_in = grant.extended_expires_in;
        answer.refresh_token = grant.refresh_token;
        self.watch_rotation(refresh_token, answer.refresh_token.as_ref());
        answer.refresh_token_expires_in = grant.refresh_token_expires_in;
        answer.lacks_scope = grant.scope.as_ref().is_some_and(|granted| !self.dialect.grants(target.scope(), granted));
        answer.scope = grant.scope;
        answer.dpop_nonce = dpop_nonce;
        let mut fields = None;
        if let Some(id_token) = grant.id_token {
            let judged = self.verifier(metadata).refresh(id_token);
            if judged.suspects_keys {
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
        let request = TokenRequest::revocation(self.credentials(metadata)?, &*self.dialect, session, token, hint);
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
