//! The whole way, every part real: code flow, SQLite file, rotation with reuse detection, logout.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use oidc_session::{
    EndReason, Oidc, Outcome, Preemptive, Scopes, SessionErrorKind, SessionHandle, SessionId, SessionManager,
    SessionState, SessionStore as _, SignIn as _, SignInRequest, SqliteStore, Target,
};
use oidc_session_testkit::{AuthorizationServer, Fault, ManualClock};

const LIFETIME: Duration = Duration::from_secs(60);
const REPORTS: &str = "https://reports.example";
const BILLING: &str = "https://billing.example";

struct World {
    clock: ManualClock,
    server: AuthorizationServer,
    directory: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let clock = ManualClock::new();
        let server = AuthorizationServer::builder()
            .access_token_lifetime(LIFETIME)
            .resource(REPORTS, "read")
            .resource(BILLING, "pay")
            .clock(Arc::new(clock.clone()))
            .start()
            .await
            .unwrap();
        Self { clock, server, directory: tempfile::tempdir().unwrap() }
    }

    fn provider(&self) -> Oidc {
        Oidc::builder(self.server.issuer().as_str(), "native-app")
            .clock(Arc::new(self.clock.clone()))
            .request_budget(Duration::from_secs(5))
            .build()
            .unwrap()
    }

    async fn store(&self) -> SqliteStore {
        let path = self.directory.path().join("sessions.db");
        SqliteStore::builder(path).clock(Arc::new(self.clock.clone())).open().await.unwrap()
    }

    /// A program of its own: only the file and the server are shared.
    async fn program(&self) -> SessionHandle {
        SessionManager::builder(self.provider(), self.store().await)
            .policy(Preemptive::skew(Duration::from_secs(5)))
            .clock(self.clock.clone())
            .unsealed() // The test looks into its records.
            .build()
            .unwrap()
            .session(&id())
    }

    async fn signed_in(&self) -> SessionHandle {
        let (handle, provider) = (self.program().await, self.provider());
        let redirect_uri = "http://127.0.0.1:8400/callback".parse().unwrap();
        let mut request = SignInRequest::new(redirect_uri, Scopes::parse("openid offline_access read pay"));
        request.resources = vec![REPORTS.to_owned(), BILLING.to_owned()];
        let pending = provider.authorization_request(request).await.unwrap();
        let callback = self.server.authorize(&pending.authorization_url).unwrap();
        handle.sign_in(provider.exchange(pending, &callback).await.unwrap()).await.unwrap();
        handle
    }
}

fn id() -> SessionId {
    SessionId::named("default").unwrap()
}

#[tokio::test]
async fn a_session_stays_alive_over_many_rotations_and_ends_with_the_logout() {
    let world = World::new().await;
    let handle = world.signed_in().await;
    for _ in 0..10 {
        world.clock.advance(LIFETIME - Duration::from_secs(1));
        assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Refreshed);
        let token = handle.access_token().await.unwrap();
        assert!(world.server.is_active(token.expose()));
    }
    let last = handle.access_token().await.unwrap();
    let counters = world.server.counters();
    assert_eq!((counters.refresh_requests, counters.refresh_grants, counters.reuse_detected), (10, 10, 0));

    handle.logout().await.unwrap();
    assert!(!world.server.is_active(last.expose()));
    let error = world.program().await.access_token().await.unwrap_err();
    assert_eq!((error.kind(), error.end_reason()), (SessionErrorKind::SignInNeeded, Some(EndReason::LoggedOut)));
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_share_a_file_share_one_refresh_round_after_round() {
    let world = World::new().await;
    world.signed_in().await;
    let mut programs = Vec::new();
    for _ in 0..12 {
        programs.push(world.program().await);
    }
    for round in 1..=5 {
        world.clock.advance(LIFETIME);
        let calls: Vec<_> = programs
            .iter()
            .cloned()
            .map(|handle| tokio::spawn(async move { handle.access_token().await.unwrap() }))
            .collect();
        let mut tokens = Vec::new();
        for call in calls {
            tokens.push(call.await.unwrap());
        }
        assert!(tokens.iter().all(|token| *token == tokens[0]));
        let counters = world.server.counters();
        assert_eq!((counters.refresh_requests, counters.reuse_detected), (round, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_share_a_file_get_tokens_for_every_resource_over_the_one_refresh_token() {
    let world = World::new().await;
    world.signed_in().await;
    let mut programs = Vec::new();
    for _ in 0..4 {
        programs.push(world.program().await);
    }
    for round in 1..=4 {
        world.clock.advance(LIFETIME);
        let calls: Vec<_> = (0..60)
            .map(|n| {
                let resource = [REPORTS, BILLING][n % 2];
                let handle = programs[n / 2 % programs.len()].for_target(Target::resource(resource));
                tokio::spawn(async move { (resource, handle.access_token().await.unwrap()) })
            })
            .collect();
        for call in calls {
            let (resource, token) = call.await.unwrap();
            assert_eq!(world.server.access_token_audience(token.expose()), [resource]);
        }
        let counters = world.server.counters();
        assert_eq!(
            (counters.refresh_requests, counters.refresh_grants, counters.reuse_detected),
            (2 * round, 2 * round, 0)
        );
    }
}

#[tokio::test]
async fn an_answer_for_another_subject_is_not_used_but_its_rotation_is_recorded() {
    let world = World::new().await;
    let handle = world.signed_in().await;
    world.clock.advance(LIFETIME);
    world.server.inject(Fault::WrongSubject);
    let error = handle.access_token().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (SessionErrorKind::Unavailable, "answer_refused"));

    // The server has rotated: without the record the next refresh would look like reuse.
    world.clock.advance(Duration::from_secs(60));
    handle.access_token().await.unwrap();
    assert_eq!(world.server.counters().reuse_detected, 0);
    let stored = world.store().await.load(&id().store_key()).await.unwrap().unwrap();
    let SessionState::Active(session) = stored.record.decode().unwrap() else { panic!("the session has ended") };
    assert_eq!(session.subject.as_deref(), Some("alice"));
}

#[tokio::test]
async fn an_administrator_who_ends_the_session_ends_it_here_too() {
    let world = World::new().await;
    let handle = world.signed_in().await;
    world.server.revoke_subject("alice");
    world.clock.advance(LIFETIME);
    assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Ended(EndReason::Rejected));
    assert_eq!(world.program().await.refresh_if_expired().await.unwrap(), Outcome::Ended(EndReason::Rejected));
    assert_eq!(world.server.counters().refresh_requests, 1);
}

#[tokio::test]
async fn a_server_that_is_overloaded_is_left_alone_for_as_long_as_it_asks_by_every_program() {
    let world = World::new().await;
    let (one, other) = (world.signed_in().await, world.program().await);
    world.clock.advance(LIFETIME);
    world.server.inject(Fault::too_many_requests(oidc_session_testkit::RetryAfter::Seconds(30)));
    for program in [&one, &one, &other, &other] {
        let error = program.access_token().await.unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::Unavailable);
        assert!(error.retry_in().is_some_and(|wait| wait > Duration::from_secs(25)), "{:?}", error.retry_in());
    }
    assert_eq!(world.server.counters().refresh_requests, 1);
    world.clock.advance(Duration::from_secs(60));
    one.access_token().await.unwrap();
    other.access_token().await.unwrap();
    assert_eq!(world.server.counters().refresh_requests, 2);
}
