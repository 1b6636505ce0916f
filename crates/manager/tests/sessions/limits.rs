//! Limits that no refresh moves: from the sign-in on, and from the last use on.

use std::time::Duration;

use oidc_session_core::{
    AccessToken, Clock as _, EndReason, Expected, HolderId, Lease, Limits, Record, Release, SessionState,
    SessionStore as _, Stored, Sweep as _, Timestamp,
};
use oidc_session_manager::{
    BuildError, Outcome, Phase, Preemptive, SessionEventKind, SessionHandle, SessionManager, SessionManagerBuilder,
    Snapshot,
};

use crate::support::{LIFETIME, Unruly, World, id, meanwhile, token_of};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const IDLE: EndReason = EndReason::Idle;
const LIMIT: EndReason = EndReason::LimitReached;

/// A process whose sessions may go unused for an hour.
struct Process {
    manager: SessionManager,
    handle: SessionHandle,
}

impl Process {
    fn of(builder: SessionManagerBuilder) -> Self {
        let manager = builder.build().unwrap();
        Self { handle: manager.session(&id()), manager }
    }

    fn new(world: &World) -> Self {
        Self::of(world.builder().idle_limit(HOUR))
    }

    fn over(world: &World, store: &Unruly) -> Self {
        Self::of(
            SessionManager::builder(world.server.clone(), store.clone()).clock(world.clock.clone()).idle_limit(HOUR),
        )
    }

    /// The program asks for a token; what happens behind its back has happened.
    async fn uses(&self) -> String {
        let token = token_of(&self.handle).await;
        self.manager.drain().await;
        token
    }

    async fn outcome(&self) -> Outcome {
        let outcome = self.handle.refresh_if_expired().await.unwrap();
        self.manager.drain().await;
        outcome
    }

    /// Signs in with an access token that outlives every test.
    async fn signs_in(&self, world: &World) {
        let mut session = world.session();
        session.tokens.expires_in = Some(DAY * 365);
        self.handle.sign_in(session).await.unwrap();
    }
}

async fn end_reason(world: &World) -> Option<EndReason> {
    match world.stored().await.unwrap().record.decode().unwrap() {
        SessionState::Active(_) => None,
        SessionState::Ended(tombstone) => Some(tombstone.reason),
    }
}

async fn last_use(world: &World) -> Option<Timestamp> {
    world.stored_session().await.last_used_at
}

#[tokio::test]
async fn refreshing_for_ever_does_not_pass_the_absolute_limit() {
    let world = World::new();
    let process = Process::of(world.builder().absolute_limit(HOUR));
    process.handle.sign_in(world.session()).await.unwrap();
    let end = world.clock.now() + HOUR;
    for _ in 1..HOUR.as_secs() / LIFETIME.as_secs() {
        world.clock.advance(LIFETIME);
        assert_eq!(process.outcome().await, Outcome::Refreshed);
        assert_eq!(world.stored_session().await.ends_at, Some(end));
        process.handle.expire().await.unwrap();
        // Another process adopts it, and has no limit of its own.
        assert_eq!(world.process().refresh_if_expired().await.unwrap(), Outcome::Refreshed);
        assert_eq!(world.stored_session().await.ends_at, Some(end));
    }
    world.clock.advance(LIFETIME);
    assert_eq!(world.clock.now(), end);
    assert_eq!(process.outcome().await, Outcome::Ended(LIMIT));
    assert_eq!(world.server.revoked(), [world.server.in_force()]);
}

#[tokio::test(start_paused = true)]
async fn an_end_at_a_limit_says_nothing_of_what_the_server_refused_before() {
    let world = World::new();
    let process = Process::of(world.builder().absolute_limit(HOUR));
    process.handle.sign_in(world.session()).await.unwrap();
    world.clock.advance(LIFETIME);
    let gate = world.server.holds_the_request();
    let flight = meanwhile(&process.handle, |late| async move { late.refresh_if_expired().await.unwrap() });
    world.server.has_seen(1).await;
    // Another process takes over, and its request overtakes: the server refuses the token of the late one.
    world.clock.advance(MINUTE);
    assert_eq!(world.process().refresh_if_expired().await.unwrap(), Outcome::Refreshed);
    world.clock.advance(HOUR);
    gate.add_permits(1);
    assert_eq!(flight.await.unwrap(), Outcome::Ended(LIMIT));
    let SessionState::Ended(tombstone) = world.stored().await.unwrap().record.decode().unwrap() else {
        panic!("alive")
    };
    assert_eq!((tombstone.reason, tombstone.error), (LIMIT, None));
}

