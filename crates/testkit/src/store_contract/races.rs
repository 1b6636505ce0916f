//! What a store promises when many ask at once, or give up half-way.

use std::collections::HashMap;
use std::sync::Arc;

use oidc_session_core::{Commit, Expected, Lease, Record, Removal, Renewal, SessionStore, StoreKey, Stored, Version};
use tokio::sync::Barrier;
use tokio::task::{JoinSet, yield_now};

use super::Backend;
use super::caller::{Caller, give_up_after, key, next, record};

/// How often a future is polled before it is dropped, in turn: a store may be at any of its steps by then.
const POLLS: u8 = 6;

/// A first sign-in on many machines at once: one creates the record, the others are told.
pub async fn one_of_many_creates_the_record(backend: &impl Backend) {
    let answers = at_once(backend, 32, |caller, number| async move {
        let record = counter(number);
        (record.clone(), caller.commit(Expected::Absent, &record).await)
    })
    .await;
    let mut created = answers.into_iter().filter(|(_, commit)| *commit == Commit::Done);
    let (record, _) = created.next().unwrap_or_else(|| panic!("nobody created the record"));
    assert_eq!(created.next(), None, "two created the record");
    let stored = Caller::new(backend).await.load().await;
    assert_eq!(stored.map(|stored| stored.record), Some(record));
}

/// A thousand commits (or as many as [`Backend::effort`] says) from fifty tasks make one unbroken chain of versions, and no update is lost.
pub async fn each_version_is_won_once_in_a_thousand_commits(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    let first = caller.create(&counter(0)).await;

    let commits = backend.effort().div_ceil(50);
    let won = at_once(backend, 50, |caller, _| async move {
        let mut won = Vec::new();
        for _ in 0..commits {
            let (from, count) = loaded(&caller).await;
            let to = next(Expected::At(from), &counter(count + 1));
            yield_now().await; // Lets others in, also where the store is so quick that nobody would get between.
            if caller.put(Expected::At(from), &to, None).await == Commit::Done {
                won.push((from, to.version));
            }
        }
        won
    })
    .await;

    let mut successors = HashMap::new();
    for (from, to) in won.into_iter().flatten() {
        assert_eq!(successors.insert(from, to), None, "version {from} was won twice");
    }
    let (last, count) = loaded(&caller).await;
    assert_eq!(successors.len(), count as usize, "an update was lost");
    let mut version = first;
    while let Some(next) = successors.remove(&version) {
        version = next;
    }
    assert_eq!(version, last);
    assert!(successors.is_empty(), "a version was won that nobody had committed");
}

/// Of many who ask at once, one refreshes.
pub async fn one_of_64_is_granted_the_lease(backend: &impl Backend) {
    Caller::new(backend).await.create(&record("first")).await;
    let answers = at_once(backend, 64, |caller, _| async move { caller.try_lease().await }).await;
    let granted = answers.iter().filter(|lease| matches!(lease, Lease::Granted { .. }));
    assert_eq!(granted.count(), 1);
    let held = answers.iter().filter(|lease| matches!(lease, Lease::Held { .. }));
    assert_eq!(held.count(), 63);
}

/// Whoever gives up on a commit leaves the old record with its lease, or the new one without: nothing in between.
pub async fn a_dropped_commit_happens_whole_or_not_at_all(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    for polls in 0..=POLLS {
        let caller = caller.with_key(key(polls));
        let first = caller.create(&counter(1)).await;
        caller.lease().await;
        give_up_after(polls, caller.commit(Expected::At(first), &counter(2))).await;

        for _ in 0..20 {
            if loaded(&caller).await == (first, 1) {
                // A commit that went on behind our back may have ended the lease since we looked.
                if caller.renew().await == Renewal::Lost {
                    assert_ne!(loaded(&caller).await, (first, 1), "the lease ended without a commit");
                }
            } else {
                let (version, count) = loaded(&caller).await;
                assert!(version != first && count == 2, "version {version} with record {count}");
                assert_eq!(caller.renew().await, Renewal::Lost);
            }
            yield_now().await;
        }

        let (version, count) = loaded(&caller).await;
        if caller.commit(Expected::At(version), &counter(3)).await == Commit::Conflict {
            assert_eq!(count, 1, "a version that nobody replaced was refused");
            caller.replace(loaded(&caller).await.0, &counter(3)).await;
        }
        assert_eq!(loaded(&caller).await.1, 3);
    }
}

/// Whoever gave up on a request may or may not hold the lease, so it asks again.
pub async fn a_dropped_request_for_the_lease_can_be_repeated(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    for polls in 0..=POLLS {
        let (one, other) = (one.with_key(key(polls)), other.with_key(key(polls)));
        one.create(&record("first")).await;
        give_up_after(polls, one.try_lease()).await;
        assert_eq!(one.lease().await, 0);
        assert!(other.is_held_off().await);
    }
}

/// Whoever gives up on a remove finds the record as it was, with its lease, or gone.
pub async fn a_dropped_remove_happens_whole_or_not_at_all(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    for polls in 0..=POLLS {
        let caller = caller.with_key(key(polls));
        let version = caller.create(&counter(1)).await;
        caller.lease().await;
        give_up_after(polls, caller.remove(version)).await;
        match caller.remove(version).await {
            Removal::Done => {}
            Removal::Conflict => assert_eq!(caller.load().await, None, "a remove at the version conflicts"),
        }
        assert_eq!(caller.renew().await, Renewal::Lost);
        caller.create(&counter(2)).await;
        assert_eq!(caller.lease().await, 0);
    }
}

