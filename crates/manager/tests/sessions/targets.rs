//! Several access tokens over one refresh token (RFC 8707), and the limit that no refresh moves.

use std::time::Duration;

use oidc_session_core::ProviderErrorKind::{InteractionRequired, Misconfigured};
use oidc_session_core::{
    Clock as _, Commit, EndReason, Expected, Record, SessionState, SessionStore as _, Stored, Target,
};
use oidc_session_manager::{OnRefreshFailure, Outcome, SessionErrorKind, SessionEventKind, SessionHandle};

use crate::support::{LIFETIME, Turn, Unruly, World, id, meanwhile, token_of};

fn api(handle: &SessionHandle, name: &str) -> SessionHandle {
    handle.for_target(Target::resource(name))
}

#[tokio::test]
async fn each_target_has_its_own_access_token_over_the_one_refresh_token() {
    let world = World::new();
    let handle = world.signed_in().await;
    let (api_a, api_b) = (api(&handle, "a"), api(&handle, "b"));
    assert_eq!(token_of(&api_a).await, "at-1@a");
    assert_eq!(token_of(&api_b).await, "at-2@b");
    for _ in 0..3 {
        assert_eq!(token_of(&handle).await, "at-0");
        assert_eq!(token_of(&api_a).await, "at-1@a");
        assert_eq!(api_b.authorization().await.unwrap(), "Bearer at-2@b");
    }
    assert_eq!(world.server.presented(), ["rt-0", "rt-1"]);
    // What one process was granted serves the others.
    assert_eq!(token_of(&api(&world.process(), "a")).await, "at-1@a");
    assert_eq!(world.server.presented().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn any_number_of_callers_targets_and_processes_present_each_refresh_token_once() {
    let world = World::new();
    world.expired().await;
    let processes: Vec<_> = (0..8).map(|_| world.process()).collect();
    let calls: Vec<_> = (0..400)
        .map(|n| {
            let process = &processes[n % processes.len()];
            let name = ["own", "a", "b", "c", "d"][n / processes.len() % 5];
            let handle = if name == "own" { process.clone() } else { api(process, name) };
            tokio::spawn(async move { (name, token_of(&handle).await) })
        })
        .collect();
    for call in calls {
        let (name, token) = call.await.unwrap();
        match name {
            "own" => assert!(!token.contains('@'), "{token}"),
            name => assert!(token.ends_with(&format!("@{name}")), "{token} for {name}"),
        }
    }
    let presented = world.server.presented();
    let expected: Vec<_> = (0..5).map(|n| format!("rt-{n}")).collect();
    assert_eq!(presented, expected, "one grant for each of five targets, one after another");
}

#[tokio::test]
async fn equal_requests_for_a_target_share_one_grant_and_others_wait_their_turn() {
    let world = World::new();
    let handle = world.expired().await;
    let gate = world.server.holds_the_answer();
    let own = meanwhile(&handle, |handle| async move { handle.refresh_if_expired().await });
    world.server.has_seen(1).await;
    let for_api = |_| meanwhile(&api(&handle, "a"), |handle| async move { handle.refresh_if_expired().await });
    let waiting: Vec<_> = (0..50).map(for_api).collect();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.server.presented().len(), 1, "grants of one session run one after another");
    gate.add_permits(1);
    assert_eq!(own.await.unwrap().unwrap(), Outcome::Refreshed);
    let mut outcomes = Vec::new();
    for call in waiting {
        outcomes.push(call.await.unwrap().unwrap());
    }
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Refreshed).count(), 1);
    assert_eq!(world.server.presented(), ["rt-0", "rt-1"]);
}

#[tokio::test]
async fn no_target_waits_behind_those_that_come_later() {
    let world = World::new();
    let handle = world.signed_in().await;
    let gate = world.server.holds_the_answer();
    // Ten callers ask for one new access token after another …
    let busy = |_| {
        meanwhile(&api(&handle, "busy"), |handle| async move {
            for _ in 0..20 {
                handle.refresh().await.unwrap();
            }
        })
    };
    let busy: Vec<_> = (0..10).map(busy).collect();
    world.server.has_seen(1).await;
    // … and two who come while the first of them is under way get theirs next, in their order.
    let waiting: Vec<_> =
        ["a", "b"].map(|name| meanwhile(&api(&handle, name), |h| async move { token_of(&h).await })).into();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(1);
    let mut tokens = Vec::new();
    for call in waiting {
        tokens.push(call.await.unwrap());
    }
    assert_eq!(tokens, ["at-2@a", "at-3@b"]);
    for call in busy {
        call.await.unwrap();
    }
}

#[tokio::test]
async fn a_target_that_is_refused_says_nothing_about_the_session() {
    for kind in [Misconfigured, InteractionRequired] {
        let world = World::new();
        let handle = world.signed_in().await;
        world.server.then(Turn::Fails(kind));
        assert!(api(&handle, "nowhere").access_token().await.is_err());
        // Neither the session's own token nor another target has to wait for it.
        assert_eq!(handle.refresh().await.unwrap(), Outcome::Refreshed);
        assert_eq!(token_of(&api(&handle, "a")).await, "at-2@a");
        assert_eq!(token_of(&handle).await, "at-1");
    }
}

