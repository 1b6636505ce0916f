//! How [`Oidc`] signs a subject in: the authorization code flow with PKCE.

use async_trait::async_trait;
use oidc_session_core::{
    DpopKey, PendingSignIn, ProviderError, ProviderErrorKind, Scopes, Session, SignIn, SignInRequest, TokenSet,
    TokenType,
};
use url::Url;

use crate::authorization::authorization_request;
use crate::dpop::Prover;
use crate::grant::Grant;
use crate::id_token::Verified;
use crate::metadata::Metadata;
use crate::oidc::Granted;
use crate::token_request::TokenRequest;
use crate::{Oidc, callback, pushed_request};

#[async_trait]
impl SignIn for Oidc {
    async fn authorization_request(&self, request: SignInRequest) -> Result<PendingSignIn, ProviderError> {
        let metadata = self.server.metadata().await?;
        let endpoint = metadata.authorization_endpoint.as_ref().ok_or_else(|| {
            ProviderError::new(ProviderErrorKind::Misconfigured, "the server has no authorization endpoint")
                .with_advice(self.dialect.ask_for_endpoints())
        })?;
        let prover = self.prover(None)?;
        let dpop_jkt = prover.as_ref().map(Prover::thumbprint);
        let now = self.server.clock.now();
        let mut pending = authorization_request(endpoint, &self.client.id, &*self.dialect, request, dpop_jkt, now)?;
        if self.pushes || metadata.require_pushed_authorization_requests {
            let parameters = pushed_request::parameters(endpoint, &pending.authorization_url);
            let request_uri = self.push(metadata, parameters).await?;
            pending.authorization_url = pushed_request::authorization_url(endpoint, &self.client.id, &request_uri);
        }
        pending.dpop_key = prover.map(Prover::into_key);
        Ok(pending)
    }

    async fn exchange(&self, pending: PendingSignIn, callback: &Url) -> Result<Session, ProviderError> {
        let metadata = self.server.metadata().await?;
        let is_issuer = |iss: &str| self.dialect.answers_as(&metadata.issuer, iss);
        let code = callback::code(&pending, callback, is_issuer, metadata.names_issuer, &*self.dialect)?;
        // Before the code is spent: without keys its answer would be worth nothing.
        let prover = self.prover(pending.dpop_key.as_ref())?;
        self.server.ensure_keys().await?;

        let request = |credentials| TokenRequest::code(credentials, &*self.dialect, &pending, &code);
        let granted = self.grant(metadata, request, prover.as_ref(), self.deadline()).await.map_err(spent_code)?;
        let verified = self.verify(metadata, &granted.grant, Some(&pending.nonce)).await?;
        let mut session = self.session(granted, verified, prover, pending.scopes)?;
        session.nonce = Some(pending.nonce);
        session.resources = pending.resources;
        Ok(session)
    }

    async fn end_session_url(
        &self,
        session: &Session,
        post_logout_redirect_uri: Option<&Url>,
    ) -> Result<Option<Url>, ProviderError> {
        let metadata = self.server.metadata().await?;
        self.check_own(metadata, session)?;
        let endpoint = metadata.end_session_endpoint.as_ref();
        Ok(self.dialect.end_session_url(endpoint, session, post_logout_redirect_uri))
    }
}

impl Oidc {
    /// Pushes an authorization request, and returns what the server calls it (RFC 9126).
    async fn push(&self, metadata: &Metadata, parameters: Vec<(String, String)>) -> Result<String, ProviderError> {
        let endpoint = metadata.pushed_authorization_request_endpoint.as_ref().ok_or_else(|| {
            ProviderError::new(
                ProviderErrorKind::Misconfigured,
                "the server publishes no endpoint for pushed authorization requests",
            )
            .with_advice("let the server offer them, or neither ask for them here nor require them there")
        })?;
        let request = TokenRequest::pushed(self.credentials(metadata)?, parameters);
        let clock = &self.server.clock;
        let answer = self.server.transport.post(endpoint, &request, self.deadline(), || clock.now()).await?;
        tracing::debug!(status = answer.status.as_u16(), "the endpoint for pushed authorization requests answered");
        pushed_request::request_uri(answer, &*self.dialect)
    }

    /// What proves possession at a sign-in: the key it began with, or a new one if tokens are to be bound.
    pub(crate) fn prover(&self, key: Option<&DpopKey>) -> Result<Option<Prover>, ProviderError> {
        match key {
            Some(key) => Prover::read(key).map(Some),
            None => self.dpop.then(Prover::generate).transpose(),
        }
    }

