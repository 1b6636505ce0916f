//! What a store promises about the right to refresh.

use std::time::Duration;

use oidc_session_core::{Commit, Expected, HolderId, Lease, Removal, Renewal, Stored};

use super::Backend;
use super::caller::{Caller, key, record};

/// Without a record there is nothing to refresh, and asking for it reserves nothing.
pub async fn there_is_no_lease_without_a_record(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    assert_eq!(one.try_lease().await, Lease::Absent);
    one.create(&record("first")).await;
    assert_eq!(other.lease().await, 0);
}

/// The grant brings the record as it is now: a refresh token is only ever read under the lease.
pub async fn a_free_lease_is_granted_with_the_record(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let first = one.create(&record("first")).await;
    let version = other.replace(first, &record("second")).await;
    let stored = Stored { version, record: record("second") };
    assert_eq!(one.try_lease().await, Lease::Granted { stored, unsettled: 0 });
}

/// One at a time, over all handles; the others learn how long to wait at most.
pub async fn a_held_lease_is_refused(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    one.create(&record("first")).await;
    one.lease().await;
    assert!(other.is_held_off().await);
    assert!(one.with_new_holder().is_held_off().await, "a handle is not a holder");

    backend.pass(backend.lease_time() / 2).await;
    match other.try_lease().await {
        Lease::Held { remaining } => assert!(remaining <= backend.lease_time() / 2, "{remaining:?}"),
        answer => panic!("{answer:?}"),
    }
}

/// A holder that vanished blocks nobody for longer than its lease.
pub async fn a_lease_ends_by_itself(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    one.create(&record("first")).await;
    one.lease().await;
    backend.pass(backend.lease_time()).await;
    other.lease().await;
    assert!(one.is_held_off().await);
}

/// Asking again repeats a call whose answer was lost: it is granted, for a full lease from now.
pub async fn the_holder_is_granted_again(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    one.create(&record("first")).await;
    one.lease().await;
    backend.pass(three_quarters(backend)).await;
    one.lease().await;
    backend.pass(three_quarters(backend)).await;
    assert!(other.is_held_off().await);
}

/// A renewed lease lasts for a full lease from the renewal, and no longer.
pub async fn a_renewed_lease_lasts_longer(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    one.create(&record("first")).await;
    one.lease().await;
    for _ in 0..3 {
        backend.pass(three_quarters(backend)).await;
        assert_eq!(one.renew().await, Renewal::Done);
        assert!(other.is_held_off().await);
    }
    backend.pass(backend.lease_time()).await;
    other.lease().await;
}

/// The lease is somebody else's now, and stays so.
pub async fn a_renewal_is_lost_after_a_takeover(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    one.create(&record("first")).await;
    one.lease().await;
    backend.pass(backend.lease_time()).await;
    other.lease().await;
    assert_eq!(one.renew().await, Renewal::Lost);
    assert_eq!(other.renew().await, Renewal::Done);
    assert!(one.is_held_off().await);
}

/// Ended is ended, even if nobody has taken over yet.
pub async fn a_renewal_is_lost_after_the_lease_has_ended(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    one.create(&record("first")).await;
    one.lease().await;
    backend.pass(backend.lease_time()).await;
    assert_eq!(one.renew().await, Renewal::Lost);
    other.lease().await;
}

/// `renew` never takes a lease.
pub async fn a_renewal_without_a_lease_is_lost(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    assert_eq!(one.renew().await, Renewal::Lost);
    one.create(&record("first")).await;
    assert_eq!(one.renew().await, Renewal::Lost);
    one.lease().await;
    one.release().await;
    assert_eq!(one.renew().await, Renewal::Lost);
    other.lease().await;
}

/// Giving the lease back is what makes waiting short.
pub async fn a_release_lets_the_next_in_at_once(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    one.create(&record("first")).await;
    one.lease().await;
    one.release().await;
    other.lease().await;
    assert!(one.is_held_off().await);
}

/// A release by anybody else has no effect; neither has one without a record.
pub async fn only_the_holder_can_release(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    other.release().await;
    one.create(&record("first")).await;
    one.lease().await;
    other.release().await;
    assert!(other.is_held_off().await);
    assert_eq!(one.renew().await, Renewal::Done);
}

