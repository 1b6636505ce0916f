//! [`Desk`]: signs in, one after another, in the process of the run itself.

use std::sync::Arc;

use oidc_session::{Oidc, Scopes, SessionId, SessionManager, SignIn as _, SignInRequest};
use oidc_session_testkit::AuthorizationServer;
use tokio::sync::mpsc;
use url::Url;

use super::home;
use super::line::{Millis, Setup, mark, now, session_name};
use crate::Result;

/// A fault may hit a sign-in, too.
const MOST_TRIES: usize = 40;

/// Somebody has signed in.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub(crate) session: usize,
    /// The subject: each sign-in is somebody else, so that attempts tell whose they are.
    pub(crate) subject: String,
    /// The number of the token family at the authorization server.
    pub(crate) family: u64,
    /// The first access token.
    pub(crate) token: String,
    /// When it was there.
    pub(crate) at: Millis,
    /// When it was stored.
    pub(crate) stored: Millis,
}

/// Signs in for the sessions that it is told.
pub(crate) struct Desk {
    pub(crate) orders: mpsc::UnboundedSender<usize>,
    pub(crate) done: mpsc::UnboundedReceiver<Result<SignedIn>>,
}

impl Desk {
    /// Opens it. It reaches the store whatever happens to the workers.
    pub(crate) async fn open(setup: &Setup, server: Arc<AuthorizationServer>) -> Result<Self> {
        let provider = home::provider(setup)?;
        let manager = home::open(setup, provider.clone(), home::store(setup).await?)?;
        let (orders, mut ordered) = mpsc::unbounded_channel();
        let (tell, done) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut number = 0;
            while let Some(session) = ordered.recv().await {
                number += 1;
                let subject = format!("{}, sign-in {number}", session_name(session));
                if tell.send(sign_in(&manager, &provider, &server, session, subject).await).is_err() {
                    return;
                }
            }
        });
        Ok(Self { orders, done })
    }
}

async fn sign_in(
    manager: &SessionManager,
    provider: &Oidc,
    server: &AuthorizationServer,
    session: usize,
    subject: String,
) -> Result<SignedIn> {
    for _ in 0..MOST_TRIES {
        let mut request =
            SignInRequest::new(Url::parse("http://127.0.0.1:1/callback")?, Scopes::parse("openid offline_access"));
        request.parameters.push(("login_hint".to_owned(), subject.clone()));
        let pending = provider.authorization_request(request).await?;
        let callback = server.authorize(&pending.authorization_url)?;
        let Ok(signed_in) = provider.exchange(pending, &callback).await else { continue };
        let at = now();
        // Nobody else redeems codes, so families are counted with them.
        let family = server.counters().code_grants;
        let token = signed_in.tokens.access_token.as_ref().map(|token| mark(token.expose())).unwrap_or_default();
        let handle = manager.session(&SessionId::named(session_name(session))?);
        for _ in 0..MOST_TRIES {
            if handle.sign_in(signed_in.clone()).await.is_ok() {
                return Ok(SignedIn { session, subject, family, token, at, stored: now() });
            }
        }
    }
    Err(format!("{subject} could not sign in").into())
}
