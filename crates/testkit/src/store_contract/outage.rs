//! What a store promises whose backend goes away and comes back.

use std::time::Duration;

use oidc_session_core::{Commit, Expected, Lease, Removal, SessionStore, StoreError, StoreErrorKind, Stored};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::Outage;
use super::caller::{Caller, answered, next, record, within};
use super::feed::subscribed;

/// How long to leave a backend alone that is just coming back.
const MOMENT: Duration = Duration::from_millis(20);

/// No call hangs, panics, or answers as if it knew: each says `Unavailable`, and says it in time.
pub async fn every_call_in_an_outage_fails_in_time(backend: &impl Outage) {
    let (one, other) = Caller::two(backend).await;
    let version = one.create(&record("first")).await;
    one.lease().await;
    backend.stop().await;
    for caller in [&one, &other, &one] {
        unavailable("load", within(backend, caller.load_or_fail()).await);
        unavailable("commit", within(backend, caller.put_or_fail(Expected::At(version), &record("x"))).await);
        unavailable("create", within(backend, caller.put_or_fail(Expected::Absent, &record("x"))).await);
        unavailable("remove", within(backend, caller.remove_or_fail(version)).await);
        unavailable("try_lease", within(backend, caller.try_lease_or_fail()).await);
        unavailable("renew", within(backend, caller.renew_or_fail()).await);
        unavailable("release", within(backend, caller.release_or_fail()).await);
    }
    backend.start().await;
}

/// Nobody has to open the store anew, and what was committed is there: also after the second time.
pub async fn the_same_handle_works_after_an_outage(backend: &impl Outage) {
    let (one, other) = Caller::two(backend).await;
    let mut version = one.create(&record("first")).await;
    for content in ["second", "third"] {
        backend.stop().await;
        unavailable("load", within(backend, one.load_or_fail()).await);
        backend.start().await;
        for caller in [&one, &other] {
            let found = back(backend, || caller.load_or_fail()).await;
            assert_eq!(found.map(|found| found.version), Some(version));
        }
        // Whoever has been told `Unavailable` repeats the call: `Done`, or the conflict with one's own first try.
        let next = next(Expected::At(version), &record(content));
        let expected = Expected::At(version);
        let put = || other.store.commit(&other.key, expected, &next, None);
        let _ = back(backend, put).await;
        assert_eq!(back(backend, || one.load_or_fail()).await, Some(next.clone()));
        version = next.version;
    }
    assert!(matches!(back(backend, || one.remove_or_fail(version)).await, Removal::Done | Removal::Conflict));
    assert_eq!(back(backend, || other.load_or_fail()).await, None);
}

/// An attempt that was under way is not forgotten: the lease is still held, or the attempt counts as unsettled.
pub async fn a_lease_outlasts_an_outage_or_is_unsettled(backend: &impl Outage) {
    let (one, other) = Caller::two(backend).await;
    one.create(&record("first")).await;
    one.lease().await;
    backend.stop().await;
    unavailable("renew", within(backend, one.renew_or_fail()).await);
    backend.start().await;
    match back(backend, || other.try_lease_or_fail()).await {
        Lease::Held { .. } => {
            backend.pass(backend.lease_time()).await;
            assert_eq!(other.lease().await, 1);
        }
        Lease::Granted { unsettled, .. } => assert!(unsettled > 0, "an attempt was forgotten"),
        answer => panic!("{answer:?}"),
    }
}

/// What earlier attempts left unsettled is data like the record.
pub async fn the_count_outlasts_an_outage(backend: &impl Outage) {
    let (one, other) = Caller::two(backend).await;
    one.create(&record("first")).await;
    for unsettled in 0..2 {
        assert_eq!(one.with_new_holder().lease().await, unsettled);
        backend.pass(backend.lease_time()).await;
    }
    backend.stop().await;
    backend.start().await;
    let _ = back(backend, || one.load_or_fail()).await;
    match back(backend, || other.try_lease_or_fail()).await {
        Lease::Granted { unsettled, .. } => assert!(unsettled >= 2, "{} attempts were forgotten", 2 - unsettled),
        answer => panic!("{answer:?}"),
    }
}

/// The backend goes away in the middle of something: each commit that was answered is there, and the one that failed
/// happened whole or not at all.
pub async fn a_commit_that_an_outage_interrupts_happens_whole_or_not_at_all(backend: &impl Outage) {
    let (one, other) = Caller::two(backend).await;
    for round in 0..3 {
        let caller = one.with_key(super::caller::key(round));
        let version = caller.create(&record("first")).await;
        let running = Notify::new();
        let commits = async {
            let (mut done, mut count) = (Stored { version, record: record("first") }, 0_u32);
            loop {
                let expected = Expected::At(done.version);
                let tried = next(expected, &record(&format!("{count} {}", "x".repeat(10_000))));
                match within(backend, caller.store.commit(&caller.key, expected, &tried, None)).await {
                    Ok(commit) => assert_eq!(commit, Commit::Done),
                    Err(error) => {
                        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
                        return (done, tried);
                    }
                }
                (done, count) = (tried, count + 1);
                if count == 5 {
                    running.notify_one();
                }
            }
        };
        let outage = async {
            running.notified().await;
            backend.stop().await;
        };
        let ((done, tried), ()) = tokio::join!(commits, outage);
        backend.start().await;
        let other = other.with_key(caller.key);
        let left = back(backend, || other.load_or_fail()).await;
        assert!(left == Some(done) || left.as_ref() == Some(&tried), "round {round}: half a commit is left, or none");
        let _ = back(backend, || one.load_or_fail()).await;
    }
}

/// A feed that was cut off says so: what is committed after an outage is told, or `next` fails. Silence would be a lie.
pub async fn a_feed_is_not_silent_after_an_outage(backend: &impl Outage) {
    let (one, other) = Caller::two(backend).await;
    if one.store.change_feed().is_none() {
        return; // The store has none to keep silent.
    }
    let version = one.create(&record("first")).await;
    let mut changes = subscribed(&one).await;
    backend.stop().await;
    backend.start().await;
    let _ = back(backend, || other.load_or_fail()).await;
    let next = next(Expected::At(version), &record("second"));
    let put = || other.store.commit(&other.key, Expected::At(version), &next, None);
    let _ = back(backend, put).await;
    if let Ok(change) = within(backend, changes.next()).await {
        assert_eq!(change.version, Some(next.version), "a change was left out silently");
    }
    let mut anew = subscribed(&one).await;
    let last = other.replace(next.version, &record("third")).await;
    let change = answered(within(backend, anew.next()).await);
    assert_eq!((change.key, change.version), (one.key, Some(last)));
}

/// Repeats a call until the backend is back.
async fn back<T, F: Future<Output = Result<T, StoreError>>>(backend: &impl Outage, call: impl Fn() -> F) -> T {
    within(backend, async {
        loop {
            match call().await {
                Ok(answer) => return answer,
                Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}"),
            }
            sleep(MOMENT).await;
        }
    })
    .await
}

fn unavailable<T>(call: &str, answer: Result<T, StoreError>) {
    match answer {
        Ok(_) => panic!("`{call}` was answered in an outage"),
        Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "`{call}`: {error:?}"),
    }
}
