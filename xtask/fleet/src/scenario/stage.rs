//! [`Stage`]: an authorization server, a backend, and two worker processes.

use std::time::Duration;

use futures_util::future::try_join_all;
use oidc_session::{
    Clock as _, KeyRing, Oidc, Scopes, SessionId, SessionManager, SignIn as _, SignInRequest, SystemClock,
};
use oidc_session_test_servers::fresh_name;
use oidc_session_testkit::{AuthorizationServer, Client};
use url::Url;

use crate::backend::Backend;
use crate::order::{Asked, Setup};
use crate::team::Team;
use crate::{Result, ensure, home, report, web};

/// What the token endpoint takes for each answer.
pub(crate) const TOKEN_LATENCY: Duration = Duration::from_millis(50);

/// How many people sign in at once.
const AT_ONCE: usize = 20;

/// An authorization server with rotation and reuse detection, a backend, and two worker processes.
pub(crate) struct Stage {
    pub(crate) backend: Backend,
    pub(crate) team: Team,
    pub(crate) server: AuthorizationServer,
    /// How a process opens the sessions.
    pub(crate) setup: Setup,
    provider: Oidc,
    /// Signs in, in the process of the fleet itself. The workers find the sessions in the store.
    desk: SessionManager,
}

impl Stage {
    /// Starts everything.
    pub(crate) async fn set(backend: &str) -> Result<Self> {
        let backend = Backend::start(backend).await?;
        let web_site =
            Client::confidential(web::CLIENT_ID, web::CLIENT_SECRET).redirect_uri(web::REDIRECT_URI.parse()?);
        let server = AuthorizationServer::builder().latency(TOKEN_LATENCY).client(web_site).start().await?;
        let setup = Setup {
            store_url: backend.url()?,
            place: Some(fresh_name()),
            issuer: server.issuer().to_string(),
            keys: KeyRing::generate(SystemClock.now()).to_json().to_string(),
        };
        let desk = home::open(&setup).await?;
        let team = Team::start(&setup).await?;
        Ok(Self { backend, team, server, provider: home::provider(&setup)?, desk, setup })
    }

    /// Signs in by the code flow, once for each name. The access tokens have expired, or are fresh.
    pub(crate) async fn sign_in(&self, names: &[String], expired: bool) -> Result {
        for some in names.chunks(AT_ONCE) {
            try_join_all(some.iter().map(|name| self.sign_in_one(name, expired))).await?;
        }
        Ok(())
    }

    async fn sign_in_one(&self, name: &str, expired: bool) -> Result {
        let callback = Url::parse("http://127.0.0.1:1/callback")?;
        let request = SignInRequest::new(callback, Scopes::parse("openid offline_access"));
        let pending = self.provider.authorization_request(request).await?;
        let callback = self.server.authorize(&pending.authorization_url)?;
        let mut session = self.provider.exchange(pending, &callback).await?;
        if expired {
            session = session.into_expired(SystemClock.now());
        }
        Ok(self.desk.session(&SessionId::named(name)?).sign_in(session).await?)
    }

    /// How many refreshes the server has granted so far.
    pub(crate) fn grants(&self) -> u64 {
        self.server.counters().refresh_grants
    }

    /// Every session has one token, it is valid at the server, and nobody got an error.
    pub(crate) fn everybody_has_the_token(&self, asked: &Asked, sessions: &[String]) -> Result {
        ensure(asked.errors.is_empty(), || format!("callers got errors: {:?} {:?}", asked.errors, asked.samples))?;
        for session in sessions {
            match asked.tokens.get(session).map(Vec::as_slice) {
                Some([token]) if self.server.is_active(token) => {}
                Some(tokens) => {
                    return Err(format!("{session}: {} tokens, or one that is not valid", tokens.len()).into());
                }
                None => return Err(format!("{session}: nobody got a token").into()),
            }
        }
        Ok(())
    }

    /// The one thing that must never happen.
    pub(crate) fn nothing_was_presented_twice(&self) -> Result {
        let reused = self.server.counters().reuse_detected;
        ensure(reused == 0, || format!("{reused} refresh tokens were presented twice"))
    }

    /// Says that something holds.
    pub(crate) fn holds(&self, statement: &str, figures: &str) {
        report::holds(self.backend.name, statement, figures);
    }
}

/// The names of some sessions.
pub(crate) fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}-{number}")).collect()
}