#[tokio::test]
async fn a_limit_that_is_introduced_holds_for_those_who_signed_in_before() {
    for (with_limit, reason) in [
        (World::builder as fn(&World) -> SessionManagerBuilder, None),
        (|world| world.builder().absolute_limit(HOUR), Some(LIMIT)),
        (|world| world.builder().idle_limit(HOUR), Some(IDLE)),
    ] {
        let world = World::new();
        Process::of(world.builder()).signs_in(&world).await;
        let process = Process::of(with_limit(&world));
        world.clock.advance(HOUR - MINUTE);
        assert_eq!(process.handle.refresh_if_expired().await.unwrap(), Outcome::Fresh);
        process.manager.drain().await;
        // What was fixed at the sign-in stays as it is.
        let session = world.stored_session().await;
        assert_eq!((session.ends_at, session.idle_limit), (None, None));
        let untouched = reason != Some(IDLE);
        assert_eq!(session.last_used_at.is_none(), untouched, "{reason:?}");
        world.clock.advance(HOUR);
        let expected = reason.map_or(Outcome::Fresh, Outcome::Ended);
        assert_eq!(process.outcome().await, expected, "{reason:?}");
    }
}

#[tokio::test]
async fn nobody_is_logged_out_because_an_idle_limit_is_introduced() {
    let world = World::new();
    let before = world.signed_in().await;
    world.clock.advance(DAY);
    before.refresh().await.unwrap();
    // Signed in a day ago, but refreshed just now.
    assert_eq!(Process::new(&world).outcome().await, Outcome::Fresh);
    // From then on uses count, and not what happens behind the program's back.
    let process = Process::new(&world);
    for _ in 0..6 {
        world.clock.advance(HOUR / 4);
        process.handle.refresh().await.unwrap();
    }
    assert_eq!(end_reason(&world).await, Some(IDLE));
}

#[tokio::test]
async fn of_two_limits_the_tighter_one_counts_whichever_came_first() {
    for (at_the_sign_in, now) in [(HOUR, HOUR * 2), (HOUR * 2, HOUR)] {
        for idle in [false, true] {
            let world = World::new();
            let with = |limit| {
                let builder = world.builder();
                Process::of(if idle { builder.idle_limit(limit) } else { builder.absolute_limit(limit) })
            };
            with(at_the_sign_in).signs_in(&world).await;
            let process = with(now);
            world.clock.advance(HOUR - MINUTE);
            assert!(matches!(process.handle.snapshot().await.unwrap(), Snapshot::Active { .. }));
            world.clock.advance(MINUTE);
            let reason = if idle { IDLE } else { LIMIT };
            assert_eq!(process.outcome().await, Outcome::Ended(reason));
        }
    }
}

#[tokio::test]
async fn a_session_that_nobody_used_ends_as_idle_and_is_revoked() {
    let world = World::new();
    let process = Process::new(&world);
    process.signs_in(&world).await;
    let mut events = process.handle.subscribe();
    world.clock.advance(HOUR - Duration::from_millis(1));
    assert!(matches!(process.handle.snapshot().await.unwrap(), Snapshot::Active { phase: Phase::Fresh, .. }));
    world.clock.advance(Duration::from_millis(1));
    // A look ends nothing, and does not call fresh what nobody gets any more.
    assert!(matches!(process.handle.snapshot().await.unwrap(), Snapshot::Active { phase: Phase::Expired, .. }));
    assert_eq!(process.handle.access_token().await.unwrap_err().end_reason(), Some(IDLE));
    process.manager.drain().await;
    assert_eq!(end_reason(&world).await, Some(IDLE));
    assert_eq!(world.server.revoked(), ["rt-0"]);
    assert!(world.server.presented().is_empty());
    assert_eq!(events.try_recv().unwrap().kind, SessionEventKind::Ended(IDLE));
    // Others find the tombstone, and revoke nothing once more.
    let other = Process::new(&world);
    assert_eq!(other.outcome().await, Outcome::Ended(IDLE));
    assert_eq!(world.server.revoked(), ["rt-0"]);
}