#[tokio::test]
async fn a_refused_target_ends_no_session_even_if_failures_do() {
    let world = World::new();
    let handle = world.builder().on_refresh_failure(OnRefreshFailure::DiscardAlways).build().unwrap().session(&id());
    handle.sign_in(world.session()).await.unwrap();
    world.server.then(Turn::Fails(Misconfigured));
    assert!(api(&handle, "nowhere").access_token().await.is_err());
    assert_eq!(token_of(&handle).await, "at-0");
}

#[tokio::test]
async fn a_target_without_a_refresh_token_asks_for_a_sign_in_and_ends_nothing() {
    let world = World::new();
    let handle = world.process();
    let mut session = world.session();
    session.tokens.refresh_token = None;
    handle.sign_in(session).await.unwrap();
    let error = api(&handle, "a").access_token().await.unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::SignInNeeded);
    assert_eq!(token_of(&handle).await, "at-0");
}

#[tokio::test]
async fn a_verdict_on_the_refresh_token_ends_the_session_for_every_target() {
    let world = World::new();
    let handle = world.signed_in().await;
    let api = api(&handle, "a");
    assert_eq!(token_of(&api).await, "at-1@a");
    world.server.kill();
    assert_eq!(api.refresh().await.unwrap(), Outcome::Ended(EndReason::Rejected));
    assert_eq!(handle.access_token().await.unwrap_err().end_reason(), Some(EndReason::Rejected));
}

#[tokio::test]
async fn an_event_names_the_target_it_is_about() {
    let world = World::new();
    let handle = world.process();
    let mut events = handle.subscribe();
    handle.sign_in(world.session()).await.unwrap();
    token_of(&api(&handle, "a")).await;
    handle.refresh().await.unwrap();
    world.server.then(Turn::Fails(Misconfigured));
    api(&handle, "nowhere").access_token().await.unwrap_err();
    api(&handle, "a").logout().await.unwrap();

    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push((event.kind, event.target.resource_indicator().map(str::to_owned)));
    }
    let on = |name: &str| Some(name.to_owned());
    assert_eq!(
        told,
        [
            (SessionEventKind::SignedIn, None),
            (SessionEventKind::Refreshed, on("a")),
            (SessionEventKind::Refreshed, None),
            (SessionEventKind::Unavailable("misconfigured"), on("nowhere")),
            (SessionEventKind::Ended(EndReason::LoggedOut), None),
        ]
    );
}

#[tokio::test]
async fn a_logout_ends_every_target() {
    let world = World::new();
    let handle = world.signed_in().await;
    let api = api(&handle, "a");
    assert_eq!(token_of(&api).await, "at-1@a");
    api.logout().await.unwrap();
    for handle in [&handle, &api] {
        assert_eq!(handle.access_token().await.unwrap_err().end_reason(), Some(EndReason::LoggedOut));
    }
    assert_eq!(world.server.revoked(), ["rt-1"]);
}

#[tokio::test]
async fn a_token_with_less_than_the_wanted_scope_is_not_used_but_its_rotation_is_kept() {
    let world = World::new();
    let handle = world.signed_in().await;
    world.server.then(Turn::GrantsLess);
    let error = api(&handle, "a").access_token().await.unwrap_err();
    assert!(error.to_string().contains("less than the scope"), "{error}");
    let stored = world.stored_session().await;
    assert_eq!(stored.tokens.refresh_token.unwrap().expose(), "rt-1");
    assert!(stored.further_tokens.is_empty());
}

/// How often `rt-…` is presented while `handle` is asked for a token every second for two minutes.
async fn presented_in_two_minutes(world: &World, handle: &SessionHandle) -> usize {
    let before = world.server.presented().len();
    for _ in 0..120 {
        let _ = handle.access_token().await;
        world.clock.advance(Duration::from_secs(1));
    }
    world.server.presented().len() - before
}

#[tokio::test]
async fn an_answer_that_is_refused_every_time_is_asked_for_ever_more_rarely() {
    let world = World::new();
    let handle = world.signed_in().await;
    for _ in 0..120 {
        world.server.then(Turn::GrantsLess);
    }
    // Each of them is committed, because the refresh token was rotated; that is no reason to ask again.
    let presented = presented_in_two_minutes(&world, &api(&handle, "a")).await;
    assert!((4..=8).contains(&presented), "{presented}");
}

#[tokio::test]
async fn the_success_of_one_target_does_not_wake_another_that_was_refused() {
    let world = World::new();
    let handle = world.signed_in().await;
    let (api_a, nowhere) = (api(&handle, "a"), api(&handle, "nowhere"));
    for _ in 0..4 {
        world.server.then(Turn::Fails(Misconfigured));
        nowhere.refresh().await.unwrap_err();
    }
    assert_eq!(token_of(&api_a).await, "at-1@a");
    let presented = world.server.presented().len();
    nowhere.access_token().await.unwrap_err();
    assert_eq!(world.server.presented().len(), presented);
    // A new sign-in may reach what the last one did not.
    handle.sign_in(world.session_with("at-new", "rt-1")).await.unwrap();
    assert_eq!(token_of(&nowhere).await, "at-2@nowhere");
}