/// A logout on one machine, a refresh on another, from the same version: one of them happens, and the other is told.
pub async fn one_of_many_commits_and_removes_wins(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    for round in 0..as_u32(backend.effort().div_ceil(20)) {
        let start = caller.create(&counter(0)).await;
        let winners = at_once(backend, 8, |caller, number| async move {
            // Another one is first in every round, and another kind of call.
            for _ in 0..(number * 3 + round) % 4 {
                yield_now().await;
            }
            if (number + round / 4) % 2 == 0 {
                let next = next(Expected::At(start), &counter(number));
                let commit = caller.put(Expected::At(start), &next, None).await;
                (commit == Commit::Done).then_some(Some(next))
            } else {
                (caller.remove(start).await == Removal::Done).then_some(None)
            }
        })
        .await;
        let winners: Vec<Option<Stored>> = winners.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1, "round {round}: version {start} was won {} times", winners.len());
        let left = caller.load().await;
        assert_eq!(left, winners[0], "round {round}");
        if let Some(left) = left {
            assert_eq!(caller.remove(left.version).await, Removal::Done);
        }
    }
}

/// The lease is for the version that came with it: as long as it can be renewed, nobody has committed another.
pub async fn a_lease_granted_amid_commits_is_for_the_version_it_came_with(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    let first = next(Expected::Absent, &record(""));
    assert_eq!(caller.put(Expected::Absent, &naming_its_version(first.version), None).await, Commit::Done);
    let turns = backend.effort().div_ceil(20);
    at_once(backend, 8, |caller, number| async move {
        for _ in 0..turns {
            if number % 2 == 0 {
                let from = Expected::At(loaded_version(&caller).await);
                let version = next(from, &record("")).version;
                yield_now().await;
                let _ = caller.put(from, &naming_its_version(version), None).await;
            } else if let Lease::Granted { stored, .. } = caller.try_lease().await {
                assert_eq!(stored, naming_its_version(stored.version), "a version came with another's record");
                yield_now().await;
                let version = loaded_version(&caller).await;
                if caller.renew().await == Renewal::Done {
                    assert_eq!(version, stored.version, "the lease outlived its version");
                }
                caller.release().await;
            }
            yield_now().await;
        }
    })
    .await;
}

/// Two processes write to the same keys, now one after the other and now at once: no update of any key is lost.
pub async fn two_handles_commit_on_many_keys(backend: &impl Backend) {
    const ORDERS: u64 = 3;
    let (one, other) = Caller::two(backend).await;
    let keys = backend.effort().div_ceil(20);
    for number in 0..keys {
        one.with_key(numbered(number)).create(&counter(0)).await;
    }
    let mut tasks = JoinSet::new();
    for seed in 1..=ORDERS {
        // Two that go through the keys in the same order meet at every one of them.
        for caller in [one.with_new_holder(), other.with_new_holder()] {
            tasks.spawn(async move {
                for number in shuffled(keys, seed) {
                    let caller = caller.with_key(numbered(number));
                    loop {
                        let (version, count) = loaded(&caller).await;
                        yield_now().await;
                        if caller.commit(Expected::At(version), &counter(count + 1)).await == Commit::Done {
                            break;
                        }
                    }
                }
            });
        }
    }
    tasks.join_all().await;
    for number in 0..keys {
        let (_, count) = loaded(&one.with_key(numbered(number))).await;
        assert_eq!(u64::from(count), 2 * ORDERS, "an update of key {number} was lost");
    }
}

/// Runs `work` in `count` tasks over four handles. All start together; each is a holder of its own.
async fn at_once<B: Backend, F: Future<Output: Send> + Send + 'static>(
    backend: &B,
    count: u32,
    work: impl Fn(Caller<B::Store>, u32) -> F,
) -> Vec<F::Output> {
    let mut handles = Vec::new();
    for _ in 0..4 {
        handles.push(Caller::new(backend).await);
    }
    let start = Arc::new(Barrier::new(count as usize));
    let mut tasks = JoinSet::new();
    for (number, handle) in (0..count).zip(handles.iter().cycle()) {
        let start = Arc::clone(&start);
        let work = work(handle.with_new_holder(), number);
        tasks.spawn(async move {
            start.wait().await;
            work.await
        });
    }
    tasks.join_all().await
}

fn as_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn numbered(number: usize) -> StoreKey {
    let mut bytes = [0x5a; 32];
    bytes[24..].copy_from_slice(&(number as u64).to_be_bytes());
    StoreKey::from_bytes(bytes)
}

/// The numbers below `count` in an order that depends on nothing but `seed`.
fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    numbers.sort_by_key(|number| (*number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(7 * seed as u32));
    numbers
}

/// A record whose content tells its version.
fn naming_its_version(version: Version) -> Stored {
    Stored { version, record: record(&version.to_string()) }
}

async fn loaded_version<S: SessionStore>(caller: &Caller<S>) -> Version {
    match caller.load().await {
        Some(stored) => stored.version,
        None => panic!("the record is gone"),
    }
}

async fn loaded<S: SessionStore>(caller: &Caller<S>) -> (Version, u32) {
    match caller.load().await {
        Some(stored) => (stored.version, count_of(&stored.record)),
        None => panic!("the record is gone"),
    }
}

fn counter(count: u32) -> Record {
    Record::from_bytes(count.to_be_bytes().to_vec())
}

fn count_of(record: &Record) -> u32 {
    match record.as_bytes().try_into() {
        Ok(bytes) => u32::from_be_bytes(bytes),
        Err(_) => panic!("half a record: {record:?}"),
    }
}
