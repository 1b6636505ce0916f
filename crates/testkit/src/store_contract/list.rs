//! What a store promises that can list its records.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use oidc_session_core::{Cursor, List, Page, Removal, SessionStore, StoreKey, Stored, Walk, Walked};

use super::Backend;
use super::caller::{Caller, answered, key, record};

/// Nothing is there, and that is no error.
pub async fn an_empty_store_lists_nothing<B: Backend<Store: List>>(backend: &B) {
    let caller = Caller::new(backend).await;
    assert_eq!(listed(&caller).await, BTreeMap::new());
    let version = caller.create(&record("first")).await;
    assert_eq!(caller.remove(version).await, Removal::Done);
    assert_eq!(listed(&caller).await, BTreeMap::new());
}

/// Each comes with the record that `load` would return.
pub async fn a_list_has_every_record_with_its_key<B: Backend<Store: List>>(backend: &B) {
    let (one, other) = Caller::two(backend).await;
    let mut all = BTreeMap::new();
    for number in [200, 3, 0, 255, 127, 128] {
        all.extend([created(&one, key(number)).await]);
    }
    assert_eq!(listed(&other).await, all);
}

/// Whatever the size of a page, every record is on one of them, and the last page says that it is the last.
pub async fn a_list_comes_in_pages<B: Backend<Store: List>>(backend: &B) {
    let caller = Caller::new(backend).await;
    let mut all = BTreeMap::new();
    for number in 1..=25 {
        all.extend([created(&caller, key(number * 10)).await]);
    }
    for limit in [1, 2, 7, 25, 1000, usize::MAX] {
        let (mut found, mut from) = (BTreeMap::new(), None);
        for _ in 0..1000 {
            let Page { entries, next, .. } = page(&caller, from.as_ref(), limit).await;
            found.extend(entries);
            from = next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!(from, None, "pages of {limit} never end");
        assert_eq!(found, all, "in pages of {limit}");
    }
}

/// What stays is listed, whatever comes and goes between two pages; the place where a page begins may itself be gone.
pub async fn a_list_goes_on_while_records_come_and_go<B: Backend<Store: List>>(backend: &B) {
    let caller = Caller::new(backend).await;
    let mut stays = BTreeMap::new();
    for number in 100..120 {
        stays.extend([created(&caller, key(number)).await]);
    }
    let first = page(&caller, None, 5).await;
    let mut found = BTreeMap::from_iter(first.entries);
    for (key, stored) in found.clone() {
        assert_eq!(caller.with_key(key).remove(stored.version).await, Removal::Done);
        stays.remove(&key);
    }
    created(&caller, key(1)).await;
    created(&caller, key(250)).await;
    let mut from = first.next;
    while let Some(cursor) = from {
        let next = page(&caller, Some(&cursor), 5).await;
        found.extend(next.entries);
        from = next.next;
    }
    for (key, stored) in &stays {
        assert_eq!(found.get(key), Some(stored), "{key:?} is not listed");
    }
}

/// A walk takes its time; what is there all along is found, however busy others are meanwhile.
pub async fn a_list_finds_what_stays_while_others_write<B: Backend<Store: List>>(backend: &B) {
    let (one, other) = Caller::two(backend).await;
    let mut stays = BTreeMap::new();
    for number in (0..100).step_by(2) {
        stays.extend([created(&one, key(number)).await]);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move {
            for number in (1..100).step_by(2).cycle() {
                let caller = other.with_key(key(number));
                let version = caller.create(&record("comes and goes")).await;
                let version = caller.replace(version, &record("changes")).await;
                assert_eq!(caller.remove(version).await, Removal::Done);
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        }
    });
    for _ in 0..backend.effort().div_ceil(100) {
        let (mut found, mut from) = (BTreeMap::new(), None);
        loop {
            let Page { entries, next, .. } = page(&one, from.as_ref(), 7).await;
            found.extend(entries);
            from = next;
            if from.is_none() {
                break;
            }
        }
        for (key, stored) in &stays {
            assert_eq!(found.get(key), Some(stored), "{key:?} is not listed");
        }
    }
    stop.store(true, Ordering::Relaxed);
    if let Err(error) = writer.await {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// A cursor may come from anywhere: what is none is refused, or taken for a place, and nothing breaks.
pub async fn a_foreign_cursor_breaks_nothing<B: Backend<Store: List>>(backend: &B) {
    let caller = Caller::new(backend).await;
    let (key, stored) = created(&caller, key(7)).await;
    for bytes in [vec![], vec![0], b"nonsense".to_vec(), vec![0xff; 8], vec![0xff; 33], vec![0; 10_000]] {
        let cursor = Cursor::from_bytes(bytes);
        if let Ok(page) = caller.store.list(Some(&cursor), 10).await {
            assert!(page.entries.iter().all(|entry| *entry == (key, stored.clone())));
        }
    }
    assert_eq!(listed(&caller).await, BTreeMap::from([(key, stored)]));
}

async fn created<S: SessionStore>(caller: &Caller<S>, key: StoreKey) -> (StoreKey, Stored) {
    let record = record(&format!("{key:?}"));
    let version = caller.with_key(key).create(&record).await;
    (key, Stored { version, record })
}

async fn listed<S: List>(caller: &Caller<S>) -> BTreeMap<StoreKey, Stored> {
    let mut found = BTreeMap::new();
    let mut records = Walk::over(&*caller.store);
    while let Some(walked) = answered(records.next().await) {
        match walked {
            Walked::Record { key, stored } => found.insert(key, stored),
            Walked::Unreadable(key) => panic!("{key:?} is not damaged"),
        };
    }
    found
}

async fn page<S: List>(caller: &Caller<S>, from: Option<&Cursor>, limit: usize) -> Page {
    let page = answered(caller.store.list(from, limit).await);
    assert_eq!(page.unreadable, [], "what is being written is not damaged");
    page
}
