//! What a store promises whose data was damaged beneath it.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use oidc_session_core::{
    Commit, Expected, List, Removal, SessionStore, StoreError, StoreErrorKind, StoreKey, Stored, Version,
};

use super::caller::{Caller, answered, key, record};
use super::{Damage, Harm};

/// Damage is told as such by every call that reads, destroys nothing, and is over once the bytes are put back.
pub async fn damage_is_told_and_destroys_nothing(backend: &impl Damage) {
    for (harm, one, other) in harmed(backend).await {
        let version = one.create(&record("precious")).await;
        backend.damage(&one.key, harm).await;
        for caller in [&one, &other] {
            corrupt(harm, "load", caller.load_or_fail().await);
            corrupt(harm, "try_lease", caller.try_lease_or_fail().await);
            refused(harm, caller, version).await;
            corrupt(harm, "load", caller.load_or_fail().await);
        }

        backend.repair(&one.key).await;
        assert_eq!(other.load().await, Some(Stored { version, record: record("precious") }), "{harm:?}");
        // Nobody was granted a lease of it, so anybody is now.
        assert_eq!(one.with_new_holder().lease().await, 0, "{harm:?}");
        let second = other.replace(version, &record("second")).await;
        assert_eq!(one.remove(second).await, Removal::Done);
        assert_eq!(one.load().await, None);
    }
}

/// A handle that is opened afterwards finds the same.
pub async fn damage_is_told_to_whoever_comes_later(backend: &impl Damage) {
    for (harm, one, _) in harmed(backend).await {
        let version = one.create(&record("precious")).await;
        backend.damage(&one.key, harm).await;
        let late = Caller::new(backend).await.with_key(one.key);
        corrupt(harm, "load", late.load_or_fail().await);
        refused(harm, &late, version).await;
        backend.repair(&one.key).await;
        assert_eq!(late.load().await, Some(Stored { version, record: record("precious") }), "{harm:?}");
    }
}

/// One damaged session is one session: all others go on.
pub async fn damage_to_one_key_is_nothing_to_others(backend: &impl Damage) {
    for (harm, one, other) in harmed(backend).await {
        let (before, leased) = (one.with_key(key(200)), one.with_key(key(201)));
        let version = before.create(&record("before")).await;
        leased.create(&record("leased")).await;
        leased.lease().await;
        one.create(&record("precious")).await;
        backend.damage(&one.key, harm).await;
        corrupt(harm, "load", one.load_or_fail().await);

        let before = other.with_key(before.key);
        assert_eq!(before.load().await, Some(Stored { version, record: record("before") }), "{harm:?}");
        before.lease().await;
        let version = before.replace(version, &record("after")).await;
        assert_eq!(before.remove(version).await, Removal::Done);
        assert!(other.with_new_holder().with_key(leased.key).with_new_holder().is_held_off().await, "{harm:?}");
        let anew = other.with_key(key(202));
        let version = anew.create(&record("anew")).await;
        assert_eq!(anew.remove(version).await, Removal::Done);

        let leased_version = leased.load().await.map(|stored| stored.version);
        if let Some(version) = leased_version {
            assert_eq!(leased.remove(version).await, Removal::Done);
        }
        backend.repair(&one.key).await;
    }
}

/// What is damaged is still secret.
pub async fn an_error_about_damage_tells_no_bytes(backend: &impl Damage) {
    const SECRET: &str = "rt-SECRET-rt-SECRET-rt-SECRET";
    for (harm, one, _) in harmed(backend).await {
        let version = one.create(&record(SECRET)).await;
        backend.damage(&one.key, harm).await;
        let errors = [
            one.load_or_fail().await.err(),
            one.try_lease_or_fail().await.err(),
            one.put_or_fail(Expected::At(version), &record("x")).await.err(),
            one.remove_or_fail(version).await.err(),
        ];
        for error in errors.iter().flatten() {
            let mut shown = format!("{error:?}\n{error:#?}\n{error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                shown = format!("{shown}\n{error}\n{error:?}");
                cause = error.source();
            }
            let hex: String = "SECRET".bytes().map(|byte| format!("{byte:02x}")).collect();
            let decimal: Vec<String> = "SECRET".bytes().map(|byte| byte.to_string()).collect();
            for rendering in ["SECRET", &hex, &decimal.join(", "), &decimal.join(",\n")] {
                assert!(!shown.contains(rendering), "an error tells what is stored ({harm:?})");
            }
        }
        backend.repair(&one.key).await;
    }
}

