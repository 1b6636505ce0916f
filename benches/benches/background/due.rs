//! `background`: many sessions fall due one after the other, and each is refreshed once.

use std::io;
use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;
use oidc_session_benches::{Measurements, Row, Unit, measures, processor_time};
use oidc_session_core::{Clock as _, SessionId, SystemClock, Timestamp};
use oidc_session_manager::{KeepFresh, Preemptive, SessionManager, Snapshot};
use oidc_session_store_memory::MemoryStore;
use tokio::runtime;
use tokio::time::sleep;

use crate::server::Server;

const LIFETIME: Duration = Duration::from_secs(3_600);
/// Later than this is late: timers are set to the millisecond, and fire within the next one.
const PUNCTUAL: Duration = Duration::from_secs(1);
/// How often callers ask, and how many at a time.
const CALLERS_COME: Duration = Duration::from_millis(20);
const CALLERS: usize = 20;

/// How many sessions, and when they fall due.
#[derive(Clone, Copy)]
struct Plan {
    sessions: usize,
    /// From the first sign-in until the first session is due: signing in must fit into it.
    before: Duration,
    /// At its end, nothing is done, and what that costs is measured.
    idle: Duration,
    /// The instants at which they are due are spread over this time, and by the jitter.
    window: Duration,
    /// Half of it is the most that jitter can be.
    skew: Duration,
}

impl Plan {
    /// A refresh is some 60 µs of work: the window leaves two cores more than half idle.
    const MEASURED: Self = Self {
        sessions: 1_000_000,
        before: Duration::from_secs(90),
        idle: Duration::from_secs(20),
        window: Duration::from_secs(120),
        skew: Duration::from_secs(60),
    };
    const SMALL: Self = Self {
        sessions: 200,
        before: Duration::from_millis(200),
        idle: Duration::from_millis(50),
        window: Duration::from_millis(200),
        skew: Duration::from_millis(200),
    };
}

pub(crate) fn measure() -> io::Result<()> {
    let plan = if measures() { Plan::MEASURED } else { Plan::SMALL };
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    runtime.block_on(async {
        let first_due = SystemClock.now() + plan.before;
        let kept = Kept::sign_in(plan, first_due).await;
        let idle = kept.idle(plan, first_due).await?;
        let (seen, busy) = kept.until_all_are_refreshed(plan).await;
        kept.publish(plan, &seen, idle, busy)
    })
}

/// What the callers found.
#[derive(Debug, Default)]
struct Seen {
    questions: u64,
    /// No fresh token at hand: the one that is known is due, and about to be swapped.
    due: u64,
    /// No token at hand that needs no look at the store, though it is fresh.
    unconfirmed: u64,
    /// Past the end of the token.
    expired: u64,
    /// At the very end, of all sessions.
    not_fresh: usize,
}

/// When a session's first token set is to be refreshed, and until when it would do.
#[derive(Clone, Copy, Debug)]
struct Planned {
    refresh_at: Timestamp,
    expires_at: Timestamp,
}

struct Kept {
    server: Server,
    manager: SessionManager,
    ids: Vec<SessionId>,
    planned: Vec<Planned>,
    _guards: Vec<KeepFresh>,
}

impl Kept {
    async fn sign_in(plan: Plan, first_due: Timestamp) -> Self {
        let Plan { sessions, skew, .. } = plan;
        let server = Server::of(sessions);
        let manager = SessionManager::builder(server.clone(), MemoryStore::new())
            .policy(Preemptive::skew(skew))
            .most_cached(2 * sessions)
            .build()
            .expect("the defaults fit each other");
        // On the runtime's own threads, half each: to and fro between threads would cost more than to sign in.
        let half = |numbers| tokio::spawn(sign_in(manager.clone(), plan, first_due, numbers));
        let halves = [half(0..sessions / 2), half(sessions / 2..sessions)];
        let (mut ids, mut planned, mut guards) = (Vec::new(), Vec::new(), Vec::new());
        for half in halves {
            for (id, when, guard) in half.await.expect("nobody panics") {
                ids.push(id);
                planned.push(when);
                guards.push(guard);
            }
        }
        // So many sign-ins at once outrun the feed, and what it lost track of is looked at again with the next call.
        let looks = ids.chunks(ids.len().div_ceil(2)).map(|half| tokio::spawn(confirm(manager.clone(), half.to_vec())));
        for half in looks.collect::<Vec<_>>() {
            half.await.expect("nobody panics");
        }
        Self { server, manager, ids, planned, _guards: guards }
    }

