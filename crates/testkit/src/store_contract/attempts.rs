//! What a store promises about attempts that nobody finished, and about pauses.

use std::time::Duration;

use oidc_session_core::{Commit, Expected, Lease, Release, Removal, Renewal, SessionStore, Version};

use super::Backend;
use super::caller::{Caller, record};

/// A lease that ended by itself was an attempt whose outcome nobody learned: the next grant tells.
pub async fn an_abandoned_lease_is_unsettled(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    one.create(&record("first")).await;
    assert_eq!(one.lease().await, 0);
    backend.pass(backend.lease_time()).await;
    assert_eq!(other.lease().await, 1);
}

/// Each attempt that nobody finished adds to the count.
pub async fn every_abandoned_lease_counts(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    caller.create(&record("first")).await;
    for unsettled in 0..4 {
        assert_eq!(caller.with_new_holder().lease().await, unsettled);
        backend.pass(backend.lease_time()).await;
    }
}

/// Whose attempt it was makes no difference.
pub async fn the_same_holder_counts_what_it_abandoned(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    caller.create(&record("first")).await;
    assert_eq!(caller.lease().await, 0);
    backend.pass(backend.lease_time()).await;
    assert_eq!(caller.lease().await, 1);
}

/// The repeat of a call is no second attempt.
pub async fn asking_again_in_time_counts_nothing(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    caller.create(&record("first")).await;
    for _ in 0..3 {
        assert_eq!(caller.lease().await, 0);
    }
    caller.release().await;
    assert_eq!(caller.with_new_holder().lease().await, 0);
}

/// A long attempt is one attempt.
pub async fn a_renewed_lease_counts_nothing(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    one.create(&record("first")).await;
    one.lease().await;
    for _ in 0..3 {
        backend.pass(backend.lease_time() / 2).await;
        assert_eq!(one.renew().await, Renewal::Done);
    }
    one.release().await;
    assert_eq!(other.lease().await, 0);
}

/// What an earlier holder left unfinished stays so until a commit.
pub async fn a_release_settles_only_its_own_attempt(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    abandoned_once(backend, &one).await;
    assert_eq!(other.lease().await, 1);
    other.release().await;
    assert_eq!(one.lease().await, 1);
}

/// The holder itself may not have learned the outcome.
pub async fn a_release_may_leave_its_attempt_unsettled(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    abandoned_once(backend, &one).await;
    assert_eq!(other.lease().await, 1);
    other.release_with(unsettled()).await;
    assert_eq!(one.lease().await, 2);
}

/// A late release takes nothing from the new holder, and settles nothing.
pub async fn a_release_after_a_takeover_changes_nothing(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    abandoned_once(backend, &one).await;
    assert_eq!(other.lease().await, 1);
    one.release().await;
    one.release_with(unsettled()).await;
    one.release_with(paused(backend.lease_time())).await;
    assert!(one.is_held_off().await);
    other.release().await;
    assert_eq!(one.lease().await, 1);
}

/// Ended is ended: the attempt is counted, and counted once.
pub async fn a_release_after_the_lease_has_ended_changes_nothing(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    abandoned_once(backend, &one).await;
    one.release().await;
    one.release_with(unsettled()).await;
    one.release_with(paused(backend.lease_time())).await;
    assert_eq!(other.lease().await, 1);
}

/// The count belongs to a version: a commit is the outcome that everybody waited for.
pub async fn a_commit_clears_the_count(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let first = abandoned_once(backend, &one).await;
    let second = other.replace(first, &record("second")).await;
    assert_eq!(other.lease().await, 0);
    other.release_with(unsettled()).await;
    one.replace(second, &record("third")).await;
    assert_eq!(other.lease().await, 0);
}

/// A new record under the same key starts without a past.
pub async fn a_remove_clears_the_count(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let version = abandoned_once(backend, &one).await;
    assert_eq!(other.remove(version).await, Removal::Done);
    one.create(&record("new")).await;
    assert_eq!(other.lease().await, 0);
}

