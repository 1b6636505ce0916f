//! Sessions that are kept fresh behind everybody's back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use oidc_session_core::{
    AccessToken, Clock as _, EndReason, Provider, ProviderError, ProviderErrorKind, ProviderId, ProviderProfile,
    RefreshToken, Revocation, Session, SessionId, Target, Timestamp, TokenAnswer, TokenSet,
};
use oidc_session_manager::{
    KeepFresh, Outcome, Preemptive, SessionEventKind, SessionHandle, SessionManager, SessionManagerBuilder, Snapshot,
};
use oidc_session_store_memory::MemoryStore;
use oidc_session_testkit::ManualClock;
use tokio::sync::Semaphore;

use crate::support::{LIFETIME, Unruly, World};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// Due after four minutes of five, and up to 15 s earlier.
const SKEW: Duration = MINUTE;
/// How finely time passes.
const STEP: Duration = Duration::from_millis(250);

/// A server that knows who asks, and when.
#[derive(Clone, Debug)]
struct Server {
    state: Arc<Mutex<State>>,
    clock: ManualClock,
    profile: ProviderProfile,
}

#[derive(Debug, Default)]
struct State {
    asked: Vec<(String, Timestamp)>,
    failing: BTreeSet<String>,
    /// What the next requests are told.
    try_later: Vec<Duration>,
    gate: Option<Arc<Semaphore>>,
    unknown_expiry: bool,
    under_way: usize,
    most_under_way: usize,
}

impl Server {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// How often it was asked for anything.
    fn requests(&self) -> usize {
        self.state().asked.len()
    }

    fn asked_for(&self, whom: &str) -> Vec<Timestamp> {
        self.state().asked.iter().filter(|(who, _)| who == whom).map(|(_, at)| *at).collect()
    }

    /// Holds every answer back until the returned gate gets permits.
    fn holds_answers(&self) -> Arc<Semaphore> {
        Arc::clone(self.state().gate.insert(Arc::new(Semaphore::new(0))))
    }
}

#[async_trait]
impl Provider for Server {
    fn profile(&self) -> &ProviderProfile {
        &self.profile
    }

    async fn prepare(&self, _session: &Session) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn refresh(&self, session: &Session, target: &Target) -> Result<TokenAnswer, ProviderError> {
        let now = self.clock.now();
        let resource = target.resource_indicator().map(|resource| format!("@{resource}")).unwrap_or_default();
        let who = format!("{}{resource}", session.subject.clone().unwrap());
        let (gate, failure) = {
            let mut state = self.state();
            state.asked.push((who.clone(), now));
            state.under_way += 1;
            state.most_under_way = state.most_under_way.max(state.under_way);
            let later = state.try_later.pop().map(|wait| {
                ProviderError::new(ProviderErrorKind::TryLater, "as scripted").with_retry_after(Some(wait))
            });
            let fails = state.failing.contains(&who);
            (state.gate.clone(), later.or(fails.then(|| ProviderError::new(ProviderErrorKind::NotSent, "as scripted"))))
        };
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        self.state().under_way -= 1;
        if let Some(failure) = failure {
            return Err(failure);
        }
        let mut answer = TokenAnswer::new(now, self.clock.now());
        answer.access_token = Some(AccessToken::new(format!("at-{}", self.requests())));
        answer.refresh_token = Some(RefreshToken::new(format!("rt-{}", self.requests())));
        answer.expires_in = Some(LIFETIME).filter(|_| !self.state().unknown_expiry);
        Ok(answer)
    }

    async fn revoke(&self, _session: &Session) -> Result<Revocation, ProviderError> {
        Ok(Revocation::Done)
    }
}

struct Scene {
    clock: ManualClock,
    server: Server,
    store: MemoryStore,
}

impl Scene {
    fn new() -> Self {
        let clock = ManualClock::new();
        let profile = ProviderProfile::new(ProviderId::new("scripted"));
        let server = Server { state: Arc::default(), clock: clock.clone(), profile };
        Self { server, store: MemoryStore::with_clock(Arc::new(clock.clone())), clock }
    }

