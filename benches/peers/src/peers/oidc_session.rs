//! oidc-session itself: a handle of a session in memory.

use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderValue;
use oidc_session_core::{
    AccessToken, Clock as _, Provider, ProviderError, ProviderId, ProviderProfile, RefreshToken, Revocation, Session,
    SessionId, SystemClock, Target, TokenAnswer, TokenSet,
};
use oidc_session_manager::{SessionHandle, SessionManager};
use oidc_session_store_memory::MemoryStore;
use tokio::runtime::Handle;

use crate::{Peer, TokenEndpoint};

/// A handle of a signed-in session.
#[derive(Debug)]
pub struct OidcSession {
    session: SessionHandle,
}

#[derive(Debug)]
struct Endpoint {
    profile: ProviderProfile,
    endpoint: Arc<TokenEndpoint>,
}

#[async_trait]
impl Provider for Endpoint {
    fn profile(&self) -> &ProviderProfile {
        &self.profile
    }

    async fn prepare(&self, _session: &Session) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn refresh(&self, _session: &Session, _target: &Target) -> Result<TokenAnswer, ProviderError> {
        let requested_at = SystemClock.now();
        let issued = self.endpoint.token().await;
        let mut answer = TokenAnswer::new(requested_at, SystemClock.now());
        answer.access_token = Some(AccessToken::new(issued.token));
        answer.expires_in = Some(issued.lifetime);
        answer.refresh_token = Some(RefreshToken::new("the next"));
        Ok(answer)
    }

    async fn revoke(&self, _session: &Session) -> Result<Revocation, ProviderError> {
        Ok(Revocation::Unsupported)
    }
}

impl Peer for OidcSession {
    const NAME: &'static str = "oidc-session";
    const CRATE: Option<&'static str> = Some("oidc-session-manager");

    async fn start(endpoint: Arc<TokenEndpoint>) -> Self {
        let issued = endpoint.token().await;
        // A token that has expired was issued a day ago: one that expires on arrival would be the server's fault.
        let requested_at = SystemClock.now() - (TokenEndpoint::LIFETIME - issued.lifetime);
        let mut tokens = TokenSet::new(requested_at, requested_at);
        tokens.access_token = Some(AccessToken::new(issued.token));
        tokens.expires_in = Some(TokenEndpoint::LIFETIME);
        tokens.refresh_token = Some(RefreshToken::new("the first"));

        let id = ProviderId::new("endpoint");
        let provider = Endpoint { profile: ProviderProfile::new(id.clone()), endpoint };
        let manager = SessionManager::builder(provider, MemoryStore::new()).build().expect("the defaults fit");
        let session = manager.session(&SessionId::random());
        let signed_in = Session::new(id, "https://login.example", "app", tokens);
        session.sign_in(signed_in).await.expect("memory does not fail");
        Self { session }
    }

    async fn authorization(&self) -> HeaderValue {
        self.session.authorization().await.expect("the endpoint does not fail")
    }

    fn header(&self, _thread: usize) -> HeaderValue {
        self.session.try_authorization().unwrap_or_else(|| self.waited_for())
    }
}

impl OidcSession {
    /// The way on when what is known has to be confirmed first, as it may at any time.
    #[cold]
    fn waited_for(&self) -> HeaderValue {
        Handle::current().block_on(self.authorization())
    }
}