/// A list tells each damaged record by its key, goes on behind it whatever the size of a page, and destroys nothing.
/// For stores that can list.
pub async fn a_damaged_record_does_not_hide_the_others_from_a_list<B: Damage<Store: List>>(backend: &B) {
    let (mut all, mut damaged, harmed) = (BTreeMap::new(), BTreeSet::new(), harmed(backend).await);
    let one = Caller::new(backend).await;
    for number in [0, 50, 99, 150, 255] {
        let version = one.with_key(key(number)).create(&record("whole")).await;
        all.insert(key(number), Stored { version, record: record("whole") });
    }
    for (harm, one, _) in &harmed {
        let version = one.create(&record("precious")).await;
        all.insert(one.key, Stored { version, record: record("precious") });
        backend.damage(&one.key, *harm).await;
        damaged.insert(one.key);
    }
    let whole: BTreeMap<_, _> = all.clone().into_iter().filter(|(key, _)| !damaged.contains(key)).collect();
    for limit in [1, 3, 100] {
        assert_eq!(listed(&one, limit).await, (whole.clone(), damaged.clone()), "in pages of {limit}");
    }
    for key in &damaged {
        backend.repair(key).await;
    }
    assert_eq!(listed(&one, 3).await, (all, BTreeSet::new()));
}

async fn listed<S: List>(caller: &Caller<S>, limit: usize) -> (BTreeMap<StoreKey, Stored>, BTreeSet<StoreKey>) {
    let (mut records, mut unreadable, mut from) = (BTreeMap::new(), BTreeSet::new(), None);
    for _ in 0..1000 {
        let page = answered(caller.store.list(from.as_ref(), limit).await);
        records.extend(page.entries);
        unreadable.extend(page.unreadable);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(from, None, "pages of {limit} never end");
    (records, unreadable)
}

/// Two callers of a key for each kind of harm that the backend can do.
async fn harmed<B: Damage>(backend: &B) -> Vec<(Harm, Caller<B::Store>, Caller<B::Store>)> {
    let (one, other) = Caller::two(backend).await;
    assert!(!backend.kinds().is_empty(), "a backend that can be damaged says how");
    let numbered = backend.kinds().iter().zip(100..);
    numbered.map(|(harm, number)| (*harm, one.with_key(key(number)), other.with_key(key(number)))).collect()
}

/// Neither write may succeed. A store that can see that the version does not match may say just that.
async fn refused<S: SessionStore>(harm: Harm, caller: &Caller<S>, version: Version) {
    for expected in [Expected::At(version), Expected::Absent] {
        match caller.put_or_fail(expected, &record("x")).await {
            Ok(commit) => assert_eq!(commit, Commit::Conflict, "{harm:?}: a damaged record was overwritten"),
            answer => corrupt(harm, "commit", answer),
        }
    }
    match caller.remove_or_fail(version).await {
        Ok(removal) => assert_eq!(removal, Removal::Conflict, "{harm:?}: a damaged record was removed"),
        answer => corrupt(harm, "remove", answer),
    }
}

fn corrupt<T>(harm: Harm, call: &str, answer: Result<T, StoreError>) {
    match answer {
        // Never the answer itself: it may hold a record.
        Ok(_) => panic!("{harm:?}: `{call}` was answered from damaged data"),
        Err(error) => assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{harm:?}: `{call}`"),
    }
}
