//! How [`Oidc`] signs a subject in: the authorization code flow with PKCE.

use async_trait::async_trait;
use oidc_session_core::{
    IdClaims, PendingSignIn, ProviderError, ProviderErrorKind, Session, SignIn, SignInRequest, TokenSet,
};
use url::Url;

use crate::authorization::authorization_request;
use crate::grant::Grant;
use crate::id_token::Unverified;
use crate::oidc::Granted;
use crate::token_request::TokenRequest;
use crate::{Oidc, callback};

#[async_trait]
impl SignIn for Oidc {
    async fn authorization_request(&self, request: SignInRequest) -> Result<PendingSignIn, ProviderError> {
        let metadata = self.server.metadata().await?;
        let endpoint = metadata.authorization_endpoint.as_ref().ok_or_else(|| {
            ProviderError::new(ProviderErrorKind::Misconfigured, "the server has no authorization endpoint")
        })?;
        let now = self.server.clock.now();
        authorization_request(endpoint, &self.client.id, &*self.dialect, request, now)
    }

    async fn exchange(&self, pending: PendingSignIn, callback: &Url) -> Result<Session, ProviderError> {
        let metadata = self.server.metadata().await?;
        let code = callback::code(&pending, callback, &self.server.issuer, metadata.names_issuer)?;
        // Before the code is spent: without keys its answer would be worth nothing.
        self.server.ensure_keys().await?;

        let request = TokenRequest::code(&self.client, &code, &pending.redirect_uri, &pending.code_verifier);
        let granted = self.grant(&metadata.token_endpoint, &request, self.deadline()).await?;
        let claims = self.verify(&granted.grant, &pending.nonce).await?;
        Ok(self.session(granted, claims, pending.nonce))
    }

    async fn end_session_url(
        &self,
        session: &Session,
        post_logout_redirect_uri: Option<&Url>,
    ) -> Result<Option<Url>, ProviderError> {
        self.check_own(session)?;
        let endpoint = self.server.metadata().await?.end_session_endpoint.as_ref();
        Ok(self.dialect.end_session_url(endpoint, session, post_logout_redirect_uri))
    }
}

impl Oidc {
    /// Verifies the ID token of a sign-in, with fresh keys if the first try finds its key unknown.
    async fn verify(&self, grant: &Grant, nonce: &str) -> Result<IdClaims, ProviderError> {
        let id_token = grant.id_token.as_ref().ok_or_else(|| invalid("the answer carries no ID token"))?;
        let access_token = grant.access_token.as_ref().ok_or_else(|| invalid("the answer carries no access token"))?;
        let mut verified = self.verifier().sign_in(id_token, nonce, access_token);
        if verified == Err(Unverified::UnknownKey) {
            self.server.keys.mark_outdated();
            self.server.ensure_keys().await?;
            verified = self.verifier().sign_in(id_token, nonce, access_token);
        }
        verified.map_err(|unverified| match unverified {
            Unverified::UnknownKey => invalid("the ID token is not usable: no published key fits its signature"),
            Unverified::Refused(reason) => invalid(format!("the ID token is not usable: {reason}")),
        })
    }

    fn session(&self, granted: Granted, claims: IdClaims, nonce: String) -> Session {
        let Granted { grant, requested_at, received_at } = granted;
        let mut tokens = TokenSet::new(requested_at, received_at);
        tokens.expires_at_hint = self.expires_at_hint(&grant);
        tokens.access_token = grant.access_token;
        tokens.token_type = grant.token_type.unwrap_or_default();
        tokens.refresh_token = grant.refresh_token;
        tokens.id_token = grant.id_token;
        tokens.scope = grant.scope;
        tokens.expires_in = grant.expires_in;

        let id = self.profile.id.clone();
        let mut session = Session::new(id, &self.server.issuer, &self.client.id, tokens);
        session.subject = Some(claims.subject);
        session.sid = claims.sid;
        session.auth_time = claims.auth_time;
        session.nonce = Some(nonce);
        session
    }
}

fn invalid(detail: impl Into<String>) -> ProviderError {
    ProviderError::new(ProviderErrorKind::InvalidAnswer, detail)
}
