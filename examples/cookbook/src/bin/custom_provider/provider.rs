//! A provider of your own: an OAuth 2.0 token service without discovery, ID tokens and revocation.

use async_trait::async_trait;
use oidc_session::ProviderErrorKind::{Misconfigured, NotSent, OutcomeUnknown, Rejected, TryLater};
use oidc_session::{AccessToken, Clock as _, Provider, ProviderError, ProviderId, ProviderProfile, RefreshToken};
use oidc_session::{Revocation, Session, SystemClock, Target, TokenAnswer};
use oidc_session_example_cookbook::http_client;

#[derive(Debug)]
pub(crate) struct TokenService {
    profile: ProviderProfile,
    endpoint: reqwest::Url,
    http: reqwest::Client,
}

impl TokenService {
    pub(crate) fn new(endpoint: reqwest::Url) -> reqwest::Result<Self> {
        let profile = ProviderProfile::new(ProviderId::new("token-service"));
        // Within the budget, presented at most once, and to nobody else.
        let http = http_client(&endpoint).timeout(profile.request_budget);
        let http = http.retry(reqwest::retry::never()).redirect(reqwest::redirect::Policy::none());
        Ok(Self { profile, endpoint, http: http.build()? })
    }
}

#[async_trait]
impl Provider for TokenService {
    fn profile(&self) -> &ProviderProfile {
        &self.profile
    }

    /// There is nothing to discover.
    async fn prepare(&self, _session: &Session) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn refresh(&self, session: &Session, _target: &Target) -> Result<TokenAnswer, ProviderError> {
        let token = session.tokens.refresh_token.as_ref().ok_or(ProviderError::new(NotSent, "no refresh token"))?;
        let form =
            [("grant_type", "refresh_token"), ("client_id", &session.client_id), ("refresh_token", token.expose())];
        let requested_at = SystemClock.now();
        let mut response = self.http.post(self.endpoint.clone()).form(&form).send().await.map_err(failed)?;
        let mut body = Vec::new();
        // A token answer has some kilobytes. What is longer is cut, and then no answer.
        while let (Some(chunk), ..65_536) = (response.chunk().await.map_err(failed)?, body.len()) {
            body.extend_from_slice(&chunk);
        }
        let fields: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        match (response.status().as_u16(), fields["access_token"].as_str(), fields["error"].as_str()) {
            (200, Some(access_token), _) => {
                let mut answer = TokenAnswer::new(requested_at, SystemClock.now());
                answer.access_token = Some(AccessToken::new(access_token));
                answer.refresh_token = fields["refresh_token"].as_str().map(RefreshToken::new);
                answer.expires_in = fields["expires_in"].as_u64().map(std::time::Duration::from_secs);
                Ok(answer)
            }
            // The one verdict: it ends the session. Everything else keeps it.
            (400, _, Some("invalid_grant")) => Err(ProviderError::new(Rejected, "the grant is gone")),
            (429, ..) => Err(ProviderError::new(TryLater, "the token service is busy")),
            (300..=499, ..) => Err(ProviderError::new(Misconfigured, "the token service does not know this client")),
            _ => Err(ProviderError::new(OutcomeUnknown, "the token service failed")),
        }
    }

    async fn revoke(&self, _session: &Session) -> Result<Revocation, ProviderError> {
        Ok(Revocation::Unsupported)
    }
}

/// If the request may have arrived, nobody knows whether the refresh token is spent: never say `NotSent` then.
fn failed(error: reqwest::Error) -> ProviderError {
    let kind = if error.is_connect() { NotSent } else { OutcomeUnknown };
    ProviderError::new(kind, "the token service did not answer").because(error.without_url())
}