#[tokio::test]
async fn the_record_tells_a_process_without_limits_of_the_idle_limit() {
    let world = World::new();
    Process::new(&world).signs_in(&world).await;
    let process = Process::of(world.builder());
    for _ in 0..8 {
        world.clock.advance(HOUR / 2);
        assert_eq!(process.uses().await, "at-0");
    }
    world.clock.advance(HOUR);
    assert_eq!(process.outcome().await, Outcome::Ended(IDLE));
}

#[tokio::test]
async fn a_call_for_a_token_is_a_use_and_nothing_else_is() {
    for (call, is_a_use) in [
        ("access_token", true),
        ("authorization", true),
        ("token_for", true),
        ("refresh_if_expired", true),
        ("refresh_if_current_is", true),
        ("refresh", false),
        ("snapshot", false),
        ("expire", false),
        ("nothing", false),
    ] {
        for knows_it in [true, false] {
            let world = World::new();
            let signed_in = Process::new(&world);
            signed_in.signs_in(&world).await;
            let process = if knows_it { signed_in } else { Process::new(&world) };
            let handle = &process.handle;
            world.clock.advance(HOUR / 2);
            match call {
                "access_token" => drop(handle.access_token().await.unwrap()),
                "authorization" => drop(handle.authorization().await.unwrap()),
                "token_for" => drop(handle.token_for(MINUTE).await.unwrap()),
                "refresh_if_expired" => assert!(handle.refresh_if_expired().await.unwrap().is_usable()),
                "refresh_if_current_is" => {
                    assert!(handle.refresh_if_current_is(&AccessToken::new("at-0")).await.unwrap().is_usable());
                }
                "refresh" => assert!(handle.refresh().await.unwrap().is_usable()),
                "snapshot" => drop(handle.snapshot().await.unwrap()),
                "expire" => handle.expire().await.unwrap(),
                _ => {}
            }
            process.manager.drain().await;
            // Another process can tell, and this one.
            world.clock.advance(HOUR / 2);
            let other = Process::new(&world);
            assert_eq!(other.outcome().await.is_usable(), is_a_use, "{call}, {knows_it}");
            assert_eq!(process.outcome().await.is_usable(), is_a_use, "{call}, {knows_it}");
        }
    }
}

#[tokio::test]
async fn a_session_in_steady_use_never_idles_out_and_costs_few_commits() {
    let world = World::new();
    let store = Unruly::new(&world);
    let process = Process::over(&world, &store);
    process.signs_in(&world).await;
    let signed_in = store.commits();
    for _ in 0..24 * 60 {
        world.clock.advance(MINUTE);
        assert_eq!(process.uses().await, "at-0");
        let known_to_others = world.clock.now().saturating_since(last_use(&world).await.unwrap());
        assert!(known_to_others < HOUR / 4, "{known_to_others:?}");
    }
    assert_eq!(store.commits() - signed_in, 24 * 4);
    assert!(world.server.presented().is_empty());
    world.clock.advance(HOUR);
    assert_eq!(process.outcome().await, Outcome::Ended(IDLE));
}

#[tokio::test]
async fn many_processes_in_steady_use_write_no_more_than_one() {
    let world = World::new();
    let store = Unruly::new(&world);
    let processes: Vec<Process> = (0..5).map(|_| Process::over(&world, &store)).collect();
    processes[0].signs_in(&world).await;
    let signed_in = store.commits();
    for _ in 0..4 * 60 {
        world.clock.advance(MINUTE);
        for process in &processes {
            process.uses().await;
        }
    }
    assert_eq!(store.commits() - signed_in, 4 * 4);
}

