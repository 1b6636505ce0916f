//! The storm: 10,000 tasks find the same session expired, and the server takes 50 ms to answer.
//!
//! The floor is what nobody can beat: each task waits for 50 ms by itself, and then they meet. Each figure is the median
//! of some repeats. Not criterion's business: one repeat is one event.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use oidc_session_benches::{
    ByHand, Granting, Measurements, Row, SecondLook, Unit, expired_session, measures, median, opaque_token, time_async,
};
use oidc_session_core::{Provider as _, Session, SessionId, Target};
use oidc_session_manager::SessionManager;
use oidc_session_store_memory::MemoryStore;
use tokio::runtime;
use tokio::task::JoinSet;

/// How long the server takes.
const ANSWER: Duration = Duration::from_millis(50);

/// How much of a storm.
#[derive(Clone, Copy)]
struct Size {
    tasks: usize,
    repeats: usize,
}

fn main() -> io::Result<()> {
    let size = if measures() { Size { tasks: 10_000, repeats: 11 } } else { Size { tasks: 100, repeats: 1 } };
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    runtime.block_on(async {
        let floor = repeat(size, floor).await;
        let (ours, refreshes) = counted(size, managed).await;
        assert_eq!(refreshes, 1, "all callers share one refresh");
        let (twice, twice_refreshes) = counted(size, |tasks| by_hand(tasks, SecondLook::Taken)).await;
        let (once, once_refreshes) = counted(size, |tasks| by_hand(tasks, SecondLook::Forgotten)).await;

        let note = format!(
            "{} tasks, one expired session, a server that takes 50 ms; median of {} repeats on two threads.",
            size.tasks, size.repeats
        );
        let mut table = Measurements::new("storm", "10,000 callers and one expired token", note);
        // Few tasks do nothing but wait: their ratio would always be one.
        let least = if measures() { millis(floor) } else { 0.0 };
        let row = |who, time| Row::new(who, millis(time), Unit::Ms).against(least);
        table.push(Row::new("floor", millis(floor), Unit::Ms));
        table.push(row("oidc-session", ours).with("refreshes", refreshes as f64));
        table.push(row("by hand, looks twice", twice).with("refreshes", twice_refreshes as f64));
        table.push(row("by hand, looks once", once).with("refreshes", once_refreshes as f64));
        table.publish()
    })
}

/// Every task waits by itself.
async fn floor(tasks: usize) -> Duration {
    time_async(async {
        let mut set = JoinSet::new();
        (0..tasks).for_each(|_| drop(set.spawn(tokio::time::sleep(ANSWER))));
        set.join_all().await;
    })
    .await
}

/// Every task asks its handle.
async fn managed(tasks: usize) -> (Duration, u64) {
    let provider = Granting::after(ANSWER);
    let manager = SessionManager::builder(provider.clone(), MemoryStore::new()).build().expect("the defaults fit");
    let handle = manager.session(&SessionId::random());
    handle.sign_in(expired_session()).await.expect("memory does not fail");
    let time = time_async(async {
        let mut set = JoinSet::new();
        for _ in 0..tasks {
            let handle = handle.clone();
            set.spawn(async move { drop(handle.authorization().await.expect("refreshed")) });
        }
        set.join_all().await;
    });
    (time.await, provider.refreshes())
}

/// Every task asks what was written by hand.
async fn by_hand(tasks: usize, second_look: SecondLook) -> (Duration, u64) {
    let (provider, kept) = (Granting::after(ANSWER), Arc::new(ByHand::expired()));
    let session: Arc<Session> = Arc::new(expired_session());
    let time = time_async(async {
        let mut set = JoinSet::new();
        for _ in 0..tasks {
            let (kept, provider, session) = (Arc::clone(&kept), provider.clone(), Arc::clone(&session));
            set.spawn(async move {
                let refreshed = async || {
                    let answer = provider.refresh(&session, &Target::default()).await.expect("it grants everything");
                    answer.access_token.map_or_else(|| opaque_token(0), |token| token.expose().to_owned())
                };
                drop(kept.authorization_or(second_look, refreshed).await.expect("refreshed"));
            });
        }
        set.join_all().await;
    });
    (time.await, provider.refreshes())
}

async fn repeat<F: Future<Output = Duration>>(size: Size, storm: impl Fn(usize) -> F) -> Duration {
    let mut times = Vec::new();
    for _ in 0..size.repeats {
        times.push(storm(size.tasks).await);
    }
    median(times)
}

/// The median, and the most refreshes of any repeat.
async fn counted<F: Future<Output = (Duration, u64)>>(size: Size, storm: impl Fn(usize) -> F) -> (Duration, u64) {
    let (mut times, mut most) = (Vec::new(), 0);
    for _ in 0..size.repeats {
        let (time, refreshes) = storm(size.tasks).await;
        times.push(time);
        most = most.max(refreshes);
    }
    (median(times), most)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