/// A commit or remove that changes nothing does not settle anything either.
pub async fn a_conflict_leaves_the_count(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let version = abandoned_once(backend, &one).await;
    assert_eq!(other.commit(Expected::Absent, &record("x")).await, Commit::Conflict);
    let unknown = Version::from_u64(version.as_u64().wrapping_add(1000));
    assert_eq!(other.remove(unknown).await, Removal::Conflict);
    assert_eq!(other.lease().await, 1);
}

/// After a pause was asked for, nobody is granted before it has passed: not even who asked for it.
pub async fn a_pause_holds_everybody_off_and_then_ends(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let pause = backend.lease_time() * 2;
    one.create(&record("first")).await;
    one.lease().await;
    one.release_with(paused(pause)).await;
    for caller in [&one, &other] {
        assert!(paused_for(caller).await <= pause);
        assert_eq!(caller.renew().await, Renewal::Lost);
    }
    backend.pass(pause / 2).await;
    other.release().await; // Without effect: nobody holds the lease.
    assert!(paused_for(&other).await <= pause / 2);
    backend.pass(pause / 2).await;
    other.lease().await;
    assert!(one.is_held_off().await);
}

/// A pause is no attempt, and it forgets none.
pub async fn a_pause_leaves_the_count(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let pause = backend.lease_time();
    abandoned_once(backend, &one).await;
    one.lease().await;
    one.release_with(paused(pause)).await;
    backend.pass(pause).await;
    assert_eq!(other.lease().await, 1);
    other.release_with(Release { unsettled: true, ..paused(pause) }).await;
    backend.pass(pause).await;
    assert_eq!(one.lease().await, 2);
}

/// Who got an answer after all commits it, pause or not.
pub async fn a_pause_does_not_hinder_a_commit(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let first = one.create(&record("first")).await;
    one.lease().await;
    one.release_with(paused(backend.lease_time())).await;
    other.replace(first, &record("second")).await;
}

/// A pause belongs to a version, like a lease.
pub async fn a_commit_ends_a_pause(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let first = one.create(&record("first")).await;
    one.lease().await;
    one.release_with(paused(backend.lease_time())).await;
    let second = other.replace(first, &record("second")).await;
    assert_eq!(other.lease().await, 0);

    other.release_with(paused(backend.lease_time())).await;
    assert_eq!(one.remove(second).await, Removal::Done);
    one.create(&record("new")).await;
    assert_eq!(other.lease().await, 0);
}

/// A pause without an end is one that a commit ends: it does not overflow into none.
pub async fn a_pause_may_last_for_ages(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let mut version = one.create(&record("first")).await;
    for pause in [Duration::from_secs(86_400 * 36_500), Duration::MAX] {
        one.lease().await;
        one.release_with(paused(pause)).await;
        backend.pass(backend.lease_time()).await;
        let remaining = paused_for(&other).await;
        assert!(remaining <= pause && remaining > Duration::from_secs(86_400), "{remaining:?}");
        version = other.replace(version, &record("next")).await;
    }
}

/// Creates a record whose lease was taken and abandoned.
async fn abandoned_once<S: SessionStore>(backend: &impl Backend, caller: &Caller<S>) -> Version {
    let version = caller.create(&record("first")).await;
    assert_eq!(caller.lease().await, 0);
    backend.pass(backend.lease_time()).await;
    version
}

async fn paused_for<S: SessionStore>(caller: &Caller<S>) -> Duration {
    match caller.try_lease().await {
        Lease::Paused { remaining } if remaining > Duration::ZERO => remaining,
        other => panic!("a pause was asked for, yet the store answered {other:?}"),
    }
}

fn unsettled() -> Release {
    Release { unsettled: true, ..Release::default() }
}

fn paused(pause: Duration) -> Release {
    Release { pause, ..Release::default() }
}