    /// How much the processors do in a minute in which nothing is due.
    async fn idle(&self, plan: Plan, first_due: Timestamp) -> io::Result<Option<Duration>> {
        let left = first_due.saturating_since(SystemClock.now());
        eprintln!("signed in, {left:?} before the first is due");
        if left.is_zero() && measures() {
            return Err(io::Error::other("this machine signs in too slowly for the plan"));
        }
        sleep(left.saturating_sub(plan.idle)).await;
        let (began, before) = (SystemClock.now(), processor_time());
        sleep(first_due.saturating_since(began)).await;
        let minutes = SystemClock.now().saturating_since(began).as_secs_f64() / 60.0;
        Ok(since(before).filter(|_| minutes > 0.0).map(|work| work.div_f64(minutes)))
    }

    /// Callers come and go meanwhile. What they found, and how much the processors did.
    async fn until_all_are_refreshed(&self, plan: Plan) -> (Seen, Option<Duration>) {
        let mut random = Rng::with_seed(2);
        let mut seen = Seen::default();
        let before = processor_time();
        let latest = self.planned.iter().map(|planned| planned.refresh_at).max().unwrap_or(SystemClock.now());
        let give_up_at = latest + Duration::from_secs(60);
        while self.server.refreshes() < self.ids.len() as u64 && SystemClock.now() < give_up_at {
            for _ in 0..CALLERS {
                self.ask(random.usize(0..plan.sessions), &mut seen);
            }
            sleep(CALLERS_COME).await;
        }
        let busy = since(before);
        // The last ones are being stored.
        sleep(CALLERS_COME * 5).await;
        seen.not_fresh = self.ids.iter().filter(|id| self.manager.try_authorization(id).is_none()).count();
        (seen, busy)
    }

    fn ask(&self, number: usize, seen: &mut Seen) {
        seen.questions += 1;
        if self.manager.try_authorization(&self.ids[number]).is_some() {
            return;
        }
        let Planned { refresh_at, expires_at } = self.planned[number];
        let (now, asked) = (SystemClock.now(), self.server.asked_for(number));
        match asked {
            // It is being stored.
            Some(asked) if now < asked + PUNCTUAL => seen.due += 1,
            Some(_) => seen.unconfirmed += 1,
            None if now < refresh_at => seen.unconfirmed += 1,
            None if now < expires_at => seen.due += 1,
            None => seen.expired += 1,
        }
    }

    /// How late each refresh came that came at all, the latest last.
    fn lateness(&self) -> Vec<Duration> {
        let late = |(number, planned): (usize, &Planned)| {
            let asked = self.server.asked_for(number)?;
            // Monotonic time decides as well, and wall time may be slewed meanwhile.
            assert!(asked + Duration::from_millis(100) > planned.refresh_at, "nobody is refreshed early");
            Some(asked.saturating_since(planned.refresh_at))
        };
        let mut lateness: Vec<Duration> = self.planned.iter().enumerate().filter_map(late).collect();
        lateness.sort_unstable();
        lateness
    }