    fn builder(&self) -> SessionManagerBuilder {
        SessionManager::builder(self.server.clone(), self.store.clone())
            .clock(self.clock.clone())
            .policy(Preemptive::skew(SKEW))
    }

    fn process(&self) -> SessionManager {
        self.builder().build().unwrap()
    }

    /// A store that tells of no changes.
    fn quiet_store(&self) -> Unruly {
        let (clock, server) = (self.clock.clone(), crate::support::Server::new(&self.clock));
        Unruly::new(&World { clock, server, store: self.store.clone() })
    }

    fn over(&self, store: &Unruly) -> SessionManager {
        let builder = SessionManager::builder(self.server.clone(), store.clone()).clock(self.clock.clone());
        builder.policy(Preemptive::skew(SKEW)).build().unwrap()
    }

    fn without_feed(&self) -> SessionManager {
        self.over(&self.quiet_store())
    }

    fn session(&self, whose: &str) -> Session {
        let now = self.clock.now();
        let mut tokens = TokenSet::new(now, now);
        tokens.access_token = Some(AccessToken::new("at"));
        tokens.refresh_token = Some(RefreshToken::new("rt"));
        tokens.expires_in = Some(LIFETIME);
        let mut session = Session::new(ProviderId::new("scripted"), "https://login.example", "app", tokens);
        session.subject = Some(whose.to_owned());
        session
    }

    async fn signs_in(&self, manager: &SessionManager, whose: &str) -> SessionHandle {
        let handle = handle(manager, whose);
        handle.sign_in(self.session(whose)).await.unwrap();
        handle
    }

    /// So many people, signed in together and kept fresh.
    async fn kept(&self, manager: &SessionManager, people: usize) -> (Vec<SessionHandle>, Vec<KeepFresh>) {
        let mut handles = Vec::new();
        for number in 0..people {
            handles.push(self.signs_in(manager, &format!("p-{number}")).await);
        }
        let guards = handles.iter().map(SessionHandle::keep_fresh).collect();
        (handles, guards)
    }

    /// Time passes, and everybody does what there is to do.
    async fn pass(&self, time: Duration) {
        settle().await;
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(STEP);
            left -= step;
            self.clock.advance(step);
            tokio::time::advance(step).await;
            settle().await;
        }
    }

    /// At once: the machine slept meanwhile.
    async fn all_fall_due(&self) {
        settle().await;
        self.clock.suspend(LIFETIME - MINUTE);
        self.pass(SECOND * 3).await;
    }

    /// Time passes until just before `instant`.
    async fn pass_until_before(&self, instant: Timestamp) {
        self.pass(instant.saturating_since(self.clock.now()) - SECOND).await;
    }
}

fn handle(manager: &SessionManager, whose: &str) -> SessionHandle {
    manager.session(&SessionId::named(whose).unwrap())
}

async fn settle() {
    for _ in 0..60 {
        tokio::task::yield_now().await;
    }
}

