//! What a store promises to processes that know nothing of each other but where the data is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{Commit, Expected, HolderId, Lease, Record, SessionStore, Version};

use super::Elsewhere;
use super::caller::{Caller, key};
use crate::processes::{Child, Children, Parent, test_name};

/// How many processes there are at once.
const PROCESSES: usize = 8;

/// Compare-and-set over all processes: one unbroken chain of versions, and no update is lost.
pub async fn processes_win_each_version_once<B: Elsewhere>(make: impl AsyncFnOnce() -> B, path: &str) {
    if let Some(parent) = Parent::of_this_process() {
        let caller = caller_of::<B>(&parent).await;
        let wins = number(&parent.ready());
        let mut won = 0;
        while won < wins {
            let (from, count) = counted(&caller).await;
            let next = super::caller::next(Expected::At(from), &counter(count + 1));
            if caller.put(Expected::At(from), &next, None).await == Commit::Done {
                parent.say(&format!("{from} {}", next.version));
                won += 1;
            }
        }
        return;
    }

    let backend = make().await;
    let caller = Caller::new(&backend).await;
    let first = caller.create(&counter(0)).await;
    let wins = backend.effort().div_ceil(20);
    let mut children = Children::start(test_name(path), &backend.address(), PROCESSES);
    children.go(&wins.to_string());
    let mut successors = HashMap::new();
    for said in children.iter_mut().flat_map(Child::hear_all) {
        let Some((from, to)) = said.split_once(' ') else { panic!("{said}") };
        let before = successors.insert(version(from), version(to));
        assert_eq!(before, None, "version {from} was won twice");
    }
    let (last, count) = counted(&caller).await;
    assert_eq!(successors.len(), PROCESSES * wins);
    assert_eq!(count as usize, PROCESSES * wins, "an update was lost");
    let mut version = first;
    while let Some(next) = successors.remove(&version) {
        version = next;
    }
    assert_eq!(version, last, "the chain of versions is broken");
}

/// One refresh, however many processes ask at once.
pub async fn one_of_many_processes_is_granted_the_lease<B: Elsewhere>(make: impl AsyncFnOnce() -> B, path: &str) {
    if let Some(parent) = Parent::of_this_process() {
        let caller = caller_of::<B>(&parent).await.with_lease_time(Duration::from_secs(600));
        parent.ready();
        parent.say(match caller.try_lease().await {
            Lease::Granted { .. } => "granted",
            Lease::Held { .. } => "held",
            other => panic!("{other:?}"),
        });
        return;
    }

    let backend = make().await;
    Caller::new(&backend).await.create(&counter(0)).await;
    let mut children = Children::start(test_name(path), &backend.address(), PROCESSES);
    children.go("");
    let said: Vec<String> = children.iter_mut().flat_map(Child::hear_all).collect();
    assert_eq!(said.len(), PROCESSES);
    assert_eq!(said.iter().filter(|said| *said == "granted").count(), 1, "{said:?}");
    assert_eq!(said.iter().filter(|said| *said == "held").count(), PROCESSES - 1, "{said:?}");
}

/// A process that dies with the lease blocks the others no longer than the lease lasts, and is not forgotten.
pub async fn the_lease_of_a_killed_process_is_unsettled<B: Elsewhere>(make: impl AsyncFnOnce() -> B, path: &str) {
    if let Some(parent) = Parent::of_this_process() {
        let caller = caller_of::<B>(&parent).await;
        let lease_time = Duration::from_millis(number(&parent.ready()) as u64);
        assert_eq!(caller.with_lease_time(lease_time).lease().await, 0);
        parent.say("granted");
        parent.wait_to_be_killed();
    }

    let backend = make().await;
    let caller = Caller::new(&backend).await;
    caller.create(&counter(0)).await;
    let mut children = Children::start(test_name(path), &backend.address(), 1);
    children.go(&backend.lease_time().as_millis().to_string());
    assert_eq!(children[0].hear().as_deref(), Some("granted"));
    drop(children); // Kills it.

    let unsettled = match caller.try_lease().await {
        Lease::Held { .. } => {
            backend.pass(backend.lease_time()).await;
            caller.lease().await
        }
        Lease::Granted { unsettled, .. } => unsettled, // Where time is real, it may have passed.
        other => panic!("{other:?}"),
    };
    assert_eq!(unsettled, 1);
}

/// What a process was told to be committed outlives it, and what it was about to commit is there whole or not at all.
pub async fn what_a_killed_process_committed_is_kept<B: Elsewhere>(make: impl AsyncFnOnce() -> B, path: &str) {
    if let Some(parent) = Parent::of_this_process() {
        let caller = caller_of::<B>(&parent).await;
        parent.ready();
        loop {
            let (from, count) = counted(&caller).await;
            caller.replace(from, &counter(count + 1)).await;
            parent.say(&(count + 1).to_string());
        }
    }

    let backend = make().await;
    let caller = Caller::new(&backend).await;
    caller.create(&counter(0)).await;
    for _ in 0..5 {
        let mut children = Children::start(test_name(path), &backend.address(), 1);
        children.go("");
        let mut least = 0;
        for _ in 0..20 {
            least = children[0].hear().map_or_else(|| panic!("the child has ended"), |said| number(&said));
        }
        drop(children); // Kills it, in the middle of something.
        let (from, count) = counted(&caller).await;
        assert!(count as usize >= least, "{count} commits are left of at least {least}");
        if caller.commit(Expected::At(from), &counter(count)).await == Commit::Conflict {
            // A server may have had the last commit of the dead in its hands still.
            let (from, count) = counted(&caller).await;
            caller.replace(from, &counter(count)).await;
        }
    }
}

async fn caller_of<B: Elsewhere>(parent: &Parent) -> Caller<B::Store> {
    Caller::over(Arc::new(B::open_at(parent.address()).await), key(1), HolderId::random())
}

/// The version, and the number in a record that [`counter`] made, with filling that must be whole.
async fn counted<S: SessionStore>(caller: &Caller<S>) -> (Version, u32) {
    let Some(stored) = caller.load().await else { panic!("the record is gone") };
    let bytes = stored.record.as_bytes();
    let count = bytes.first_chunk().map(|count| u32::from_be_bytes(*count));
    match count {
        Some(count) if stored.record == counter(count) => (stored.version, count),
        _ => panic!("half a record"),
    }
}

/// A record larger than a page or a packet, so that half of it would show.
fn counter(count: u32) -> Record {
    Record::from_bytes(count.to_be_bytes().into_iter().cycle().take(6_000).collect())
}

fn version(number: &str) -> Version {
    match number.parse() {
        Ok(number) => Version::from_u64(number),
        Err(_) => panic!("no version: {number}"),
    }
}

fn number(said: &str) -> usize {
    said.parse().unwrap_or_else(|_| panic!("no number: {said}"))
}
