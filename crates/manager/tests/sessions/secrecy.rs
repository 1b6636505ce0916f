//! Nothing that operators are told has a secret in it.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{ClientSecret, Clock as _, Scopes, Session, SessionId, SignIn as _, SignInRequest};
use oidc_session_manager::{KeyRing, Preemptive, SessionHandle, SessionManager, Snapshot};
use oidc_session_provider_oidc::{ClientAuth, Oidc};
use oidc_session_testkit::{AuthorizationServer, Client, Fault};

use crate::operator::Operator;
use crate::support::{LIFETIME, Unruly, World};

const CLIENT_SECRET: &str = "hunter2-of-the-client";
const SESSION_ID: &str = "the-cookie-of-alice-7f3a";
const SUBJECT: &str = "alice-whose-name-is-private";

/// A session at a real server, and every secret that came up.
struct Story {
    world: World,
    server: AuthorizationServer,
    provider: Oidc,
    store: Unruly,
    manager: SessionManager,
    handle: SessionHandle,
    secrets: Vec<String>,
}

impl Story {
    async fn begin() -> Self {
        let world = World::new();
        let server = AuthorizationServer::builder()
            .access_token_lifetime(LIFETIME)
            .client(Client::confidential("web-app", CLIENT_SECRET))
            .subject(SUBJECT)
            .clock(Arc::new(world.clock.clone()))
            .start()
            .await
            .unwrap();
        let provider = Oidc::builder(server.issuer().as_str(), "web-app")
            .client_auth(ClientAuth::Basic(ClientSecret::new(CLIENT_SECRET)))
            .clock(Arc::new(world.clock.clone()))
            .build()
            .unwrap();
        let store = Unruly::new(&world);
        let manager = SessionManager::builder(provider.clone(), store.clone())
            .policy(Preemptive::skew(Duration::from_secs(30)))
            .clock(world.clock.clone())
            .seal_with(KeyRing::generate(world.clock.now()))
            .build()
            .unwrap();
        let handle = manager.session(&SessionId::named(SESSION_ID).unwrap());
        let secrets = [CLIENT_SECRET, SESSION_ID, SUBJECT].map(str::to_owned).into();
        Self { world, server, provider, store, manager, handle, secrets }
    }

    async fn sign_in(&mut self) {
        let redirect_uri = "http://127.0.0.1:8400/callback".parse().unwrap();
        let request = SignInRequest::new(redirect_uri, Scopes::parse("openid offline_access"));
        let pending = self.provider.authorization_request(request).await.unwrap();
        self.secrets.extend([&pending.state, &pending.nonce].map(String::clone));
        self.secrets.push(pending.code_verifier.expose().to_owned());
        let callback = self.server.authorize(&pending.authorization_url).unwrap();
        let code = callback.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        self.secrets.push(code);
        let session = self.provider.exchange(pending, &callback).await.unwrap();
        self.learn(&session);
        self.handle.sign_in(session).await.unwrap();
    }

    fn learn(&mut self, session: &Session) {
        let tokens = &session.tokens;
        self.secrets.extend(tokens.access_token.as_ref().map(|token| token.expose().to_owned()));
        self.secrets.extend(tokens.refresh_token.as_ref().map(|token| token.expose().to_owned()));
        self.secrets.extend(tokens.id_token.as_ref().map(|token| token.expose().to_owned()));
    }

    /// What the session holds now is secret, too.
    async fn learn_again(&mut self) {
        let snapshot = self.handle.snapshot().await.unwrap();
        if let Snapshot::Active { session, .. } = snapshot {
            self.learn(&session);
        }
    }

    async fn refreshes(&mut self, expected: &str) {
        self.world.clock.advance(LIFETIME);
        let word = match self.handle.refresh_if_expired().await {
            Ok(outcome) => outcome.as_str(),
            Err(error) => error.outcome(),
        };
        assert_eq!(word, expected);
        self.learn_again().await;
    }
}

#[tokio::test]
async fn no_secret_is_in_any_span_field_event_or_metric() {
    let operator = Operator::listens();
    let mut story = Story::begin().await;
    story.sign_in().await;
    story.refreshes("refreshed").await;
    story.refreshes("refreshed").await;
    // The store fails, while tokens are in hand that nobody else has.
    story.store.fail_commits(2);
    story.refreshes("refreshed").await;
    story.manager.drain().await;
    story.handle.refresh().await.unwrap();
    story.learn_again().await;
    // Answers that quote, that lie, and that are none.
    let description = format!("{}-{}", "invalid_request", story.secrets[3]);
    story.server.inject(Fault::Error(description));
    story.refreshes("misconfigured").await;
    story.world.clock.advance(Duration::from_secs(600));
    story.server.inject(Fault::WrongSubject);
    story.refreshes("answer_refused").await;
    story.world.clock.advance(Duration::from_secs(600));
    story.refreshes("refreshed").await;
    story.server.inject(Fault::Garbage);
    story.server.inject(Fault::DropAfter);
    story.refreshes("outcome_unknown").await;
    story.refreshes("reuse_suspected").await;
    // Rejected, without anything lost before.
    story.sign_in().await;
    story.server.revoke_all();
    story.refreshes("ended").await;
    // Logged out, while the server does and does not answer.
    story.sign_in().await;
    story.handle.logout().await.unwrap();
    story.sign_in().await;
    let Story { server, handle, secrets, .. } = story;
    server.shutdown().await;
    assert!(handle.logout().await.unwrap().revocation.unwrap().is_err());

    let lines = operator.lines();
    let metrics = operator.metrics();
    for heard in ["span oidc_session_manager", "event oidc_session_manager", "event oidc_session_provider_oidc"] {
        assert!(lines.iter().any(|line| line.starts_with(heard)), "nothing of {heard}: {lines:#?}");
    }
    assert!(lines.len() > 200 && metrics.len() > 20, "{} lines, {} metrics", lines.len(), metrics.len());
    assert!(secrets.len() > 25, "{} secrets", secrets.len());
    let told = format!("{}\n{metrics:#?}", lines.join("\n"));
    for (number, secret) in secrets.iter().enumerate() {
        assert!(!secret.is_empty());
        let shown = told.lines().find(|line| line.contains(secret.as_str()));
        assert!(shown.is_none(), "secret {number} is in {shown:?}");
        // A signed token is as good as its parts.
        for part in secret.split('.').filter(|part| part.len() > 16) {
            assert!(!told.contains(part), "a part of secret {number} is told");
        }
    }
}
