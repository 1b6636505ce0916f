//! Processes that share nothing are found out, and the dialogue with a child is what it says.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use oidc_session_core::{Expected, Record, SessionStore as _, StoreKey, Stored, Version};
use oidc_session_store_memory::MemoryStore;
use oidc_session_testkit::processes::{Child, Children, Parent};
use oidc_session_testkit::store_contract::{Backend, Elsewhere, processes};

/// Each process has a store of its own, and takes it for everybody's.
struct Alone(MemoryStore);

impl Backend for Alone {
    type Store = MemoryStore;

    async fn open(&self) -> MemoryStore {
        self.0.clone()
    }

    async fn pass(&self, _: Duration) {}

    fn effort(&self) -> usize {
        100
    }
}

impl Elsewhere for Alone {
    fn address(&self) -> String {
        "nowhere".to_owned()
    }

    async fn open_at(address: &str) -> MemoryStore {
        assert_eq!(address, "nowhere");
        let store = MemoryStore::new();
        let record = Record::from_bytes(0_u32.to_be_bytes().into_iter().cycle().take(6_000).collect());
        let first = Stored { version: Version::from_u64(1), record };
        let _ = store.commit(&StoreKey::from_bytes([1; 32]), Expected::Absent, &first, None).await.unwrap();
        store
    }
}

macro_rules! found_out {
    ($($promise:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                let path = concat!(module_path!(), "::", stringify!($promise));
                let promise = processes::$promise(async || Alone(MemoryStore::new()), path);
                if Parent::of_this_process().is_some() {
                    return promise.await;
                }
                assert!(AssertUnwindSafe(promise).catch_unwind().await.is_err());
            }
        )+
    };
}

/// Stores that share nothing break each of these.
mod stores_that_share_nothing {
    use super::*;

    found_out! {
        processes_win_each_version_once
        one_of_many_processes_is_granted_the_lease
        the_lease_of_a_killed_process_is_unsettled
        what_a_killed_process_committed_is_kept
    }
}

#[test]
fn a_child_hears_its_parent_and_is_heard() {
    if let Some(parent) = Parent::of_this_process() {
        let greeting = parent.ready();
        parent.say(&format!("{} {greeting}", parent.address()));
        parent.say(&parent.hear());
        return;
    }
    let mut children = Children::start("processes::a_child_hears_its_parent_and_is_heard", "somewhere else", 2);
    children.go("good morning");
    for child in children.iter_mut() {
        child.say("good night");
        assert_eq!(child.hear_all(), ["somewhere else good morning", "good night"]);
    }
}

#[test]
fn a_killed_child_says_nothing_more() {
    if let Some(parent) = Parent::of_this_process() {
        parent.ready();
        parent.wait_to_be_killed();
    }
    let mut children = Children::start("processes::a_killed_child_says_nothing_more", "", 1);
    children.go("");
    children[0].kill();
    assert_eq!(children[0].hear(), None);
}

#[test]
#[should_panic(expected = "a child failed")]
fn a_child_that_fails_is_a_failure() {
    if let Some(parent) = Parent::of_this_process() {
        parent.ready();
        std::process::exit(3);
    }
    let mut children = Children::start("processes::a_child_that_fails_is_a_failure", "", 1);
    children.go("");
    let _: Vec<String> = children.iter_mut().flat_map(Child::hear_all).collect();
}

#[test]
#[should_panic(expected = "did not get ready")]
fn a_test_that_is_not_there_is_a_failure() {
    Children::start("no_such_test", "", 1);
}