#[tokio::test]
async fn a_refresh_carries_the_use_that_it_is_for() {
    let world = World::new();
    let store = Unruly::new(&world);
    let first = Process::over(&world, &store);
    first.handle.sign_in(world.session()).await.unwrap();
    for round in 1..=20 {
        world.clock.advance(HOUR / 2);
        // A process that begins with this call, and one that knew the session.
        let other = Process::over(&world, &store);
        let process = if round % 2 == 0 { &first } else { &other };
        let before = store.commits();
        assert_eq!(process.outcome().await, Outcome::Refreshed);
        assert_eq!(last_use(&world).await, Some(world.clock.now()));
        assert_eq!(store.commits() - before, 1);
    }
}

#[tokio::test]
async fn a_token_that_is_due_is_refreshed_and_its_use_is_stored_at_once() {
    let world = World::new();
    let store = Unruly::new(&world);
    let manager = SessionManager::builder(world.server.clone(), store.clone()).clock(world.clock.clone());
    let policy = Preemptive::skew(HOUR);
    let process = Process::of(manager.idle_limit(HOUR).policy(policy));
    let mut session = world.session();
    session.tokens.expires_in = Some(HOUR);
    process.handle.sign_in(session).await.unwrap();
    world.clock.advance(HOUR * 9 / 10);
    let before = store.commits();
    process.uses().await;
    assert_eq!((process.uses().await.as_str(), store.commits() - before), ("at-1", 1));
    assert_eq!(last_use(&world).await, Some(world.clock.now()));
}

#[tokio::test]
async fn background_refreshes_alone_do_not_keep_a_session_alive() {
    let world = World::new();
    let process = Process::new(&world);
    process.handle.sign_in(world.session()).await.unwrap();
    for _ in 1..HOUR.as_secs() / LIFETIME.as_secs() {
        world.clock.advance(LIFETIME);
        assert_eq!(process.handle.refresh().await.unwrap(), Outcome::Refreshed);
        world.process().snapshot().await.unwrap();
    }
    world.clock.advance(LIFETIME);
    assert_eq!(process.handle.refresh().await.unwrap(), Outcome::Ended(IDLE));
}

#[tokio::test]
async fn two_processes_that_take_turns_keep_a_session_alive() {
    let world = World::new();
    let processes = [Process::new(&world), Process::new(&world)];
    processes[0].signs_in(&world).await;
    for round in 0..20 {
        // Each of them alone comes after an hour and a half.
        world.clock.advance(HOUR * 3 / 4);
        assert_eq!(processes[round % 2].uses().await, "at-0", "round {round}");
    }
    world.clock.advance(HOUR);
    for process in &processes {
        assert_eq!(process.outcome().await, Outcome::Ended(IDLE));
    }
}

#[tokio::test]
async fn of_uses_in_two_processes_the_later_one_counts_whoever_commits_last() {
    let world = World::new();
    let [first, second] = [Process::new(&world), Process::new(&world)];
    first.handle.sign_in(world.session()).await.unwrap();
    world.clock.advance(MINUTE);
    first.uses().await;
    // The second one is used later, and refreshes; then the first one refreshes without being used.
    world.clock.advance(HOUR / 2);
    assert_eq!(second.outcome().await, Outcome::Refreshed);
    let used = world.clock.now();
    world.clock.advance(MINUTE);
    assert_eq!(first.handle.refresh().await.unwrap(), Outcome::Refreshed);
    assert_eq!(last_use(&world).await, Some(used));
}

#[tokio::test]
async fn a_use_while_an_answer_is_on_the_way_is_not_lost_in_the_conflict() {
    let world = World::new();
    let [first, second] = [Process::new(&world), Process::new(&world)];
    first.handle.sign_in(world.session()).await.unwrap();
    world.clock.advance(LIFETIME);
    let gate = world.server.holds_the_answer();
    let refresh = meanwhile(&first.handle, |handle| async move { handle.refresh().await.unwrap() });
    world.server.has_seen(1).await;
    // Its lease ends, and the second process writes a use: the tokens are still the old ones.
    world.clock.advance(HOUR / 2);
    let stored = world.stored().await.unwrap();
    let mut session = world.stored_session().await;
    session.note_use(world.clock.now(), world.clock.now());
    let expected = Expected::At(stored.version);
    let next = Stored::after(expected, Record::encode(&session.into()).unwrap(), world.clock.now());
    let _ = world.store.commit(&id().store_key(), expected, &next, None).await.unwrap();
    let used = world.clock.now();
    gate.add_permits(1);
    assert_eq!(refresh.await.unwrap(), Outcome::Refreshed);
    let session = world.stored_session().await;
    assert_eq!((session.last_used_at, session.tokens.access_token), (Some(used), Some(AccessToken::new("at-1"))));
    second.uses().await;
}