/// Safety is the compare-and-set: whoever knows the version may commit, with or without the lease.
pub async fn a_commit_needs_no_lease(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let first = one.create(&record("first")).await;
    one.lease().await;
    backend.pass(backend.lease_time()).await;
    let second = one.replace(first, &record("by a holder whose lease has ended")).await;
    one.lease().await;
    other.replace(second, &record("by somebody who never held it")).await;
}

/// A commit gives the lease back in the same step.
pub async fn a_commit_by_the_holder_ends_the_lease(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let first = one.create(&record("first")).await;
    one.lease().await;
    one.replace(first, &record("second")).await;
    assert_eq!(one.renew().await, Renewal::Lost);
    assert_eq!(other.lease().await, 0);
    one.release().await; // Without effect: the lease is the other's.
    assert!(one.is_held_off().await);
}

/// A lease is the right to refresh one version, so it does not outlive the version.
pub async fn a_commit_by_another_ends_the_lease(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let first = one.create(&record("first")).await;
    one.lease().await;
    other.replace(first, &record("second")).await;
    assert_eq!(one.renew().await, Renewal::Lost);
    assert_eq!(other.lease().await, 0);
    assert!(one.is_held_off().await);
}

/// Nothing of the old lease is found under a new record.
pub async fn a_remove_ends_the_lease(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let version = one.create(&record("old")).await;
    one.lease().await;
    assert_eq!(other.remove(version).await, Removal::Done);
    assert_eq!(one.renew().await, Renewal::Lost);
    assert_eq!(one.try_lease().await, Lease::Absent);
    other.create(&record("new")).await;
    assert_eq!(one.renew().await, Renewal::Lost);
    assert_eq!(other.lease().await, 0);
}

/// A commit or remove that changes nothing does not end the lease either.
pub async fn a_conflict_leaves_the_lease(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let old = one.create(&record("old")).await;
    one.replace(old, &record("new")).await;
    one.lease().await;
    assert_eq!(other.commit(Expected::At(old), &record("x")).await, Commit::Conflict);
    assert_eq!(other.commit(Expected::Absent, &record("x")).await, Commit::Conflict);
    assert_eq!(other.remove(old).await, Removal::Conflict);
    assert!(other.is_held_off().await);
    assert_eq!(one.renew().await, Renewal::Done);
}

/// Two sessions refresh at the same time, and what becomes of one is nothing to the other.
pub async fn leases_of_two_keys_are_independent(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let (ones_second, others_second) = (one.with_key(key(2)), other.with_key(key(2)));
    one.create(&record("first")).await;
    let version = ones_second.create(&record("second")).await;
    one.lease().await;
    others_second.lease().await;
    others_second.release().await;
    assert!(other.is_held_off().await);
    ones_second.lease().await;
    let version = ones_second.replace(version, &record("third")).await;
    assert!(other.is_held_off().await);
    assert_eq!(ones_second.remove(version).await, Removal::Done);
    assert!(other.is_held_off().await);
    assert_eq!(one.renew().await, Renewal::Done);
}

/// A holder that slept through its lease finds nothing of it; its answer counts all the same, if nobody was faster.
pub async fn a_holder_that_wakes_up_late_commits_by_the_version_alone(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let first = one.create(&record("first")).await;
    one.lease().await;
    backend.pass(backend.lease_time()).await;
    other.lease().await;

    assert_eq!(one.renew().await, Renewal::Lost);
    one.release().await;
    assert!(one.is_held_off().await, "a late release took the lease from its new holder");
    one.replace(first, &record("late")).await;
    assert_eq!(other.renew().await, Renewal::Lost);
    assert_eq!(other.commit(Expected::At(first), &record("too late")).await, Commit::Conflict);
    assert_eq!(other.load().await.map(|stored| stored.record), Some(record("late")));
}

