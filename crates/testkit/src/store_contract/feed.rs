//! What a store promises that tells of changes.

use std::collections::HashMap;

use oidc_session_core::{
    Change, Changes, Commit, Expected, Release, Removal, SessionStore, Stored, Timestamp, Version,
};
use tokio::task::JoinSet;

use super::Backend;
use super::caller::{Caller, answered, give_up_after, key, next, record, within};

/// Whoever listens learns of each commit and remove with its version, whichever handle made it.
pub async fn every_commit_and_remove_is_told(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let mut changes = subscribed(&one).await;
    let first = other.create(&record("first")).await;
    assert_eq!(told(backend, &mut changes).await, at(&one, first));
    let second = one.replace(first, &record("second")).await;
    assert_eq!(told(backend, &mut changes).await, at(&one, second));
    let ended = other.keep(Expected::At(second), &record("ended"), Some(Timestamp::MAX)).await;
    assert_eq!(told(backend, &mut changes).await, at(&one, ended));
    assert_eq!(other.remove(ended).await, Removal::Done);
    assert_eq!(told(backend, &mut changes).await, gone(&one));
    let anew = one.create(&record("anew")).await;
    assert_eq!(told(backend, &mut changes).await, at(&one, anew));
    assert_eq!(one.remove(anew).await, Removal::Done);
    assert_eq!(told(backend, &mut changes).await, gone(&one));
}

/// Versions are told as they are, with all of their 63 bits.
pub async fn a_change_tells_any_version(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let mut changes = subscribed(&one).await;
    let mut expected = Expected::Absent;
    for version in [0, 1, 1 << 53, (1 << 53) + 1, i64::MAX.unsigned_abs()].map(Version::from_u64) {
        let next = Stored { version, record: record("next") };
        assert_eq!(other.put(expected, &next, None).await, Commit::Done);
        assert_eq!(told(backend, &mut changes).await, at(&one, version));
        expected = Expected::At(version);
    }
}

/// Conflicts, loads, leases, renewals and releases change no record, so there is nothing to tell.
pub async fn what_changes_no_record_is_not_told(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let old = one.create(&record("old")).await;
    let version = one.replace(old, &record("new")).await;
    let mut changes = subscribed(&one).await;

    assert_eq!(other.commit(Expected::Absent, &record("x")).await, Commit::Conflict);
    assert_eq!(other.commit(Expected::At(old), &record("x")).await, Commit::Conflict);
    assert_eq!(other.remove(old).await, Removal::Conflict);
    other.load().await;
    other.lease().await;
    let _ = other.renew().await;
    let _ = one.try_lease().await;
    other.release_with(Release { pause: backend.lease_time(), unsettled: true }).await;
    let _ = one.try_lease().await;

    let last = other.replace(version, &record("told")).await;
    assert_eq!(told(backend, &mut changes).await, at(&one, last), "something was told that was no change");
}

/// Looking at the store is for what was; the feed is for what comes.
pub async fn nothing_from_before_is_told(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let mut version = one.create(&record("before")).await;
    for _ in 0..10 {
        version = one.replace(version, &record("before")).await;
    }
    let mut changes = subscribed(&other).await;
    let after = one.replace(version, &record("after")).await;
    assert_eq!(told(backend, &mut changes).await, at(&one, after));
}

/// In the order in which they happened, however fast they follow each other and whichever handle makes them.
pub async fn changes_of_a_key_are_told_in_their_order(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let mut changes = subscribed(&one).await;
    let mut happened = Vec::new();
    let mut version = one.create(&record("0")).await;
    happened.push(at(&one, version));
    for count in 1..backend.effort().div_ceil(8) {
        let caller = if count % 3 == 0 { &one } else { &other };
        if count % 7 == 0 {
            assert_eq!(caller.remove(version).await, Removal::Done);
            version = other.create(&record("anew")).await;
            happened.extend([gone(&one), at(&one, version)]);
        } else {
            version = caller.replace(version, &record(&count.to_string())).await;
            happened.push(at(&one, version));
        }
    }
    for (place, change) in happened.into_iter().enumerate() {
        assert_eq!(told(backend, &mut changes).await, change, "change {place}");
    }
}