#[tokio::test(start_paused = true)]
async fn a_touch_that_lost_its_lease_to_a_refresh_takes_nothing_back() {
    let world = World::new();
    let store = Unruly::new(&world);
    let process = Process::over(&world, &store);
    process.signs_in(&world).await;
    world.clock.advance(HOUR / 2);
    // The process is frozen between the lease and the commit of its touch.
    let gate = store.hold_lease();
    assert_eq!(token_of(&process.handle).await, "at-0");
    store.holds_somebody().await;
    world.clock.advance(MINUTE);
    let other = Process::new(&world);
    assert_eq!(other.handle.refresh().await.unwrap(), Outcome::Refreshed);
    gate.add_permits(1);
    process.manager.drain().await;
    let session = world.stored_session().await;
    assert_eq!(session.tokens.access_token, Some(AccessToken::new("at-1")));
    // The use itself is not lost either: a later one writes it.
    world.clock.advance(MINUTE * 10);
    process.uses().await;
    assert_eq!(last_use(&world).await, Some(world.clock.now()));
}

#[tokio::test]
async fn a_touch_that_comes_second_commits_nothing() {
    let world = World::new();
    let store = Unruly::new(&world);
    let process = Process::over(&world, &store);
    process.signs_in(&world).await;
    world.clock.advance(HOUR / 2);
    let gate = store.hold_load();
    assert_eq!(token_of(&process.handle).await, "at-0");
    store.holds_somebody().await;
    Process::new(&world).uses().await;
    let version = world.stored().await.unwrap().version;
    gate.add_permits(1);
    process.manager.drain().await;
    assert_eq!(world.stored().await.unwrap().version, version);
    // Nor does its lease stand in anybody's way.
    let lease = world.store.try_lease(&id().store_key(), HolderId::random(), MINUTE).await.unwrap();
    assert!(matches!(lease, Lease::Granted { unsettled: 0, .. }), "{lease:?}");
}

#[tokio::test]
async fn a_touch_leaves_a_refresh_alone_that_is_under_way_elsewhere() {
    let world = World::new();
    let [first, second] = [Process::new(&world), Process::new(&world)];
    first.signs_in(&world).await;
    second.uses().await;
    world.clock.advance(HOUR / 2);
    let gate = world.server.holds_the_answer();
    let refresh = meanwhile(&first.handle, |handle| async move { handle.refresh().await.unwrap() });
    world.server.has_seen(1).await;
    let version = world.stored().await.unwrap().version;
    assert_eq!(second.uses().await, "at-0");
    assert_eq!(world.stored().await.unwrap().version, version);
    gate.add_permits(1);
    assert_eq!(refresh.await.unwrap(), Outcome::Refreshed);
    // Tried again at a later use.
    world.clock.advance(HOUR / 8);
    second.uses().await;
    assert_eq!(last_use(&world).await, Some(world.clock.now()));
}

#[tokio::test]
async fn a_touch_keeps_to_a_pause_and_keeps_nobody_waiting() {
    let world = World::new();
    let process = Process::new(&world);
    process.signs_in(&world).await;
    let (key, holder) = (id().store_key(), HolderId::random());
    assert!(matches!(world.store.try_lease(&key, holder, MINUTE).await.unwrap(), Lease::Granted { .. }));
    let release = Release { pause: HOUR / 2, unsettled: false };
    world.store.release(&key, holder, release).await.unwrap();
    let version = world.stored().await.unwrap().version;
    world.clock.advance(HOUR / 4);
    for _ in 0..3 {
        assert_eq!(process.uses().await, "at-0");
    }
    assert_eq!(world.stored().await.unwrap().version, version);
    world.clock.advance(HOUR / 4);
    process.uses().await;
    assert_eq!(last_use(&world).await, Some(world.clock.now()));
}

