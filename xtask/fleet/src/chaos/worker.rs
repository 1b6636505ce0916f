//! A worker: a program whose callers ask for tokens of random sessions, and that says what they got.

use std::io::{Write as _, stdout};
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use oidc_session::{SessionError, SessionId, SessionManager, SessionStore};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use super::dice::Dice;
use super::home;
use super::line::{Call, Got, Order, Said, Setup, mark, now, session_name};
use super::watched::{Flights, WatchedProvider, WatchedStore};
use crate::{Result, with_causes};

/// How many callers ask at a time.
const CALLERS: usize = 8;

/// How often it says what they got.
const REPORTS: Duration = Duration::from_millis(100);

/// How often it tries to reach the store when it starts.
const MOST_TRIES: usize = 100;

/// How long refreshes under way are waited for in the end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Works until its standard input ends.
pub(crate) async fn run() -> Result {
    end_with_our_parent()?;
    let mut lines = BufReader::new(stdin()).lines();
    let setup: Setup = serde_json::from_str(&lines.next_line().await?.ok_or("there is no setup")?)?;
    let flights = Arc::new(Flights::default());
    let provider = WatchedProvider { inner: home::provider(&setup)?, flights: Arc::clone(&flights) };
    let store = WatchedStore { inner: patiently_opened(&setup).await?, flights };
    let manager = home::open(&setup, provider, store)?;
    say(&Said::Ready);

    let shift = Arc::new(Shift::default());
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let dice = Dice::new(setup.seed.wrapping_mul(31).wrapping_add(number as u64));
        callers.spawn(calls(manager.clone(), setup.sessions, dice, Arc::clone(&shift)));
    }
    let reporter = tokio::spawn(reports(Arc::clone(&shift)));
    while let Some(line) = lines.next_line().await? {
        let Order::Logout(session) = serde_json::from_str(&line)?;
        tokio::spawn(logout(manager.clone(), session));
    }
    shift.is_over.store(true, Ordering::Relaxed);
    // Whoever still waits is not waited for: the run is over.
    let _ = timeout(FAREWELL, async { while callers.join_next().await.is_some() {} }).await;
    let _ = timeout(FAREWELL, manager.drain()).await;
    reporter.await?;
    Ok(())
}

/// A worker may be started in the middle of an outage.
async fn patiently_opened(setup: &Setup) -> Result<Arc<dyn SessionStore>> {
    for _ in 0..MOST_TRIES {
        if let Ok(store) = home::store(setup).await {
            return Ok(store);
        }
        tokio::time::sleep(REPORTS).await;
    }
    Ok(home::store(setup).await?)
}

/// Says something. A parent that does not hear it is gone, and there is nobody to work for.
pub(crate) fn say(said: &Said) {
    let Ok(line) = serde_json::to_string(said) else { return };
    let mut out = stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}

/// What the callers of a worker share.
#[derive(Debug, Default)]
struct Shift {
    calls: Mutex<Vec<Call>>,
    is_over: AtomicBool,
}

impl Shift {
    fn note(&self, call: Call) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }

    fn report(&self) {
        let calls = mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner));
        if !calls.is_empty() {
            say(&Said::Calls(calls));
        }
    }
}

async fn calls(manager: SessionManager, sessions: usize, mut dice: Dice, shift: Arc<Shift>) {
    while !shift.is_over.load(Ordering::Relaxed) {
        let session = dice.below(sessions);
        let Ok(id) = SessionId::named(session_name(session)) else { return };
        let handle = manager.session(&id);
        let begun = now();
        let answer = handle.authorization().await;
        let ended = now();
        let got = match answer {
            Ok(header) => Got::Token(mark(header.to_str().unwrap_or_default().trim_start_matches("Bearer "))),
            Err(error) => refusal(&error),
        };
        shift.note(Call { session, begun, ended, got });
        tokio::time::sleep(dice.millis(5, 40)).await;
    }
}

fn refusal(error: &SessionError) -> Got {
    match error.end_reason() {
        Some(reason) => Got::Ended(reason.as_str().to_owned()),
        None => Got::Error(error.outcome().to_owned(), with_causes(error)),
    }
}

async fn reports(shift: Arc<Shift>) {
    let mut ticks = interval(REPORTS);
    while !shift.is_over.load(Ordering::Relaxed) {
        ticks.tick().await;
        shift.report();
    }
    shift.report();
}

async fn logout(manager: SessionManager, session: usize) {
    let Ok(id) = SessionId::named(session_name(session)) else { return };
    let done = manager.session(&id).logout().await.is_ok();
    say(&Said::LoggedOut { session, done, at: now() });
}

/// A worker that is stopped when its parent is killed would stay for ever.
fn end_with_our_parent() -> Result {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    Ok(())
}
