//! What a store promises that can be swept.

use oidc_session_core::{Commit, Expected, Lease, Sweep, Timestamp, Version};

use super::Backend;
use super::caller::{Caller, answered, key, next, record};

/// Long ago for every store's clock.
const PAST: Timestamp = Timestamp::UNIX_EPOCH;

/// What has no `keep_until`, or one still to come, stays.
pub async fn a_sweep_drops_only_what_is_past_its_time<B: Backend<Store: Sweep>>(backend: &B) {
    let (one, other) = Caller::two(backend).await;
    let (past, coming, never) = (one.with_key(key(1)), one.with_key(key(2)), one.with_key(key(3)));
    commit(&past, Expected::Absent, Some(PAST)).await;
    commit(&coming, Expected::Absent, Some(Timestamp::MAX)).await;
    commit(&never, Expected::Absent, None).await;

    assert_eq!(swept(&other, 10).await, 1);
    assert_eq!(past.load().await, None);
    assert_ne!(coming.load().await, None);
    assert_ne!(never.load().await, None);
    assert_eq!(swept(&other, 10).await, 0);
}

/// A sweep is done in bites, so that it holds nobody up for long.
pub async fn a_sweep_drops_no_more_than_it_may<B: Backend<Store: Sweep>>(backend: &B) {
    let caller = Caller::new(backend).await;
    for number in 0..5 {
        commit(&caller.with_key(key(number)), Expected::Absent, Some(PAST)).await;
    }
    for dropped in [2, 2, 1, 0] {
        assert_eq!(swept(&caller, 2).await, dropped);
    }
}

/// Until then, `load` returns it and its version counts: a sweep is the only thing that forgets.
pub async fn a_record_is_there_until_it_is_swept<B: Backend<Store: Sweep>>(backend: &B) {
    let caller = Caller::new(backend).await;
    commit(&caller, Expected::Absent, Some(PAST)).await;
    assert_eq!(caller.load().await.map(|stored| stored.record), Some(record("kept")));
    assert_eq!(caller.commit(Expected::Absent, &record("x")).await, Commit::Conflict);
    assert!(matches!(caller.try_lease().await, Lease::Granted { .. }));
}

/// Each commit brings its own `keep_until`; that of the record before it no longer counts.
pub async fn the_last_commit_says_how_long_to_keep<B: Backend<Store: Sweep>>(backend: &B) {
    let caller = Caller::new(backend).await;
    let first = commit(&caller, Expected::Absent, Some(PAST)).await;
    let second = commit(&caller, Expected::At(first), None).await;
    assert_eq!(swept(&caller, 10).await, 0);
    commit(&caller, Expected::At(second), Some(PAST)).await;
    assert_eq!(swept(&caller, 10).await, 1);
}

/// A commit that changes nothing does not change that either.
pub async fn a_conflict_leaves_how_long_to_keep<B: Backend<Store: Sweep>>(backend: &B) {
    let caller = Caller::new(backend).await;
    let (kept, dropped) = (caller.with_key(key(1)), caller.with_key(key(2)));
    commit(&kept, Expected::Absent, None).await;
    commit(&dropped, Expected::Absent, Some(PAST)).await;
    let next = next(Expected::Absent, &record("x"));
    assert_eq!(kept.put(Expected::Absent, &next, Some(PAST)).await, Commit::Conflict);
    assert_eq!(dropped.put(Expected::Absent, &next, None).await, Commit::Conflict);
    assert_eq!(swept(&caller, 10).await, 1);
    assert_ne!(kept.load().await, None);
}

/// The earliest instant is long ago, the latest still to come; no limit is none at all, and none may be dropped, too.
pub async fn a_sweep_knows_the_ends_of_time<B: Backend<Store: Sweep>>(backend: &B) {
    let caller = Caller::new(backend).await;
    let (earliest, latest) = (caller.with_key(key(1)), caller.with_key(key(2)));
    commit(&earliest, Expected::Absent, Some(Timestamp::from_unix_millis(i64::MIN))).await;
    commit(&latest, Expected::Absent, Some(Timestamp::MAX)).await;
    assert_eq!(swept(&caller, 0).await, 0);
    assert_eq!(swept(&caller, usize::MAX).await, 1);
    assert_eq!(earliest.load().await, None);
    assert_ne!(latest.load().await, None);
}

/// A sweep is a remove.
pub async fn an_old_version_matches_nothing_after_a_sweep<B: Backend<Store: Sweep>>(backend: &B) {
    let caller = Caller::new(backend).await;
    let old = commit(&caller, Expected::Absent, Some(PAST)).await;
    assert_eq!(swept(&caller, 10).await, 1);
    let new = caller.create(&record("new")).await;
    assert_eq!(caller.commit(Expected::At(old), &record("x")).await, Commit::Conflict);
    assert_eq!(caller.load().await.map(|stored| stored.version), Some(new));
    assert_eq!(caller.lease().await, 0);
}

/// Dropping it would lose the refresh token that the holder is about to commit.
pub async fn a_sweep_leaves_what_is_being_refreshed<B: Backend<Store: Sweep>>(backend: &B) {
    let caller = Caller::new(backend).await;
    let version = commit(&caller, Expected::Absent, Some(PAST)).await;
    caller.lease().await;
    assert_eq!(swept(&caller, 10).await, 0);
    let version = commit(&caller, Expected::At(version), Some(PAST)).await;
    assert_eq!(caller.load().await.map(|stored| stored.version), Some(version));

    caller.lease().await;
    backend.pass(backend.lease_time()).await;
    assert_eq!(swept(&caller, 10).await, 1);
}

async fn commit<S: Sweep>(caller: &Caller<S>, expected: Expected, keep_until: Option<Timestamp>) -> Version {
    caller.keep(expected, &record("kept"), keep_until).await
}

async fn swept<S: Sweep>(caller: &Caller<S>, limit: usize) -> usize {
    answered(caller.store.sweep(limit).await)
}