#[tokio::test]
async fn a_touch_that_comes_to_nothing_is_not_tried_at_every_use() {
    let world = World::new();
    let store = Unruly::new(&world);
    let process = Process::over(&world, &store);
    process.signs_in(&world).await;
    world.clock.advance(HOUR / 2);
    store.fail_commits(1000);
    for _ in 0..100 {
        process.uses().await;
    }
    // It reads the record, and asks for the lease.
    assert_eq!(store.calls(), 3);
    world.clock.advance(HOUR / 16);
    process.uses().await;
    assert_eq!(store.calls(), 5);
}

#[tokio::test]
async fn a_touch_keeps_the_journal_of_attempts() {
    let world = World::new();
    let process = Process::new(&world);
    process.signs_in(&world).await;
    let lease = world.store.try_lease(&id().store_key(), HolderId::random(), MINUTE).await.unwrap();
    assert!(matches!(lease, Lease::Granted { .. }));
    // Its holder never came back.
    world.clock.advance(HOUR / 2);
    process.uses().await;
    let session = world.stored_session().await;
    assert_eq!((session.unsettled_attempts, session.last_used_at), (1, Some(world.clock.now())));
    // A touch itself is no attempt.
    world.clock.advance(HOUR / 2);
    process.uses().await;
    assert_eq!(world.stored_session().await.unsettled_attempts, 1);
}

#[tokio::test]
async fn a_touch_that_fails_leaves_no_attempt_behind() {
    let world = World::new();
    let store = Unruly::new(&world);
    let process = Process::over(&world, &store);
    process.signs_in(&world).await;
    world.clock.advance(HOUR / 2);
    store.fail_commits(1);
    process.uses().await;
    world.clock.advance(MINUTE * 5);
    let lease = world.store.try_lease(&id().store_key(), HolderId::random(), MINUTE).await.unwrap();
    assert!(matches!(lease, Lease::Granted { unsettled: 0, .. }), "{lease:?}");
}

#[tokio::test]
async fn a_use_that_could_not_be_stored_counts_where_it_is_known() {
    let world = World::new();
    let store = Unruly::new(&world);
    let process = Process::over(&world, &store);
    process.handle.sign_in(world.session()).await.unwrap();
    store.fail_commits(1000);
    // By the record it has been idle for hours.
    for _ in 0..6 {
        world.clock.advance(HOUR / 2);
        world.server.set_reachable(false);
        assert!(process.handle.access_token().await.is_err());
        process.manager.drain().await;
        assert_eq!(end_reason(&world).await, None);
    }
    store.fail_commits(0);
    world.server.set_reachable(true);
    world.clock.advance(HOUR / 2);
    assert_eq!(process.uses().await, "at-1");
    assert_eq!(last_use(&world).await, Some(world.clock.now()));
}

#[tokio::test]
async fn a_touch_after_a_logout_does_not_bring_the_session_back() {
    for new_sign_in in [false, true] {
        let world = World::new();
        let store = Unruly::new(&world);
        let process = Process::over(&world, &store);
        process.signs_in(&world).await;
        world.clock.advance(HOUR / 2);
        let gate = store.hold_commit_request();
        assert_eq!(token_of(&process.handle).await, "at-0");
        store.holds_somebody().await;
        world.process().logout().await.unwrap();
        if new_sign_in {
            world.process().sign_in(world.session_with("at-new", "rt-new")).await.unwrap();
        }
        gate.add_permits(1);
        process.manager.drain().await;
        if new_sign_in {
            assert_eq!(world.stored_session().await.tokens.access_token, Some(AccessToken::new("at-new")));
        } else {
            assert_eq!(end_reason(&world).await, Some(EndReason::LoggedOut));
        }
    }
}