    fn publish(&self, plan: Plan, seen: &Seen, idle: Option<Duration>, busy: Option<Duration>) -> io::Result<()> {
        let lateness = self.lateness();
        let refreshed = lateness.len();
        let late = lateness.iter().filter(|late| **late > PUNCTUAL).count();
        let part = |of: usize| lateness.get(refreshed.saturating_sub(1) * of / 1_000).copied().unwrap_or_default();
        // A small run has little skew, and machines that test are busy.
        assert!(seen.expired == 0 || !measures(), "a caller found an expired token");
        let note = format!(
            "{} sessions, kept fresh with a skew of {} s, whose refreshes fall into {} s; a store in memory, a server that \
             answers at once, two threads. Late is the request, after the instant that the session's schedule names; \
             timers are set to the millisecond. Work is that of all processors, the server's and the store's included. \
             Callers ask for random sessions meanwhile; who finds no token at hand finds \
             one that is due and about to be swapped, one that must be looked up first, or an expired one.",
            plan.sessions,
            plan.skew.as_secs_f64(),
            (plan.window + plan.skew / 2).as_secs_f64(),
        );
        let mut table = Measurements::new("background", "Sessions that are kept fresh", note);
        table.push(Row::new("refreshed", refreshed as f64, Unit::Sessions));
        table.push(Row::new(
            "refreshed more than once",
            (self.server.refreshes() as usize - refreshed) as f64,
            Unit::Sessions,
        ));
        table.push(Row::new("more than a second late", late as f64, Unit::Sessions));
        table.push(Row::new("not fresh at the end", seen.not_fresh as f64, Unit::Sessions));
        for (who, of) in
            [("late: median", 500), ("late: 99 of 100", 990), ("late: 999 of 1,000", 999), ("late: most", 1_000)]
        {
            table.push(Row::new(who, part(of).as_secs_f64() * 1_000.0, Unit::Ms));
        }
        if let Some(busy) = busy {
            let each = busy.as_secs_f64() / refreshed as f64;
            table.push(Row::new("work: 100,000 refreshes", each * 100_000.0, Unit::S));
        }
        if let Some(idle) = idle {
            // It hardly depends on how many are kept, so it is not divided by them.
            table.push(Row::new("work: a minute with nothing due", idle.as_secs_f64() * 1_000.0, Unit::Ms));
        }
        table.push(Row::new("callers", seen.questions as f64, Unit::Questions));
        table.push(Row::new("callers: due, not yet swapped", seen.due as f64, Unit::Questions));
        table.push(Row::new("callers: fresh, to be confirmed", seen.unconfirmed as f64, Unit::Questions));
        table.push(Row::new("callers: expired", seen.expired as f64, Unit::Questions));
        table.publish()
    }
}

/// Has all of them read and confirmed, those again of which the feed has lost track meanwhile.
async fn confirm(manager: SessionManager, mut ids: Vec<SessionId>) {
    for _ in 0..5 {
        // It follows again after a while.
        sleep(CALLERS_COME).await;
        for id in &ids {
            drop(manager.session(id).authorization().await.expect("signed in"));
        }
        ids.retain(|id| manager.try_authorization(id).is_none());
    }
}

/// Signs in those of these numbers, and keeps them fresh.
async fn sign_in(
    manager: SessionManager,
    plan: Plan,
    first_due: Timestamp,
    numbers: Range<usize>,
) -> Vec<(SessionId, Planned, KeepFresh)> {
    let mut random = Rng::with_seed(numbers.start as u64);
    let mut kept = Vec::new();
    for number in numbers {
        let mut session = Server::session(number);
        let within = plan.window.mul_f64(random.f64());
        // The jitter takes up to half the skew off again.
        session.tokens.requested_at = first_due + plan.skew / 2 + within + plan.skew - LIFETIME;
        session.tokens.received_at = session.tokens.requested_at;
        session.tokens.expires_in = Some(LIFETIME);
        let id = SessionId::random();
        let handle = manager.session(&id);
        handle.sign_in(session).await.expect("memory does not fail");
        let Snapshot::Active { schedule, .. } = handle.snapshot().await.expect("memory does not fail") else {
            panic!("it has signed in");
        };
        let known = (schedule.refresh_at(), schedule.expires_at());
        let (Some(refresh_at), Some(expires_at)) = known else { panic!("its lifetime is known") };
        kept.push((id, Planned { refresh_at, expires_at }, handle.keep_fresh()));
    }
    kept
}

fn since(before: Option<Duration>) -> Option<Duration> {
    Some(processor_time()?.saturating_sub(before?))
}