/// Somebody else has refreshed meanwhile: the late holder is told by its commit, and disturbs nobody.
pub async fn a_holder_that_wakes_up_after_a_commit_conflicts(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let first = one.create(&record("first")).await;
    one.lease().await;
    backend.pass(backend.lease_time()).await;
    other.lease().await;
    let second = other.replace(first, &record("second")).await;
    other.lease().await;

    assert_eq!(one.renew().await, Renewal::Lost);
    one.release().await;
    assert_eq!(one.commit(Expected::At(first), &record("late")).await, Commit::Conflict);
    assert!(one.is_held_off().await);
    assert_eq!(other.renew().await, Renewal::Done);
    let stored = Stored { version: second, record: record("second") };
    assert_eq!(one.load().await, Some(stored));
}

/// Whoever asks for next to no time gets the lease for as long, or for as little as the backend can measure.
pub async fn a_lease_of_no_time_is_soon_over(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    one.create(&record("first")).await;
    for (ended, ttl) in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(1)].into_iter().enumerate() {
        let unsettled = one.with_lease_time(ttl).lease().await;
        assert_eq!(unsettled as usize, ended, "{ttl:?}");
        backend.pass(backend.lease_time()).await;
        assert_eq!(one.renew().await, Renewal::Lost, "{ttl:?}");
        assert_eq!(other.lease().await as usize, ended + 1, "{ttl:?}");
        other.release().await;
    }
}

/// However long a lease is, it ends as it should: no time is too long to be added to another.
pub async fn a_lease_may_last_for_ages(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let mut version = one.create(&record("first")).await;
    for days in [25, 50, 36_500, 106_751, 106_752, 36_500_000, u64::MAX / 86_400] {
        let ttl = Duration::from_secs(days * 86_400);
        let one = one.with_lease_time(if days > 40_000_000 { Duration::MAX } else { ttl });
        one.lease().await;
        assert_eq!(one.renew().await, Renewal::Done);
        backend.pass(backend.lease_time()).await;
        let remaining = other.held_for().await;
        assert!(remaining > Duration::from_secs(86_400), "{remaining:?} remain of {days} days");
        one.release().await;
        assert_eq!(other.lease().await, 0);
        version = one.replace(version, &record("next")).await;
    }
}

/// What remains is told by the holder's time, not by that of whoever asks; a renewal may make it shorter.
pub async fn what_remains_never_exceeds_the_time_of_the_lease(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    one.create(&record("first")).await;
    let full = backend.lease_time();
    for (ttl, asked) in [(full * 10, full), (full, full * 10), (full * 3, Duration::MAX)] {
        let one = one.with_lease_time(ttl);
        one.lease().await;
        let remaining = other.with_lease_time(asked).held_for().await;
        assert!(!remaining.is_zero() && remaining <= ttl, "{remaining:?} remain of {ttl:?}");
        if ttl > full {
            assert_eq!(one.with_lease_time(full * 2).renew().await, Renewal::Done);
            let remaining = other.held_for().await;
            assert!(!remaining.is_zero() && remaining <= full * 2, "{remaining:?} remain of {:?}", full * 2);
        }
        one.release().await;
    }
}

/// A holder is 128 bits, and each of them counts.
pub async fn holders_that_differ_in_one_bit_are_two(backend: &impl Backend) {
    let caller = Caller::new(backend).await;
    caller.create(&record("first")).await;
    let pairs = [(0, 1), (0, 1 << 127), (u128::MAX, u128::MAX - 1), (u128::MAX, u128::MAX >> 1), (1 << 63, 1 << 64)];
    for (holder, stranger) in pairs {
        let [one, other] = [holder, stranger].map(|holder| caller.with_holder(HolderId::from_u128(holder)));
        assert_eq!(one.lease().await, 0);
        assert!(other.is_held_off().await, "{stranger:#x} was taken for {holder:#x}");
        assert_eq!(other.renew().await, Renewal::Lost, "{stranger:#x} was taken for {holder:#x}");
        other.release().await;
        assert_eq!(one.renew().await, Renewal::Done);
        assert_eq!(one.lease().await, 0);
        one.release().await;
    }
}

fn three_quarters(backend: &impl Backend) -> Duration {
    backend.lease_time() / 4 * 3
}