#[tokio::test]
async fn a_touch_that_finds_a_logout_tells_its_process() {
    let world = World::new();
    // A store without a change feed: nothing else tells.
    let process = Process::over(&world, &Unruly::new(&world));
    process.signs_in(&world).await;
    world.process().logout().await.unwrap();
    world.clock.advance(HOUR / 2);
    process.uses().await;
    assert_eq!(process.handle.access_token().await.unwrap_err().end_reason(), Some(EndReason::LoggedOut));
}

#[tokio::test]
async fn a_touch_that_finds_a_refresh_tells_those_who_listen() {
    for written_down in [true, false] {
        let world = World::new();
        let process = Process::over(&world, &Unruly::new(&world));
        process.signs_in(&world).await;
        let mut events = process.handle.subscribe();
        world.clock.advance(HOUR / 2);
        let other = Process::new(&world);
        if written_down {
            other.uses().await;
        }
        other.handle.refresh().await.unwrap();
        let version = world.stored().await.unwrap().version;
        assert_eq!(process.uses().await, "at-0");
        assert_eq!(world.stored().await.unwrap().version == version, written_down);
        assert_eq!(events.try_recv().unwrap().kind, SessionEventKind::Adopted, "{written_down}");
        assert_eq!(process.uses().await, "at-1");
    }
}

#[tokio::test]
async fn the_time_that_a_machine_sleeps_is_idle_time() {
    let world = World::new();
    let process = Process::new(&world);
    process.signs_in(&world).await;
    world.clock.suspend(HOUR);
    assert_eq!(process.outcome().await, Outcome::Ended(IDLE));
}

#[tokio::test]
async fn a_use_by_a_clock_that_was_wrong_is_put_right_by_the_next_one() {
    let world = World::new();
    let process = Process::new(&world);
    process.signs_in(&world).await;
    world.clock.set_forward(HOUR / 2);
    process.uses().await;
    world.clock.set_back(HOUR / 2);
    world.clock.advance(MINUTE * 5);
    // Nobody is logged out for it.
    assert_eq!(process.uses().await, "at-0");
    assert_eq!(last_use(&world).await, Some(world.clock.now()));
    world.clock.advance(HOUR);
    assert_eq!(process.outcome().await, Outcome::Ended(IDLE));
}

#[tokio::test]
async fn a_touch_does_not_make_a_token_live_longer_by_a_clock_that_was_turned_back() {
    let world = World::new();
    let process = Process::new(&world);
    let mut session = world.session();
    session.tokens.expires_in = Some(HOUR);
    process.handle.sign_in(session).await.unwrap();
    world.clock.advance(HOUR * 9 / 10);
    world.clock.set_back(HOUR / 2);
    // Written down by a new version of the record, with the same token.
    assert_eq!(process.uses().await, "at-0");
    world.clock.advance(HOUR / 10);
    assert_eq!(process.uses().await, "at-1");
}

#[tokio::test]
async fn a_sign_in_after_an_end_begins_anew() {
    let world = World::new();
    let process = Process::new(&world);
    process.signs_in(&world).await;
    world.clock.advance(HOUR);
    assert_eq!(process.outcome().await, Outcome::Ended(IDLE));
    process.handle.sign_in(world.session_with("at-new", "rt-new")).await.unwrap();
    assert_eq!(process.uses().await, "at-new");
}

#[tokio::test]
async fn an_end_whose_tombstone_was_stored_without_an_answer_still_revokes() {
    let world = World::new();
    let store = Unruly::new(&world);
    let process = Process::over(&world, &store);
    process.signs_in(&world).await;
    world.clock.advance(HOUR);
    store.lose_commit_answers(1);
    assert_eq!(process.outcome().await, Outcome::Ended(IDLE));
    assert_eq!(world.server.revoked(), ["rt-0"]);
}

#[tokio::test]
async fn nothing_is_revoked_before_the_tombstone_is_stored() {
    let world = World::new();
    let store = Unruly::new(&world);
    let process = Process::over(&world, &store);
    process.signs_in(&world).await;
    world.clock.advance(HOUR);
    store.fail_commits(1000);
    assert!(process.handle.refresh_if_expired().await.is_err());
    process.manager.drain().await;
    assert!(world.server.revoked().is_empty());
    assert_eq!(end_reason(&world).await, None);
}