async fn refresh_at(handle: &SessionHandle) -> Timestamp {
    match handle.snapshot().await.unwrap() {
        Snapshot::Active { schedule, .. } => schedule.refresh_at().unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn end_of(handle: &SessionHandle) -> Option<EndReason> {
    match handle.snapshot().await.unwrap() {
        Snapshot::Ended { tombstone, .. } => Some(tombstone.reason),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_kept_session_is_refreshed_when_it_is_due_without_callers() {
    let scene = Scene::new();
    let handle = scene.signs_in(&scene.process(), "alice").await;
    let _kept = handle.keep_fresh();
    for requests in 1..4 {
        let due = refresh_at(&handle).await;
        scene.pass_until_before(due).await;
        assert_eq!(scene.server.requests(), requests - 1);
        scene.pass(SECOND + STEP).await;
        assert_eq!(scene.server.requests(), requests);
        assert!(handle.is_fresh());
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_never_finds_a_kept_session_expired() {
    let scene = Scene::new();
    let handle = scene.signs_in(&scene.process(), "alice").await;
    let _kept = handle.keep_fresh();
    for _ in 0..100 {
        scene.pass(MINUTE / 3).await;
        assert!(handle.try_authorization().is_some());
    }
    assert_eq!(scene.server.requests(), 8);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_refreshed_once_the_last_guard_is_dropped() {
    let scene = Scene::new();
    let handle = scene.signs_in(&scene.process(), "alice").await;
    let guards = [handle.keep_fresh(), handle.clone().keep_fresh()];
    scene.pass(LIFETIME).await;
    assert_eq!(scene.server.requests(), 1, "two guards are one wish");
    let [first, second] = guards;
    drop(first);
    scene.pass(LIFETIME).await;
    assert_eq!(scene.server.requests(), 2);
    drop(second);
    scene.pass(LIFETIME * 3).await;
    assert_eq!(scene.server.requests(), 2);
    let _again = handle.keep_fresh();
    scene.pass(SECOND).await;
    assert_eq!(scene.server.requests(), 3, "it is due");
}

#[tokio::test(start_paused = true)]
async fn a_place_that_was_given_up_is_another_ones() {
    let scene = Scene::new();
    let manager = scene.process();
    let (alice, bob) = (scene.signs_in(&manager, "alice").await, scene.signs_in(&manager, "bob").await);
    let kept = alice.keep_fresh();
    settle().await;
    drop(kept);
    let _kept = bob.keep_fresh();
    scene.pass(LIFETIME).await;
    assert_eq!((scene.server.asked_for("alice").len(), scene.server.asked_for("bob").len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn sessions_that_were_signed_in_together_are_spread_and_none_is_late() {
    let scene = Scene::new();
    let (handles, _guards) = scene.kept(&scene.process(), 1_000).await;
    let mut due = BTreeMap::new();
    for (number, handle) in handles.iter().enumerate() {
        due.insert(format!("p-{number}"), refresh_at(handle).await);
    }
    scene.pass(LIFETIME - MINUTE + STEP).await;
    let asked = scene.server.state().asked.clone();
    assert_eq!(asked.len(), 1_000);
    for (who, at) in &asked {
        assert!(due[who] <= *at && *at <= due[who] + STEP, "{who}: due {:?}, refreshed {at:?}", due[who]);
    }
    let mut by_second = BTreeMap::<_, usize>::new();
    asked.iter().for_each(|(_, at)| *by_second.entry(at.as_unix_millis() / 1_000).or_default() += 1);
    assert!(by_second.len() >= 14 && by_second.values().all(|count| *count < 150), "{by_second:?}");
}

#[tokio::test(start_paused = true)]
async fn no_more_than_so_many_are_refreshed_at_once_and_callers_find_room() {
    let scene = Scene::new();
    let manager = scene.builder().most_refreshes(8).build().unwrap();
    let caller = scene.signs_in(&manager, "caller").await;
    let (_handles, _guards) = scene.kept(&manager, 100).await;
    let gate = scene.server.holds_answers();
    scene.all_fall_due().await;
    assert_eq!(scene.server.requests(), 4, "half of them");
    let call = tokio::spawn(async move { caller.refresh().await });
    settle().await;
    assert_eq!(scene.server.asked_for("caller").len(), 1);
    gate.add_permits(1_000);
    settle().await;
    assert_eq!(call.await.unwrap().unwrap(), Outcome::Refreshed);
    scene.pass(SECOND * 5).await;
    assert_eq!((scene.server.requests(), scene.server.state().most_under_way), (101, 5));
}

#[tokio::test(start_paused = true)]
async fn those_who_fail_starve_nobody() {
    let scene = Scene::new();
    let manager = scene.builder().most_background_refreshes(1).build().unwrap();
    let (handles, _guards) = scene.kept(&manager, 20).await;
    scene.server.state().failing = (0..10).map(|number| format!("p-{number}")).collect();
    scene.pass(LIFETIME - MINUTE + SECOND).await;
    assert_eq!(scene.server.state().most_under_way, 1);
    assert!(handles[10..].iter().all(SessionHandle::is_fresh));
    for number in 0..10 {
        // With the usual back-off, and not in a row.
        let tries = scene.server.asked_for(&format!("p-{number}"));
        assert!((1..=5).contains(&tries.len()), "{tries:?}");
        assert!(tries.windows(2).all(|pair| pair[1].saturating_since(pair[0]) >= SECOND), "{tries:?}");
    }
    scene.server.state().failing.clear();
    scene.pass(MINUTE).await;
    assert!(handles.iter().all(SessionHandle::is_fresh));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_wants_the_client_to_try_later_is_left_alone_by_all_but_callers() {
    for (asks, holds) in [(MINUTE, MINUTE), (MINUTE * 60, LIFETIME)] {
        let scene = Scene::new();
        let manager = scene.builder().most_background_refreshes(1).build().unwrap();
        let caller = scene.signs_in(&manager, "caller").await;
        let (handles, _guards) = scene.kept(&manager, 50).await;
        scene.server.state().try_later = vec![asks];
        while scene.server.requests() == 0 {
            scene.pass(STEP).await;
        }
        let told = scene.clock.now();
        scene.pass(holds - SECOND).await;
        assert_eq!(scene.server.requests(), 1);
        assert_eq!(caller.refresh().await.unwrap(), Outcome::Refreshed);
        scene.pass(holds / 8 + SECOND * 10).await;
        // The one who was told rests by itself, too.
        assert!(handles.iter().filter(|handle| handle.is_fresh()).count() >= 49);
        let asked = scene.server.state().asked.clone();
        assert!(asked[2..].iter().all(|(_, at)| *at >= told + holds - STEP));
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_refreshes_within_seconds() {
    let scene = Scene::new();
    let (handles, _guards) = scene.kept(&scene.process(), 100).await;
    settle().await;
    scene.clock.suspend(LIFETIME * 10);
    scene.pass(SECOND * 3).await;
    assert_eq!(scene.server.requests(), 100);
    assert!(handles.iter().all(SessionHandle::is_fresh));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_makes_nobody_late_and_nobody_early() {
    // Set back while it is kept, and before.
    for kept_before in [true, false] {
        let scene = Scene::new();
        let handle = scene.signs_in(&scene.process(), "alice").await;
        let kept = kept_before.then(|| handle.keep_fresh());
        let due_in = refresh_at(&handle).await.saturating_since(scene.clock.now());
        scene.pass(MINUTE).await;
        scene.clock.set_back(MINUTE);
        let _kept = kept.unwrap_or_else(|| handle.keep_fresh());
        scene.pass(due_in - MINUTE - SECOND).await;
        assert_eq!(scene.server.requests(), 0);
        scene.pass(SECOND * 2).await;
        assert_eq!(scene.server.requests(), 1, "by the monotonic clock it is due: {kept_before}");
        scene.pass(MINUTE * 3).await;
        assert_eq!(scene.server.requests(), 1);
        scene.pass(MINUTE).await;
        assert_eq!(scene.server.requests(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_forward_and_corrected_refreshes_once() {
    let scene = Scene::new();
    let handle = scene.signs_in(&scene.process(), "alice").await;
    let _kept = handle.keep_fresh();
    scene.pass(SECOND).await;
    // Not so far that it is due.
    scene.clock.set_forward(MINUTE * 2);
    scene.pass(SECOND * 3).await;
    scene.clock.set_back(MINUTE * 2);
    scene.pass(MINUTE * 3).await;
    assert_eq!(scene.server.requests(), 0);
    scene.pass(MINUTE).await;
    assert_eq!(scene.server.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_in_this_process_wakes_the_keeper_at_once() {
    let scene = Scene::new();
    let manager = scene.without_feed();
    let handle = handle(&manager, "alice");
    let _kept = handle.keep_fresh();
    scene.pass(MINUTE).await;
    let mut session = scene.session("alice");
    session.tokens.expires_in = Some(SECOND * 8);
    handle.sign_in(session.clone()).await.unwrap();
    scene.pass(SECOND * 8).await;
    assert_eq!(scene.server.requests(), 1);
    // Also one that takes the place of a session with a longer life.
    session = scene.session("alice");
    session.tokens.expires_in = Some(SECOND * 8);
    handle.sign_in(session).await.unwrap();
    scene.pass(SECOND * 8).await;
    assert_eq!(scene.server.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_elsewhere_is_noticed() {
    // By the feed, and by looking.
    for feed in [true, false] {
        let scene = Scene::new();
        let manager = if feed { scene.process() } else { scene.without_feed() };
        let kept_handle = handle(&manager, "alice");
        let _kept = kept_handle.keep_fresh();
        scene.pass(SECOND).await;
        let _elsewhere = scene.signs_in(&scene.process(), "alice").await;
        scene.pass(if feed { STEP } else { SECOND * 46 }).await;
        assert!(kept_handle.is_fresh(), "{feed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_there_is_looked_for_seldom() {
    let scene = Scene::new();
    let store = scene.quiet_store();
    let _kept = handle(&scene.over(&store), "nobody").keep_fresh();
    scene.pass(MINUTE * 10).await;
    assert!((13..=21).contains(&store.calls()), "{}", store.calls());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_nothing_is_known_of_is_looked_at_first() {
    let scene = Scene::new();
    scene.signs_in(&scene.process(), "alice").await;
    let handle = handle(&scene.process(), "alice");
    let _kept = handle.keep_fresh();
    settle().await;
    assert!(handle.is_fresh());
    assert_eq!(scene.server.requests(), 0);
    scene.pass(LIFETIME).await;
    assert_eq!(scene.server.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_has_ended_is_left_alone_until_the_next_sign_in() {
    let scene = Scene::new();
    let handle = scene.signs_in(&scene.process(), "alice").await;
    let _kept = handle.keep_fresh();
    scene.pass(SECOND).await;
    handle.logout().await.unwrap();
    scene.pass(LIFETIME * 2).await;
    assert_eq!(scene.server.requests(), 0);
    assert_eq!(end_of(&handle).await, Some(EndReason::LoggedOut));
    handle.sign_in(scene.session("alice")).await.unwrap();
    scene.pass(LIFETIME).await;
    assert_eq!(scene.server.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_another_process_refreshed_is_adopted_without_a_grant() {
    let scene = Scene::new();
    let handle = scene.signs_in(&scene.process(), "alice").await;
    let _kept = handle.keep_fresh();
    let mut events = handle.subscribe();
    scene.pass(MINUTE * 3).await;
    let elsewhere = crate::keeping::handle(&scene.process(), "alice");
    assert_eq!(elsewhere.refresh().await.unwrap(), Outcome::Refreshed);
    scene.pass(MINUTE * 3).await;
    assert_eq!(scene.server.requests(), 1);
    assert_eq!(events.try_recv().unwrap().kind, SessionEventKind::Adopted);
    assert!(handle.is_fresh());
}

#[tokio::test(start_paused = true)]
async fn what_a_caller_refreshed_is_not_refreshed_again() {
    let scene = Scene::new();
    let handle = scene.signs_in(&scene.process(), "alice").await;
    let _kept = handle.keep_fresh();
    scene.pass(MINUTE * 3).await;
    assert_eq!(handle.refresh().await.unwrap(), Outcome::Refreshed);
    scene.pass(MINUTE * 3).await;
    assert_eq!(scene.server.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_what_is_under_way_and_guards_do_not_keep_it_from_ending() {
    let scene = Scene::new();
    let manager = scene.builder().most_background_refreshes(2).build().unwrap();
    let (handles, _guards) = scene.kept(&manager, 10).await;
    let gate = scene.server.holds_answers();
    scene.all_fall_due().await;
    assert_eq!(scene.server.requests(), 2);
    let server = scene.server.clone();
    let drain = tokio::spawn(async move {
        manager.drain().await;
        server.requests()
    });
    settle().await;
    gate.add_permits(1);
    settle().await;
    assert!(!drain.is_finished());
    gate.add_permits(100);
    assert_eq!(drain.await.unwrap(), 2, "eight more are due, and wait");
    scene.pass(SECOND).await;
    assert_eq!(scene.server.requests(), 10);
    assert!(handles.iter().all(SessionHandle::is_fresh));
}

#[tokio::test(start_paused = true)]
async fn to_be_kept_fresh_is_no_use_of_a_session() {
    let scene = Scene::new();
    let manager = scene.builder().idle_limit(MINUTE * 30).build().unwrap();
    let (used, unused) = (scene.signs_in(&manager, "used").await, scene.signs_in(&manager, "unused").await);
    let _kept = [used.keep_fresh(), unused.keep_fresh()];
    for _ in 0..29 {
        scene.pass(MINUTE).await;
        used.access_token().await.unwrap();
    }
    assert_eq!(end_of(&unused).await, None);
    scene.pass(MINUTE + SECOND).await;
    assert_eq!(end_of(&unused).await, Some(EndReason::Idle));
    assert!(used.is_fresh());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_never_says_when_it_expires_is_planned_once_it_does() {
    let scene = Scene::new();
    let handle = handle(&scene.without_feed(), "alice");
    let mut session = scene.session("alice");
    session.tokens.expires_in = None;
    handle.sign_in(session.clone()).await.unwrap();
    let _kept = handle.keep_fresh();
    scene.pass(MINUTE * 60).await;
    assert_eq!(scene.server.requests(), 0);
    // From here on it is looked at in five minutes at the earliest, unless something happens.
    session = scene.session("alice");
    session.tokens.expires_in = None;
    handle.sign_in(session).await.unwrap();
    scene.pass(STEP).await;
    assert_eq!(handle.refresh().await.unwrap(), Outcome::Refreshed);
    scene.pass(MINUTE * 4).await;
    assert_eq!(scene.server.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_further_target_is_kept_fresh_by_itself() {
    let scene = Scene::new();
    let handle = scene.signs_in(&scene.process(), "alice").await;
    let _kept = handle.for_target(Target::resource("https://reports.example")).keep_fresh();
    scene.pass(SECOND).await;
    assert_eq!(scene.server.asked_for("alice@https://reports.example").len(), 1);
    scene.pass(MINUTE * 4).await;
    assert_eq!(scene.server.asked_for("alice@https://reports.example").len(), 2);
    assert_eq!(scene.server.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_a_refresh_token_a_kept_session_ends_when_it_expires() {
    let scene = Scene::new();
    let handle = handle(&scene.process(), "alice");
    let mut session = scene.session("alice");
    session.tokens.refresh_token = None;
    handle.sign_in(session).await.unwrap();
    let _kept = handle.keep_fresh();
    let mut events = handle.subscribe();
    scene.pass(LIFETIME - SECOND).await;
    let told = std::iter::from_fn(|| events.try_recv().ok()).count();
    assert!(told <= 1, "it was tried {told} times");
    assert_eq!(end_of(&handle).await, None);
    scene.pass(SECOND * 20).await;
    assert_eq!(end_of(&handle).await, Some(EndReason::NoRefreshToken));
}

#[test]
fn outside_a_runtime_it_begins_with_the_next_call_and_it_survives_the_end_of_a_runtime() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let scene = Scene::new();
    let manager = scene.process();
    let handle = handle(&manager, "alice");
    let _kept = handle.keep_fresh();
    for requests in 1..4 {
        runtime().block_on(async {
            if requests == 1 {
                handle.sign_in(scene.session("alice")).await.unwrap();
            } else {
                // A call that needs the store: what has it looked at elsewhere does not count.
                handle.snapshot().await.unwrap();
            }
            scene.pass(MINUTE * 4).await;
        });
        assert_eq!(scene.server.requests(), requests);
    }
}

#[tokio::test(start_paused = true)]
async fn the_keeper_holds_no_manager_alive() {
    let scene = Scene::new();
    let manager = scene.process();
    let kept = scene.signs_in(&manager, "alice").await.keep_fresh();
    settle().await;
    let server = Arc::downgrade(&scene.server.state);
    drop((scene, manager));
    settle().await;
    assert!(server.upgrade().is_some(), "a guard does, as a handle does");
    drop(kept);
    settle().await;
    assert!(server.upgrade().is_none());
}
