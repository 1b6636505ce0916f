//! What a store promises when many ask at once, or give up half-way.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use oidc_session_core::{Commit, Expected, Lease, Record, Renewal, SessionStore, Version};
use tokio::sync::Barrier;
use tokio::task::{JoinSet, yield_now};

use super::Backend;
use super::caller::{Caller, key, next, record};

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

/// A thousand commits from fifty tasks make one unbroken chain of versions, and no update is lost.
pub async fn each_version_is_won_once_in_a_thousand_commits(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    let first = caller.create(&counter(0)).await;

    let won = at_once(backend, 50, |caller, _| async move {
        let mut won = Vec::new();
        for _ in 0..20 {
            let (from, count) = loaded(&caller).await;
            let to = next(Expected::At(from), &counter(count + 1));
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

async fn give_up_after<T>(polls: u8, call: impl Future<Output = T>) {
    let mut call = pin!(call);
    for _ in 0..polls {
        let polled = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
        if polled.is_ready() {
            return;
        }
        yield_now().await;
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