#[tokio::test]
async fn an_end_at_a_limit_spares_the_users_other_sessions() {
    let mut world = World::new();
    world.server = world.server.clone().revoking_every_grant();
    let process = Process::new(&world);
    process.signs_in(&world).await;
    world.clock.advance(HOUR);
    assert_eq!(process.outcome().await, Outcome::Ended(IDLE));
    assert!(world.server.revoked().is_empty());
}

#[tokio::test]
async fn a_use_elsewhere_wins_against_an_end_that_was_about_to_be_stored() {
    let world = World::new();
    let store = Unruly::new(&world);
    let process = Process::over(&world, &store);
    process.signs_in(&world).await;
    let other = Process::new(&world);
    // The other process has a use in hand that it has not written down.
    world.clock.advance(HOUR / 5);
    other.uses().await;
    world.clock.advance(HOUR * 4 / 5);
    let gate = store.hold_commit_request();
    let ending = meanwhile(&process.handle, |handle| async move { handle.refresh_if_expired().await.unwrap() });
    store.holds_somebody().await;
    assert_eq!(other.uses().await, "at-0");
    gate.add_permits(1);
    assert_eq!(ending.await.unwrap(), Outcome::Adopted);
    process.manager.drain().await;
    assert!(world.server.revoked().is_empty());
    assert_eq!(process.uses().await, "at-0");
}

#[tokio::test]
async fn a_store_may_forget_a_session_a_month_after_its_last_possible_use() {
    const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);
    for commit in ["sign_in", "refresh", "expire", "touch"] {
        for (idle, absolute) in [(Some(HOUR), None), (None, Some(HOUR)), (Some(HOUR * 2), Some(HOUR)), (None, None)] {
            let world = World::new();
            let mut builder = world.builder();
            if let Some(limit) = idle {
                builder = builder.idle_limit(limit);
            }
            if let Some(limit) = absolute {
                builder = builder.absolute_limit(limit);
            }
            let process = Process::of(builder);
            process.signs_in(&world).await;
            world.clock.advance(HOUR / 2);
            match commit {
                "refresh" => assert!(process.handle.refresh().await.unwrap().is_usable()),
                "expire" => process.handle.expire().await.unwrap(),
                "touch" => assert_eq!(process.uses().await, "at-0"),
                _ => {}
            }
            let session = world.stored_session().await;
            let end = Limits::default().end_of(&session, None).map(|end| end.at);
            let Some(end) = end else {
                world.clock.advance(MONTH * 100);
                assert_eq!(world.store.sweep(10).await.unwrap(), 0, "{commit}");
                continue;
            };
            world.clock.advance(end.saturating_since(world.clock.now()) + MONTH);
            assert_eq!(world.store.sweep(10).await.unwrap(), 0, "{commit}, {idle:?}, {absolute:?}");
            world.clock.advance(MINUTE);
            assert_eq!(world.store.sweep(10).await.unwrap(), 1, "{commit}, {idle:?}, {absolute:?}");
        }
    }
}

#[tokio::test]
async fn a_session_without_an_idle_limit_is_not_written_for_its_uses() {
    let world = World::new();
    let store = Unruly::new(&world);
    let process = Process::of(
        SessionManager::builder(world.server.clone(), store.clone()).clock(world.clock.clone()).absolute_limit(DAY * 9),
    );
    process.signs_in(&world).await;
    for _ in 0..100 {
        world.clock.advance(HOUR);
        process.uses().await;
    }
    assert_eq!(store.commits(), 1);
    assert_eq!(last_use(&world).await, None);
}

#[tokio::test]
async fn a_limit_that_clocks_could_not_keep_is_refused() {
    let world = World::new();
    let short = MINUTE - Duration::from_millis(1);
    for builder in [world.builder().idle_limit(short), world.builder().absolute_limit(short).idle_limit(HOUR)] {
        assert!(matches!(builder.build(), Err(BuildError::LimitTooShort { limit }) if limit == short));
    }
    world.builder().idle_limit(MINUTE).absolute_limit(MINUTE).build().unwrap();
}