/// Many write to many keys at once: nothing is left out, nothing is made up, and each key's changes are in order.
pub async fn changes_made_at_once_are_all_told(backend: &impl Backend) {
    const WRITERS: u8 = 8;
    let (one, other) = Caller::two(backend).await;
    let mut changes = subscribed(&one).await;
    let commits = backend.effort().div_ceil(50);
    let mut tasks = JoinSet::new();
    for number in 0..WRITERS {
        let caller = if number % 2 == 0 { &one } else { &other }.with_key(key(number));
        tasks.spawn(async move {
            let mut made = vec![caller.create(&record("0")).await];
            while made.len() < commits {
                made.push(caller.replace(made[made.len() - 1], &record("next")).await);
            }
            (caller.key, made)
        });
    }
    let made: HashMap<_, _> = tasks.join_all().await.into_iter().collect();
    let mut heard: HashMap<_, Vec<Version>> = HashMap::new();
    for _ in 0..made.values().map(Vec::len).sum() {
        let change = told(backend, &mut changes).await;
        heard.entry(change.key).or_default().extend(change.version);
    }
    assert_eq!(heard, made);
}

/// A subscription takes nothing from another, and its end is nobody else's.
pub async fn every_subscriber_hears_everything(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let mut early = subscribed(&one).await;
    let mut same = subscribed(&one).await;
    let mut elsewhere = subscribed(&other).await;
    let first = one.create(&record("first")).await;
    for changes in [&mut early, &mut same, &mut elsewhere] {
        assert_eq!(told(backend, changes).await, at(&one, first));
    }
    drop(early);
    let second = other.replace(first, &record("second")).await;
    let mut late = subscribed(&one).await;
    let third = one.replace(second, &record("third")).await;
    for changes in [&mut same, &mut elsewhere] {
        assert_eq!(told(backend, changes).await, at(&one, second));
        assert_eq!(told(backend, changes).await, at(&one, third));
    }
    assert_eq!(told(backend, &mut late).await, at(&one, third));
}

/// Whoever listens beside other work drops the wait all the time.
pub async fn a_dropped_wait_loses_no_change(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    let mut changes = subscribed(&one).await;
    let mut version = other.create(&record("first")).await;
    let (mut happened, mut heard) = (vec![at(&one, version)], Vec::new());
    for polls in (0..4).cycle().take(40) {
        heard.extend(give_up_after(polls, changes.next()).await.map(answered));
        version = other.replace(version, &record("next")).await;
        happened.push(at(&one, version));
        heard.extend(give_up_after(polls, changes.next()).await.map(answered));
    }
    while heard.len() < happened.len() {
        heard.push(told(backend, &mut changes).await);
    }
    assert_eq!(heard, happened);
}

/// Whoever subscribes and hears nothing knows that there was nothing: from then on, not from a little later.
pub async fn a_subscription_counts_from_its_first_moment(backend: &impl Backend) {
    let (one, other) = Caller::two(backend).await;
    for number in 0..20 {
        let (one, other) = (one.with_key(key(number)), other.with_key(key(number)));
        let mut changes = subscribed(&one).await;
        let next = next(Expected::Absent, &record("first"));
        assert_eq!(other.put(Expected::Absent, &next, None).await, Commit::Done);
        assert_eq!(told(backend, &mut changes).await, at(&one, next.version));
    }
}

/// A subscription of its own, once the store listens.
pub(super) async fn subscribed<S: SessionStore>(caller: &Caller<S>) -> Box<dyn Changes> {
    match caller.store.change_feed() {
        Some(feed) => answered(feed.subscribe().await),
        None => panic!("the store has no change feed"),
    }
}

/// The next change, which is on its way.
async fn told(backend: &impl Backend, changes: &mut Box<dyn Changes>) -> Change {
    answered(within(backend, changes.next()).await)
}

fn at<S>(caller: &Caller<S>, version: Version) -> Change {
    Change { key: caller.key, version: Some(version) }
}

fn gone<S>(caller: &Caller<S>) -> Change {
    Change { key: caller.key, version: None }
}
