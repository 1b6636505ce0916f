//! [`ProtectedApi`]: somebody else's server that wants the visitor's access token.

use std::error::Error;
use std::time::Duration;

use oidc_session::{AccessToken, Oidc, ProviderError, SessionError, SessionHandle, Snapshot};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use url::Url;

use crate::with_causes;

/// How long the API may take.
const BUDGET: Duration = Duration::from_secs(10);

/// The longest answer that is read, in bytes.
const LONGEST: usize = 256 * 1024;

/// Somebody else's server that wants the visitor's access token.
#[derive(Debug)]
pub(crate) struct ProtectedApi {
    provider: Oidc,
    address: Option<(Client, Url)>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// There is no access token to call it with.
    Session(SessionError),
    /// The API failed, in one sentence without what it answered.
    Answer(String),
}

impl ProtectedApi {
    /// The API at `url`, or the userinfo endpoint.
    pub(crate) fn new(provider: Oidc, url: Option<Url>) -> crate::Result<Self> {
        // A redirect would take the access token along.
        let client = || Client::builder().timeout(BUDGET).redirect(Policy::none()).build();
        let address = url.map(|url| client().map(|client| (client, url))).transpose()?;
        Ok(Self { provider, address })
    }

    /// What it answers to the bearer of the session's access token. If it refuses that token (RFC 6750 §3.1), the session is
    /// refreshed, and it is asked once more.
    pub(crate) async fn call(&self, session: &SessionHandle) -> Result<Value, ApiError> {
        let token = session.access_token().await?;
        match self.ask(session, &token).await? {
            Some(answer) => Ok(answer),
            None => {
                session.refresh_if_current_is(&token).await?;
                let token = session.access_token().await?;
                self.ask(session, &token).await?.ok_or_else(|| ApiError::Answer("it refuses every access token".into()))
            }
        }
    }

    /// `None` if it does not accept the access token.
    async fn ask(&self, session: &SessionHandle, token: &AccessToken) -> Result<Option<Value>, ApiError> {
        match &self.address {
            Some((client, url)) => get(client, url, token).await,
            None => self.userinfo(session).await,
        }
    }

    async fn userinfo(&self, session: &SessionHandle) -> Result<Option<Value>, ApiError> {
        let Snapshot::Active { session, .. } = session.snapshot().await? else {
            return Err(ApiError::Answer("the session has just ended".into()));
        };
        match self.provider.userinfo(&session).await {
            Ok(info) => Ok(Some(Value::Object(info.claims))),
            Err(error) if error.error_code() == Some("invalid_token") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

async fn get(client: &Client, url: &Url, token: &AccessToken) -> Result<Option<Value>, ApiError> {
    let mut answer = client.get(url.clone()).bearer_auth(token.expose()).send().await?;
    match answer.status() {
        StatusCode::UNAUTHORIZED => return Ok(None),
        status if !status.is_success() => return Err(ApiError::Answer(format!("it answered {status}"))),
        _ => {}
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > LONGEST {
            return Err(ApiError::Answer(format!("its answer is longer than {LONGEST} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map(Some).map_err(|_| ApiError::Answer("its answer is not JSON".into()))
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl From<ProviderError> for ApiError {
    fn from(error: ProviderError) -> Self {
        Self::Answer(with_causes(&error as &(dyn Error + 'static)))
    }
}

impl From<reqwest::Error> for ApiError {
    fn from(error: reqwest::Error) -> Self {
        // A URL may hold more than its address.
        Self::Answer(with_causes(&error.without_url() as &(dyn Error + 'static)))
    }
}
