//! Bytes and allocations: exact counts, no times.
//!
//! `memory`: what a manager keeps of each session beyond the bytes of its tokens, and beyond that of each that is kept
//! fresh. `refresh-overhead`: how often a forced
//! refresh allocates, the store's copy included.

use std::io;

use allocation_counter::{AllocationInfo, measure};
use oidc_session_benches::{Granting, Measurements, NeverAsked, Row, SignedIn, Unit, fresh_session, measures};
use oidc_session_core::{Clock as _, Provider as _, SessionId, SystemClock, Target, TokenSet};
use oidc_session_manager::Outcome;
use oidc_session_sealing::KeyRing;
use oidc_session_store_memory::MemoryStore;
use tokio::runtime;

fn main() -> io::Result<()> {
    memory()?;
    refreshes()
}

/// One manager signs in, another reads the same store back: what the second one allocates is no store's.
fn memory() -> io::Result<()> {
    let count = if measures() { 100_000 } else { 100 };
    let ids: Vec<SessionId> = (0..count).map(|_| SessionId::random()).collect();
    let store = MemoryStore::new();
    let _first = SignedIn::over(NeverAsked::default(), store.clone(), &ids, |builder| builder);
    let second = SignedIn::none(NeverAsked::default(), store, count, |builder| builder);

    let tokens = token_bytes(&fresh_session().tokens) as f64;
    // What is made with the first session is the manager's.
    let (first, others) = ids.split_at(1);
    let empty = measure(|| second.runtime.block_on(second.confirm(first)));
    let full = measure(|| second.runtime.block_on(second.confirm(others)));
    let each = full.bytes_current as f64 / others.len() as f64;
    let note = format!(
        "A manager that read {count} sessions from a store whose own memory is not counted. The floor is the bytes of \
         the tokens, {tokens} for each session."
    );
    let mut table = Measurements::new("memory", "Memory of a session that is kept at hand", note);
    table.push(Row::new("tokens", tokens, Unit::Bytes));
    table
        .push(Row::new("a session, tokens included", each, Unit::Bytes).against(tokens).with("sessions", count as f64));
    table.push(
        Row::new("a session beyond its tokens", each - tokens, Unit::Bytes)
            .with("allocations", full.count_current as f64 / others.len() as f64),
    );
    let kept = kept_fresh(&second, &ids);
    table.push(
        Row::new("to keep a session fresh, beyond that", kept.bytes_current as f64 / count as f64, Unit::Bytes)
            .with("allocations", kept.count_current as f64 / count as f64),
    );
    table.push(Row::new("a manager and its first session", empty.bytes_current as f64, Unit::Bytes));
    table.publish()
}

/// What is allocated to keep all of them fresh, guards and timers included.
fn kept_fresh(sessions: &SignedIn, ids: &[SessionId]) -> AllocationInfo {
    let mut guards = None;
    let counted = measure(|| {
        sessions.runtime.block_on(async {
            guards = Some(ids.iter().map(|id| sessions.manager.session(id).keep_fresh()).collect::<Vec<_>>());
            // Hundreds are planned at each turn, and the turns of a runtime alternate.
            for _ in 0..ids.len() / 100 + 100 {
                tokio::task::yield_now().await;
            }
        });
    });
    drop(guards);
    counted
}

/// The bytes that nobody can do without.
fn token_bytes(tokens: &TokenSet) -> usize {
    let access = tokens.access_token.as_ref().map_or(0, |token| token.expose().len());
    access + tokens.refresh_token.as_ref().map_or(0, |token| token.expose().len())
}

fn refreshes() -> io::Result<()> {
    let mut table = Measurements::new(
        "refresh-overhead",
        "Allocations of a refresh",
        "One forced refresh over a store in memory, with a provider that answers at once. The floor is that answer and \
         its merge into the session.",
    );
    let floor = floor();
    table.push(row("floor", floor, floor));
    table.push(row("plain", refresh(None), floor));
    table.push(row("sealed", refresh(Some(KeyRing::generate(SystemClock.now()))), floor));
    table.publish()
}

fn row(who: &str, counted: AllocationInfo, floor: AllocationInfo) -> Row {
    let row = Row::new(who, counted.count_total as f64, Unit::Allocations).with("bytes", counted.bytes_total as f64);
    if who == "floor" { row } else { row.against(floor.count_total as f64) }
}

fn floor() -> AllocationInfo {
    let (provider, session, target) = (Granting::at_once(), fresh_session(), Target::default());
    let runtime = runtime::Builder::new_current_thread().build().expect("a runtime");
    measure(|| {
        runtime.block_on(async {
            let answer = provider.refresh(&session, &target).await.expect("it grants everything");
            drop(session.merge_refresh(answer, &target));
        });
    })
}

fn refresh(ring: Option<KeyRing>) -> AllocationInfo {
    let id = SessionId::random();
    let ids = std::slice::from_ref(&id);
    let sessions = SignedIn::over(Granting::at_once(), MemoryStore::new(), ids, |builder| match ring {
        Some(ring) => builder.seal_with(ring),
        None => builder,
    });
    let handle = sessions.manager.session(&id);
    let once = || {
        let outcome = sessions.runtime.block_on(handle.refresh());
        assert_eq!(outcome.expect("granted"), Outcome::Refreshed);
    };
    // What is made once for all refreshes is not a refresh's.
    (0..8).for_each(|_| once());
    measure(once)
}
