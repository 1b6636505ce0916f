//! [`SignedIn`]: a session, as a program keeps one.

use std::time::Duration;

use oidc_session::{
    Oidc, Outcome, Provider as _, ProviderError, ProviderErrorKind, RefreshToken, Scopes, ServedToken, Session,
    SessionHandle, SessionId, SessionManager, SignIn as _, SignInRequest, Snapshot, SqliteStore, Target, TokenAnswer,
};
use url::Url;

use crate::checks::{Result, ensure};
use crate::server::Server;

/// Nobody listens there: the browser stops before it.
pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// A session in a file of its own.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    /// What made it and keeps it alive.
    pub(crate) provider: Oidc,
    /// Its handle.
    pub(crate) session: SessionHandle,
}

impl SignedIn {
    /// Signs in with the code flow, and keeps the session in the file `name`.
    pub(crate) async fn by_code(server: &Server, provider: &Oidc, name: &str) -> Result<Self> {
        Self::keeping(server, provider, name, code_flow(server, provider, request()?).await?).await
    }

    /// Keeps a session that was made in another way.
    pub(crate) async fn keeping(server: &Server, provider: &Oidc, name: &str, session: Session) -> Result<Self> {
        let signed_in = Self::reopened(server, provider, name).await?;
        signed_in.session.sign_in(session).await?;
        Ok(signed_in)
    }

    /// The session that is kept in the file `name`, with a store and a manager that know nothing of it yet.
    pub(crate) async fn reopened(server: &Server, provider: &Oidc, name: &str) -> Result<Self> {
        let store = SqliteStore::open(server.folder.join(format!("{name}.db"))).await?;
        let sessions = SessionManager::builder(provider.clone(), store).build()?;
        Ok(Self { provider: provider.clone(), session: sessions.session(&SessionId::named("default")?) })
    }

    /// Lets the access token expire, and takes the next one.
    pub(crate) async fn refreshed(&self) -> Result<ServedToken> {
        self.session.expire().await?;
        let token = self.session.token_for(Duration::from_secs(1)).await?;
        ensure(token.outcome == Outcome::Refreshed, || format!("the outcome is {}", token.outcome))?;
        Ok(token)
    }

    /// Refreshes so many times; each brings another access token, if `renewed`.
    pub(crate) async fn stays(&self, refreshes: usize, renewed: bool) -> Result {
        let mut last = self.stored().await?.tokens.access_token;
        for _ in 0..refreshes {
            let next = Some(self.refreshed().await?.access_token);
            ensure(!renewed || next != last, || "the refresh brought the same access token".into())?;
            last = next;
        }
        Ok(())
    }

    /// The session as the store has it.
    pub(crate) async fn stored(&self) -> Result<Session> {
        match self.session.snapshot().await? {
            Snapshot::Active { session, .. } => Ok(*session),
            other => Err(format!("there is no living session: {other:?}").into()),
        }
    }

    /// Presents a refresh token behind the manager's back.
    pub(crate) async fn present(&self, refresh_token: Option<RefreshToken>) -> Result<Presented> {
        let mut session = self.stored().await?;
        session.tokens.refresh_token = refresh_token;
        Ok(self.provider.refresh(&session, &Target::default()).await)
    }
}

/// What became of a refresh token that was presented.
pub(crate) type Presented = std::result::Result<TokenAnswer, ProviderError>;

/// What to ask for at every sign-in. Without a prompt, the real provider gives no refresh token (OIDC Core §11).
pub(crate) fn request() -> Result<SignInRequest> {
    let mut request = SignInRequest::new(Url::parse(REDIRECT_URI)?, Scopes::parse("openid offline_access"));
    request.parameters.push(("prompt".into(), "consent".into()));
    Ok(request)
}

/// Signs in with the code flow.
pub(crate) async fn code_flow(server: &Server, provider: &Oidc, request: SignInRequest) -> Result<Session> {
    let pending = provider.authorization_request(request).await?;
    let callback = server.visit(&pending.authorization_url).await?;
    Ok(provider.exchange(pending, &callback).await?)
}

/// Fails unless `result` is an error of `kind`; returns it.
pub(crate) fn fails<T>(
    result: std::result::Result<T, ProviderError>,
    kind: ProviderErrorKind,
) -> Result<ProviderError> {
    match result {
        Ok(_) => Err(format!("it succeeded, and should have failed as {kind:?}").into()),
        Err(error) if error.kind() == kind => Ok(error),
        Err(error) => Err(format!("it failed as {:?}, not as {kind:?}: {error}", error.kind()).into()),
    }
}
