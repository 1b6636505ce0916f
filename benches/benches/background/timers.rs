//! `background-timers`: what one of the keeper's timers costs, by how many there are.

use std::io;
use std::time::Duration;

use oidc_session_benches::{
    Measurements, NeverAsked, Row, SignedIn, Unit, fresh_session, measures, median, processor_time,
};
use oidc_session_core::{Clock, SessionId, SystemClock, Timestamp};
use oidc_session_manager::{KeepFresh, SessionHandle};
use oidc_session_store_memory::MemoryStore;
use tokio::time::sleep;

const COUNTS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// How often the timers fire while they are measured.
const ROUNDS: usize = 7;

pub(crate) fn measure() -> io::Result<()> {
    let counts = if measures() { &COUNTS[..] } else { &[100] };
    let mut table = Measurements::new(
        "background-timers",
        "One timer of the keeper",
        "A session that is kept fresh, and not any more: `begun and dropped`. A timer that fires, finds a token that is \
         fresh for a while yet, and is set again: `fired and set again`. Processor time for each of so many sessions, on \
         one thread. The floor is that of the fewest, for whom a processor wakes up that has slept.",
    );
    let costs: Vec<(usize, Cost)> = counts.iter().filter_map(|count| Some((*count, Cost::among(*count)?))).collect();
    let cases: [(&str, Of); 2] = [("begun and dropped", |cost| cost.kept), ("fired and set again", |cost| cost.fired)];
    for (who, of) in cases {
        let each = |(count, cost): &(usize, Cost)| of(cost).as_nanos() as f64 / *count as f64;
        let floor = costs.first().map(each).unwrap_or_default();
        for cost in &costs {
            table.push(Row::new(who, each(cost), Unit::Ns).against(floor).with("sessions", cost.0 as f64));
        }
    }
    table.publish()
}

/// One of the costs.
type Of = fn(&Cost) -> Duration;

/// Of all timers together.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// To keep each session fresh, to plan for it, and to forget it.
    kept: Duration,
    /// To look at each session once, and to plan anew.
    fired: Duration,
}

impl Cost {
    /// Nothing, where processor time cannot be read.
    fn among(count: usize) -> Option<Self> {
        // By a clock that stands still each session is due after the same time, whenever somebody looks: the timers fire,
        // and are set again, over and over.
        let clock = StandingClock(SystemClock.now());
        // Long enough for all of them to be planned within a third of it.
        let period =
            Duration::from_millis(50).max(Duration::from_nanos(2_500) * u32::try_from(count).unwrap_or(u32::MAX));
        let sessions = SignedIn::none(NeverAsked::default(), MemoryStore::new(), count, |builder| builder.clock(clock));
        sessions.runtime.block_on(async {
            let mut handles = Vec::new();
            for _ in 0..count {
                let handle = sessions.manager.session(&SessionId::random());
                let mut session = fresh_session();
                session.tokens.requested_at = clock.now();
                session.tokens.received_at = clock.now();
                session.tokens.expires_in = Some(period);
                handle.sign_in(session).await.expect("memory does not fail");
                handles.push(handle);
            }
            // What signing in left to do.
            sleep(period).await;

            let began = processor_time()?;
            let guards: Vec<KeepFresh> = handles.iter().map(SessionHandle::keep_fresh).collect();
            sleep(period / 2).await;
            let planned = processor_time()?;
            let mut rounds = Vec::new();
            let mut before = planned;
            for _ in 0..ROUNDS {
                sleep(period).await;
                let after = processor_time()?;
                rounds.push(after - before);
                before = after;
            }
            let ending = processor_time()?;
            drop(guards);
            sleep(period / 3).await;
            let kept = planned - began + (processor_time()? - ending);
            Some(Self { kept, fired: median(rounds) })
        })
    }
}

/// A clock that stands still, though timers run.
#[derive(Clone, Copy, Debug)]
struct StandingClock(Timestamp);

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(3_600)
    }
}
