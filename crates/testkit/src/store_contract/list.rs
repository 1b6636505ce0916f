//! What a store promises that can list its records.

use oidc_session_core::{List, Removal, SessionStore, StoreKey, Stored};

use super::Backend;
use super::caller::{Caller, answered, key, record};

/// Nothing is there, and that is no error.
pub async fn an_empty_store_lists_nothing<B: Backend<Store: List>>(backend: &B) {
    let caller = Caller::new(backend).await;
    assert_eq!(listed(&caller, None, 10).await, []);
    let version = caller.create(&record("first")).await;
    assert_eq!(caller.remove(version).await, Removal::Done);
    assert_eq!(listed(&caller, None, 10).await, []);
}

/// Keys are ordered by their bytes; each comes with the record that `load` would return.
pub async fn a_list_is_in_the_order_of_keys<B: Backend<Store: List>>(backend: &B) {
    let (one, other) = Caller::two(backend).await;
    let mut all = Vec::new();
    for number in [200, 3, 0, 255, 127, 128] {
        all.push(created(&one, key(number)).await);
    }
    all.sort_by_key(|(key, _)| *key);
    assert_eq!(listed(&other, None, 10).await, all);
}

/// The last key of one page is where the next begins; it need not exist any more.
pub async fn a_list_comes_in_pages<B: Backend<Store: List>>(backend: &B) {
    let caller = Caller::new(backend).await;
    let mut all = Vec::new();
    for number in 1..=5 {
        all.push(created(&caller, key(number * 10)).await);
    }
    assert_eq!(listed(&caller, None, 2).await, all[..2]);
    assert_eq!(listed(&caller, Some(key(20)), 2).await, all[2..4]);
    assert_eq!(listed(&caller, Some(key(40)), 2).await, all[4..]);
    assert_eq!(listed(&caller, Some(key(50)), 2).await, []);
    assert_eq!(listed(&caller, Some(key(25)), 1).await, all[2..3]);
    assert_eq!(listed(&caller, None, 0).await, []);
    assert_eq!(listed(&caller, None, usize::MAX).await, all);
}

async fn created<S: SessionStore>(caller: &Caller<S>, key: StoreKey) -> (StoreKey, Stored) {
    let record = record(&format!("{key:?}"));
    let version = caller.with_key(key).create(&record).await;
    (key, Stored { version, record })
}

async fn listed<S: List>(caller: &Caller<S>, after: Option<StoreKey>, limit: usize) -> Vec<(StoreKey, Stored)> {
    answered(caller.store.list(after, limit).await)
}