#[tokio::test]
async fn the_success_of_one_target_wakes_another_that_could_not_be_reached() {
    let world = World::new();
    let handle = world.signed_in().await;
    world.server.set_reachable(false);
    let (api_a, api_b) = (api(&handle, "a"), api(&handle, "b"));
    for api in [&api_a, &api_b] {
        for _ in 0..4 {
            api.refresh().await.unwrap_err();
        }
    }
    world.server.set_reachable(true);
    assert_eq!(api_a.refresh().await.unwrap(), Outcome::Refreshed);
    assert_eq!(token_of(&api_b).await, "at-2@b");
}

#[tokio::test]
async fn an_expired_target_is_refreshed_alone() {
    let world = World::new();
    let handle = world.signed_in().await;
    world.clock.advance(LIFETIME / 2);
    let api = api(&handle, "a");
    assert_eq!(token_of(&api).await, "at-1@a");
    world.clock.advance(LIFETIME / 2);
    assert_eq!(token_of(&handle).await, "at-2");
    assert_eq!(token_of(&api).await, "at-1@a");
    world.clock.advance(LIFETIME / 2);
    assert_eq!(token_of(&api).await, "at-3@a");
    assert_eq!(token_of(&handle).await, "at-2");
}

#[tokio::test]
async fn the_targets_of_a_session_are_bounded() {
    let world = World::new();
    let handle = world.signed_in().await;
    for n in 0..20 {
        token_of(&api(&handle, &n.to_string())).await;
        world.clock.advance(Duration::from_secs(1));
    }
    let kept = world.stored_session().await.further_tokens;
    assert_eq!(kept.len(), 16);
    assert!(!kept.contains_key(&Target::resource("3")) && kept.contains_key(&Target::resource("4")));
}

#[tokio::test]
async fn no_refresh_moves_the_limit_of_a_session() {
    let world = World::new();
    let handle = world.process();
    let mut session = world.session();
    session.ends_at = Some(world.clock.now() + LIFETIME * 3 / 2);
    handle.sign_in(session).await.unwrap();
    world.clock.advance(LIFETIME);
    assert_eq!(token_of(&handle).await, "at-1");
    // The new access token would live on, the session does not.
    world.clock.advance(LIFETIME / 2 - Duration::from_secs(1));
    assert_eq!(token_of(&handle).await, "at-1");
    world.clock.advance(Duration::from_secs(1));
    let error = handle.access_token().await.unwrap_err();
    assert_eq!(error.end_reason(), Some(EndReason::LimitReached));
    assert_eq!(world.server.presented(), ["rt-0"]);
    let state = world.stored().await.unwrap().record.decode().unwrap();
    assert!(matches!(state, SessionState::Ended(tombstone) if tombstone.reason == EndReason::LimitReached));
}

#[tokio::test]
async fn a_limit_ends_a_session_whose_tokens_never_said_when_they_expire() {
    let world = World::new();
    let handle = world.process();
    let mut session = world.session();
    session.tokens.expires_in = None;
    session.ends_at = Some(world.clock.now() + LIFETIME);
    handle.sign_in(session).await.unwrap();
    assert_eq!(token_of(&handle).await, "at-0");
    world.clock.advance(LIFETIME);
    assert_eq!(handle.access_token().await.unwrap_err().end_reason(), Some(EndReason::LimitReached));
}

#[tokio::test]
async fn a_token_that_finds_no_room_in_a_record_that_grew_is_not_called_refreshed() {
    let world = World::new();
    world.signed_in().await;
    let store = Unruly::new(&world);
    let manager = world.over(&store);
    let commit = store.hold_commit_request();
    let refresh = meanwhile(&api(&manager.session(&id()), "a"), |api| async move { api.refresh_if_expired().await });
    store.holds_somebody().await;

    // Another program fills the record up, beside the tokens.
    let stored = world.stored().await.unwrap();
    let SessionState::Active(mut session) = stored.record.decode().unwrap() else { panic!("the session has ended") };
    session.data.insert("filling".into(), "".into());
    let taken = Record::encode(&SessionState::Active(session.clone())).unwrap().as_bytes().len();
    session.data.insert("filling".into(), "x".repeat(Record::MAX_LENGTH - taken - 50).into());
    let record = Record::encode(&SessionState::Active(session)).unwrap();
    let expected = Expected::At(stored.version);
    let next = Stored::after(expected, record, world.clock.now());
    assert_eq!(world.store.commit(&id().store_key(), expected, &next, None).await.unwrap(), Commit::Done);

    commit.add_permits(1);
    let error = refresh.await.unwrap().unwrap_err();
    assert_eq!(error.outcome(), "answer_refused");
    let stored = world.stored_session().await;
    assert_eq!(stored.tokens.refresh_token.unwrap().expose(), "rt-1");
    assert!(stored.further_tokens.is_empty() && stored.data.contains_key("filling"));
}
