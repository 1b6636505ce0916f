//! Every outcome as an operator sees it: in a span, an event and a metric, by the word that the caller gets.

use std::time::Duration;

use oidc_session_core::{
    Commit, EndReason, Expected, HolderId, ProviderErrorKind, Record, SessionStore as _, Stored, Version,
};
use oidc_session_manager::{
    OnRefreshFailure, Outcome, Preemptive, SessionError, SessionEventKind, SessionHandle, SessionManager,
};

use tracing::Instrument as _;

use crate::machine::{Line, Wire, follows, settle};
use crate::operator::{Operator, Value, count, values};
use crate::support::{LIFETIME, Turn, Unruly, World, id, meanwhile, token_of};

const OUTCOMES: &str = "oidc_session_outcomes_total";
const ENDED: &str = "oidc_session_ended_total";
const SECOND: Duration = Duration::from_secs(1);

/// Plays a scene with a session whose access token has expired, and sees that its outcome is told by `word`, once.
async fn scene(word: &str, play: impl AsyncFnOnce(&World, SessionHandle) -> String) {
    let world = World::new();
    let handle = world.expired().await;
    let operator = Operator::listens();
    assert_eq!(play(&world, handle).await, word);

    let (lines, metrics) = (operator.lines(), operator.metrics());
    assert_eq!(count(&metrics, OUTCOMES, ("outcome", word)), 1, "{word}: {metrics:#?}");
    let told = format!(r#"oidc_session.outcome="{word}""#);
    let is_told = |line: &&String| line.starts_with("event") && line.contains("session call") && line.contains(&told);
    assert_eq!(lines.iter().filter(is_told).count(), 1, "{word}: {lines:#?}");
    let key = format!("oidc_session.key={:?}", id().store_key());
    assert!(lines.iter().any(|line| line.contains(&key)), "{word}: {lines:#?}");
}

fn word(result: Result<Outcome, SessionError>) -> String {
    match result {
        Ok(outcome) => outcome.as_str().to_owned(),
        Err(error) => error.outcome().to_owned(),
    }
}

fn due(world: &World) -> SessionHandle {
    world.builder().policy(Preemptive::skew(SECOND * 60)).build().unwrap().session(&id())
}

#[tokio::test(start_paused = true)]
async fn a_call_is_told_and_counted_by_the_word_that_it_returns() {
    scene("refreshed", async |_, handle| word(handle.refresh_if_expired().await)).await;
    scene("refreshed", async |_, handle| word(handle.refresh().await)).await;
    scene("refreshed", async |_, handle| handle.access_token().await.map(|_| "refreshed".into()).unwrap()).await;
    scene("adopted", async |world, handle| {
        world.process().refresh().await.unwrap();
        word(handle.refresh_if_expired().await)
    })
    .await;
    scene("joined", async |world, handle| {
        let gate = world.server.holds_the_answer();
        let first = meanwhile(&handle, |handle| async move { handle.refresh_if_expired().await });
        world.server.has_seen(1).await;
        let second = meanwhile(&handle, |handle| async move { handle.refresh_if_expired().await });
        settle().await;
        gate.add_permits(1);
        assert_eq!(first.await.unwrap().unwrap(), Outcome::Refreshed);
        word(second.await.unwrap())
    })
    .await;
    scene("served_while_refreshing", async |world, _| {
        let handle = due(world);
        handle.sign_in(world.session()).await.unwrap();
        world.clock.advance(LIFETIME - SECOND);
        let _ = world.store.try_lease(&id().store_key(), HolderId::random(), SECOND * 15).await.unwrap();
        word(handle.refresh_if_expired().await)
    })
    .await;
    scene("served_while_refreshing", async |world, _| {
        let handle = due(world);
        handle.sign_in(world.session()).await.unwrap();
        world.clock.advance(LIFETIME - SECOND);
        handle.access_token().await.map(|_| "served_while_refreshing".into()).unwrap()
    })
    .await;
    scene("postponed", async |world, _| {
        let handle = due(world);
        handle.sign_in(world.session()).await.unwrap();
        world.clock.advance(LIFETIME - SECOND);
        world.server.then(Turn::Fails(ProviderErrorKind::NotSent));
        word(handle.refresh_if_expired().await)
    })
    .await;
    scene("no_session", async |world, handle| {
        let version = world.stored().await.unwrap().version;
        let _ = world.store.remove(&id().store_key(), version).await.unwrap();
        word(handle.refresh_if_expired().await)
    })
    .await;
    scene("damaged", async |world, handle| {
        let sound = world.stored().await.unwrap();
        let damaged = Stored { version: Version::from_u64(7), record: Record::from_bytes(b"damaged".to_vec()) };
        let committed = world.store.commit(&id().store_key(), Expected::At(sound.version), &damaged, None).await;
        assert_eq!(committed.unwrap(), Commit::Done);
        word(handle.refresh_if_expired().await)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_without_a_verdict_is_told_by_its_word_and_as_an_event() {
    let failures = [
        (ProviderErrorKind::NotSent, "unavailable"),
        (ProviderErrorKind::TryLater, "unavailable"),
        (ProviderErrorKind::Misconfigured, "misconfigured"),
        (ProviderErrorKind::InteractionRequired, "interaction_required"),
        (ProviderErrorKind::OutcomeUnknown, "outcome_unknown"),
    ];
    for (kind, expected) in failures {
        scene(expected, async |world, handle| {
            let mut events = handle.subscribe();
            world.server.then(Turn::Fails(kind)).then(Turn::Fails(kind));
            let word = word(handle.refresh_if_expired().await);
            assert_eq!(events.try_recv().unwrap().kind, SessionEventKind::Unavailable(expected));
            word
        })
        .await;
    }
    scene("unavailable", async |world, _| {
        let store = Unruly::new(world);
        store.hang();
        word(world.over(&store).session(&id()).refresh_if_expired().await)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_end_is_counted_by_its_reason_by_the_process_that_wrote_it() {
    type Play = fn(&World) -> SessionManager;
    let plain: Play = |world| world.builder().build().unwrap();
    let plays: [(EndReason, &str, Play, &[Turn]); 6] = [
        (EndReason::Rejected, "ended", plain, &[Turn::Fails(ProviderErrorKind::Rejected)]),
        (EndReason::RejectedAfterUnknownOutcome, "reuse_suspected", plain, &[Turn::LosesTheAnswer]),
        (
            EndReason::RefreshFailed,
            "ended",
            |world| world.builder().on_refresh_failure(OnRefreshFailure::DiscardAlways).build().unwrap(),
            &[Turn::Fails(ProviderErrorKind::NotSent)],
        ),
        (EndReason::LimitReached, "ended", |world| world.builder().absolute_limit(LIFETIME).build().unwrap(), &[]),
        (EndReason::Idle, "ended", |world| world.builder().idle_limit(LIFETIME).build().unwrap(), &[]),
        (EndReason::NoRefreshToken, "ended", plain, &[]),
    ];
    for (reason, expected, manager, turns) in plays {
        let (world, operator) = (World::new(), Operator::listens());
        let handle = manager(&world).session(&id());
        let mut session = world.session();
        if reason == EndReason::NoRefreshToken {
            session.tokens.refresh_token = None;
        }
        handle.sign_in(session).await.unwrap();
        for turn in turns {
            world.server.then(turn.clone());
        }
        world.clock.advance(LIFETIME);
        let outcome = handle.refresh_if_expired().await.unwrap();
        assert_eq!((outcome, outcome.as_str()), (Outcome::Ended(reason), expected));
        // Who only finds the end has not ended anything.
        assert_eq!(world.process().refresh_if_expired().await.unwrap(), Outcome::Ended(reason));
        ends_once(&operator, reason, &[(expected, 2)]);
    }
    let (world, operator) = (World::new(), Operator::listens());
    let handle = world.signed_in().await;
    handle.logout().await.unwrap();
    handle.logout().await.unwrap();
    ends_once(&operator, EndReason::LoggedOut, &[]);
}

fn ends_once(operator: &Operator, reason: EndReason, outcomes: &[(&str, u64)]) {
    let (lines, metrics) = (operator.lines(), operator.metrics());
    let told = format!(r#"oidc_session.end_reason="{}""#, reason.as_str());
    let is_told = |line: &&String| line.contains("the session has ended") && line.contains(&told);
    assert_eq!(lines.iter().filter(is_told).count(), 1, "{reason}: {lines:#?}");
    for (word, times) in outcomes {
        assert_eq!(count(&metrics, OUTCOMES, ("outcome", word)), *times, "{reason}: {metrics:#?}");
    }
    // All reasons stand there from the beginning, so that the first end of a kind is a growth.
    let ends: Vec<_> = metrics.iter().filter(|metric| metric.name == ENDED).collect();
    assert_eq!(ends.len(), 7, "{ends:#?}");
    for end in ends {
        let expected = u64::from(end.label("reason") == Some(reason.as_str()));
        assert_eq!(end.value, Value::Counter(expected), "{end:?}");
    }
}

#[tokio::test]
async fn a_fresh_token_is_told_of_and_counted_nowhere() {
    let world = World::new();
    let handle = world.signed_in().await;
    token_of(&handle).await;
    let operator = Operator::listens();
    for _ in 0..10 {
        token_of(&handle).await;
        handle.access_token().await.unwrap();
        assert_eq!(handle.refresh_if_expired().await.unwrap(), Outcome::Fresh);
        assert!(handle.try_authorization().is_some() && handle.is_fresh());
    }
    assert_eq!(operator.lines(), Vec::<String>::new());
    assert!(operator.metrics().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_one_span_with_its_requests_and_calls_and_their_durations() {
    let world = World::new();
    let handle = world.expired().await;
    let operator = Operator::listens();
    let gate = world.server.holds_the_answer();
    let refresh = meanwhile(&handle, |handle| async move { handle.refresh_if_expired().await });
    world.server.has_seen(1).await;
    assert!(operator.metrics().iter().any(|metric| metric.value == Value::Gauge(1.0)), "it is in progress");
    world.clock.advance(SECOND * 2);
    gate.add_permits(1);
    assert_eq!(refresh.await.unwrap().unwrap(), Outcome::Refreshed);

    let (lines, metrics) = (operator.lines(), operator.metrics());
    let spans = |name: &str| lines.iter().filter(|line| line.starts_with("span") && line.contains(name)).count();
    assert_eq!(spans("oidc_session.refresh in none:"), 1, "{lines:#?}");
    assert!(
        lines.contains(&r#"record oidc_session.refresh: oidc_session.outcome="refreshed""#.to_owned()),
        "{lines:#?}"
    );
    assert_eq!(
        spans("oidc_session.provider_request in oidc_session.refresh: oidc_session.request=\"refresh\""),
        1,
        "{lines:#?}"
    );
    assert_eq!(spans("oidc_session.store_call in oidc_session.refresh: oidc_session.call=\"lease\""), 1, "{lines:#?}");
    assert_eq!(spans("oidc_session.store_call in oidc_session.refresh: oidc_session.call=\"commit\""), 1, "{lines:#?}");

    let took = |name, label| values(&metrics, name, Some(label));
    assert_eq!(took("oidc_session_refresh_duration_seconds", ("outcome", "refreshed")), [2.0]);
    assert_eq!(took("oidc_session_provider_request_duration_seconds", ("request", "refresh")), [2.0]);
    assert_eq!(took("oidc_session_store_call_duration_seconds", ("call", "commit")), [0.0]);
    assert_eq!(values(&metrics, "oidc_session_lease_wait_seconds", None), Vec::<f64>::new(), "nobody else held it");
    let ended = metrics.iter().find(|metric| metric.name == "oidc_session_refreshes_in_progress").unwrap();
    // What a snapshot reads it sets to zero, so this is one less than then.
    assert_eq!(ended.value, Value::Gauge(-1.0));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_part_of_the_work_of_whoever_waits_for_it_and_of_nobody_elses() {
    let (world, operator) = (World::new(), Operator::listens());
    let handle = due(&world);
    let work = || tracing::info_span!(target: "oidc_session_tests", "work");
    handle.sign_in(world.session()).instrument(work()).await.unwrap();
    let calls = |lines: &[String]| lines.iter().filter(|line| line.contains("store_call in work:")).count();
    assert!(calls(&operator.lines()) >= 2);

    world.clock.advance(LIFETIME);
    handle.access_token().instrument(work()).await.unwrap();
    let lines = operator.lines();
    assert!(lines.iter().any(|line| line.contains("oidc_session.refresh in work:")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("follows from")), "{lines:#?}");

    world.clock.advance(LIFETIME - SECOND);
    handle.access_token().instrument(work()).await.unwrap();
    settle().await;
    let lines = operator.lines();
    assert!(lines.iter().any(|line| line.contains("oidc_session.refresh in none:")), "{lines:#?}");
    assert!(lines.contains(&"oidc_session.refresh follows from work".to_owned()), "{lines:#?}");
}

#[tokio::test(start_paused = true)]
async fn failures_of_the_store_and_of_the_server_are_told_and_timed_by_their_kind() {
    let world = World::new();
    world.expired().await;
    let (store, operator) = (Unruly::new(&world), Operator::listens());
    let manager = world.over(&store);
    let handle = manager.session(&id());
    store.fail_commits(1);
    assert_eq!(token_of(&handle).await, "at-1");
    manager.drain().await;
    world.clock.advance(LIFETIME);
    world.server.then(Turn::Fails(ProviderErrorKind::TryLater));
    handle.refresh_if_expired().await.unwrap_err();

    let (lines, metrics) = (operator.lines(), operator.metrics());
    let of = |name: &str, labels: [(&str, &str); 2]| {
        let has = |metric: &&crate::operator::Metric| {
            metric.name == name && labels.iter().all(|(label, value)| metric.label(label) == Some(value))
        };
        metrics.iter().filter(has).count()
    };
    assert_eq!(of("oidc_session_store_call_duration_seconds", [("call", "commit"), ("result", "unavailable")]), 1);
    assert_eq!(of("oidc_session_store_call_duration_seconds", [("call", "commit"), ("result", "ok")]), 1);
    let try_later = [("request", "refresh"), ("result", "try_later")];
    assert_eq!(of("oidc_session_provider_request_duration_seconds", try_later), 1);
    let failed = r#"record oidc_session.provider_request: error.type="try_later" otel.status_code="ERROR""#;
    assert!(
        lines.iter().any(|line| line == failed) || lines.iter().any(|line| line.contains("try_later")),
        "{lines:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_the_lease_of_another_process_is_timed() {
    let world = World::new();
    let handle = world.expired().await;
    let operator = Operator::listens();
    let _ = world.store.try_lease(&id().store_key(), HolderId::random(), SECOND * 10).await.unwrap();
    let waiting = meanwhile(&handle, |handle| async move { handle.refresh_if_expired().await });
    for _ in 0..20 {
        tokio::time::sleep(SECOND).await;
        world.clock.advance(SECOND);
    }
    assert_eq!(waiting.await.unwrap().unwrap(), Outcome::Refreshed);
    let (lines, metrics) = (operator.lines(), operator.metrics());
    let waits = values(&metrics, "oidc_session_lease_wait_seconds", None);
    assert!(waits.len() == 1 && (8.0..=12.0).contains(&waits[0]), "{waits:?}");
    // It died with the lease: whoever comes next takes over.
    let takeovers = metrics.iter().find(|metric| metric.name == "oidc_session_unsettled_attempts_total").unwrap();
    assert_eq!(takeovers.value, Value::Counter(1));
    assert_eq!(lines.iter().filter(|line| line.contains("takes over")).count(), 1, "{lines:#?}");
}

#[tokio::test(start_paused = true)]
async fn whether_the_feed_is_followed_is_a_gauge() {
    let (world, operator) = (World::new(), Operator::listens());
    world.signed_in().await;
    let line = Line::new(&world);
    let manager = line.builder(&world).build().unwrap();
    token_of(&manager.session(&id())).await;
    follows(&manager).await;
    let feed = || {
        let metrics = operator.metrics();
        metrics.into_iter().find(|metric| metric.name == "oidc_session_change_feed_followed").unwrap().value
    };
    settle().await;
    assert_eq!(feed(), Value::Gauge(1.0));
    // The recorder begins anew, as one does that was installed late: it hears of it all the same.
    tokio::time::sleep(SECOND * 11).await;
    assert_eq!(feed(), Value::Gauge(1.0));
    // What a snapshot reads it sets to zero, so it has to be one again before it can be told to be none.
    tokio::time::sleep(SECOND * 11).await;
    line.feed_is(Wire::Cut);
    settle().await;
    assert_eq!(feed(), Value::Gauge(0.0));
    assert!(operator.lines().iter().any(|line| line.contains("the change feed is lost")));
}