    /// Verifies the ID token of a sign-in, with fresh keys if the first try finds that ours may be outdated.
    pub(crate) async fn verify(
        &self,
        metadata: &Metadata,
        grant: &Grant,
        nonce: Option<&str>,
    ) -> Result<Verified, ProviderError> {
        let id_token = grant.id_token.as_ref().ok_or_else(|| invalid("the answer carries no ID token"))?;
        let access_token = grant.access_token.as_ref().ok_or_else(|| {
            invalid("the answer carries no access token").with_advice(self.dialect.ask_for_access_token())
        })?;
        self.verified(metadata, "the ID token", |verifier| verifier.sign_in(id_token, nonce, access_token)).await
    }

    /// The session that a grant begins.
    pub(crate) fn session(
        &self,
        granted: Granted,
        verified: Verified,
        prover: Option<Prover>,
        requested: Scopes,
    ) -> Result<Session, ProviderError> {
        let Granted { grant, requested_at, received_at, dpop_nonce } = granted;
        // A server may leave the access token unbound, and say so (RFC 9449 §5). Whoever asked for DPoP does not want it.
        if self.dpop && grant.token_type != Some(TokenType::DPoP) {
            let detail = "the server issued an access token that is not bound to the client's key";
            return Err(ProviderError::new(ProviderErrorKind::Misconfigured, detail)
                .with_advice("let the server issue DPoP tokens to this client, or sign in without DPoP"));
        }
        let mut tokens = TokenSet::new(requested_at, received_at);
        tokens.expires_at_hint = self.expires_at_hint(&grant);
        tokens.access_token = grant.access_token;
        tokens.token_type = grant.token_type.unwrap_or_default();
        tokens.refresh_token = grant.refresh_token;
        tokens.id_token = grant.id_token;
        tokens.scope = grant.scope;
        tokens.expires_in = grant.expires_in;
        tokens.refresh_in = grant.refresh_in;
        tokens.extended_expires_in = grant.extended_expires_in;
        tokens.refresh_token_expires_at = grant.refresh_token_expires_in.map(|lifetime| requested_at + lifetime);
        if tokens.refresh_token.is_none() {
            let advice = self.dialect.ask_for_refresh_token(&requested);
            tracing::warn!(advice, "the sign-in brought no refresh token, so the session ends with its access token");
        }

        if let Some(advice) = tokens.access_token.as_ref().and_then(|token| self.dialect.ask_for_audience(token)) {
            tracing::warn!(advice, "the sign-in brought an access token that no API will take");
        }

        let Verified { claims, fields } = verified;
        let mut session = Session::new(self.profile.id.clone(), claims.issuer, &self.client.id, tokens);
        session.subject = Some(claims.subject);
        session.sid = claims.sid;
        session.auth_time = claims.auth_time;
        session.requested_scope = Some(requested);
        session.ends_at = self.dialect.ends_at(&fields);
        session.provider_data = self.dialect.keep(&grant.others, Some(&fields));
        // Kept even if the access token is not bound: the refresh token of a public client is (RFC 9449 §5).
        session.dpop = prover.map(|prover| prover.into_binding(dpop_nonce));
        Ok(session)
    }

    /// What to do about a session that has no refresh token: one clause. `None` if it has one.
    pub fn refresh_token_advice(&self, session: &Session) -> Option<&'static str> {
        let requested = session.requested_scope.clone().unwrap_or_default();
        session.tokens.refresh_token.is_none().then(|| self.dialect.ask_for_refresh_token(&requested))
    }

    /// What to do about a session whose access token shows that no API will take it: one clause. `None` if nothing shows.
    pub fn access_token_advice(&self, session: &Session) -> Option<&'static str> {
        session.tokens.access_token.as_ref().and_then(|token| self.dialect.ask_for_audience(token))
    }
}

/// A code is refused for reasons of its own (RFC 6749 §5.2).
fn spent_code(error: ProviderError) -> ProviderError {
    match (error.error_code(), error.advice()) {
        (Some("invalid_grant"), None) => error.with_advice(
            "begin the sign-in again: a code is good once, for minutes, and with the redirect URI of its request only",
        ),
        _ => error,
    }
}

fn invalid(detail: impl Into<String>) -> ProviderError {
    ProviderError::new(ProviderErrorKind::InvalidAnswer, detail)
}
