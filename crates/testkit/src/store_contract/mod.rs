//! The contract of [`SessionStore`] as tests that every store runs.
//!
//! A store implements [`Backend`] once, and [`store_contract!`](macro@crate::store_contract) lists the tests:
//!
//! ```
//! use std::time::Duration;
//! use oidc_session_testkit::store_contract::Backend;
//! # use oidc_session_core::{
//! #     Commit, Expected, HolderId, Lease, Release, Removal, Renewal, SessionStore, StoreError, StoreKey, Stored,
//! #     Timestamp, Version,
//! # };
//! # #[derive(Clone, Debug)]
//! # struct MyStore;
//! # #[async_trait::async_trait]
//! # impl SessionStore for MyStore {
//! #     async fn load(&self, _: &StoreKey) -> Result<Option<Stored>, StoreError> { todo!() }
//! #     async fn commit(
//! #         &self, _: &StoreKey, _: Expected, _: &Stored, _: Option<Timestamp>,
//! #     ) -> Result<Commit, StoreError> { todo!() }
//! #     async fn remove(&self, _: &StoreKey, _: Version) -> Result<Removal, StoreError> { todo!() }
//! #     async fn try_lease(&self, _: &StoreKey, _: HolderId, _: Duration) -> Result<Lease, StoreError> { todo!() }
//! #     async fn renew(&self, _: &StoreKey, _: HolderId, _: Duration) -> Result<Renewal, StoreError> { todo!() }
//! #     async fn release(&self, _: &StoreKey, _: HolderId, _: Release) -> Result<(), StoreError> { todo!() }
//! # }
//!
//! struct MyBackend(MyStore);
//!
//! impl Backend for MyBackend {
//!     type Store = MyStore;
//!
//!     async fn open(&self) -> MyStore {
//!         self.0.clone()
//!     }
//!
//!     async fn pass(&self, time: Duration) {
//!         tokio::time::sleep(time).await; // or move the clock that the store was given
//!     }
//!
//!     fn lease_time(&self) -> Duration {
//!         Duration::from_millis(400) // short, because `pass` really waits
//!     }
//! }
//!
//! // In tests/contract.rs; the crate needs tokio with `macros` and `rt-multi-thread`.
//! oidc_session_testkit::store_contract!(MyBackend(MyStore));
//! ```

use std::time::Duration;

use oidc_session_core::SessionStore;

pub mod attempts;
mod caller;
pub mod leases;
pub mod list;
pub mod races;
pub mod records;
pub mod sweep;

/// A store under test: one set of data, which is empty at first.
pub trait Backend {
    /// The store.
    type Store: SessionStore;

    /// Another handle on the same data, as another process would have it.
    fn open(&self) -> impl Future<Output = Self::Store> + Send;

    /// Lets at least this much of the store's lease time pass.
    fn pass(&self, time: Duration) -> impl Future<Output = ()> + Send;

    /// How long the leases of the tests last. Shorten it if [`pass`](Self::pass) really waits.
    fn lease_time(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// Lists the tests of the store contract for one [`Backend`], each on a backend of its own.
///
/// Takes an expression that makes a backend (it may `.await`), then the optional powers that the store has: `list`,
/// `sweep`. See [`store_contract`](mod@crate::store_contract) for an example.
#[macro_export]
macro_rules! store_contract {
    ($backend:expr $(, $power:ident)* $(,)?) => {
        $crate::store_contract!(@tests $backend, records:
            a_key_without_a_record_loads_nothing
            a_commit_that_expects_no_record_creates_it
            a_commit_that_expects_no_record_conflicts_with_one
            a_commit_at_the_version_replaces_the_record
            a_commit_at_a_version_conflicts_with_no_record
            the_second_writer_conflicts
            a_conflict_changes_nothing
            load_returns_the_last_commit
            a_commit_stores_the_version_it_was_given
            a_remove_forgets_the_record
            a_remove_at_another_version_conflicts
            an_old_version_matches_no_new_record
            keys_are_independent
            handles_see_each_others_commits
            a_record_is_any_bytes
            an_empty_record_is_a_record
            the_largest_record_fits
            a_tombstone_is_a_record_like_others
            keep_until_does_not_hide_a_record
            debug_shows_no_record_bytes
        );
        $crate::store_contract!(@tests $backend, leases:
            there_is_no_lease_without_a_record
            a_free_lease_is_granted_with_the_record
            a_held_lease_is_refused
            a_lease_ends_by_itself
            the_holder_is_granted_again
            a_renewed_lease_lasts_longer
            a_renewal_is_lost_after_a_takeover
            a_renewal_is_lost_after_the_lease_has_ended
            a_renewal_without_a_lease_is_lost
            a_release_lets_the_next_in_at_once
            only_the_holder_can_release
            a_commit_needs_no_lease
            a_commit_by_the_holder_ends_the_lease
            a_commit_by_another_ends_the_lease
            a_remove_ends_the_lease
            a_conflict_leaves_the_lease
            leases_of_two_keys_are_independent
        );
        $crate::store_contract!(@tests $backend, attempts:
            an_abandoned_lease_is_unsettled
            every_abandoned_lease_counts
            the_same_holder_counts_what_it_abandoned
            asking_again_in_time_counts_nothing
            a_renewed_lease_counts_nothing
            a_release_settles_only_its_own_attempt
            a_release_may_leave_its_attempt_unsettled
            a_release_after_a_takeover_changes_nothing
            a_release_after_the_lease_has_ended_changes_nothing
            a_commit_clears_the_count
            a_remove_clears_the_count
            a_conflict_leaves_the_count
            a_pause_holds_everybody_off_and_then_ends
            a_pause_leaves_the_count
            a_pause_does_not_hinder_a_commit
            a_commit_ends_a_pause
        );
        $crate::store_contract!(@tests $backend, races:
            one_of_many_creates_the_record
            each_version_is_won_once_in_a_thousand_commits
            one_of_64_is_granted_the_lease
            a_dropped_commit_happens_whole_or_not_at_all
            a_dropped_request_for_the_lease_can_be_repeated
        );
        $($crate::store_contract!(@$power $backend);)*
    };
    (@list $backend:expr) => {
        $crate::store_contract!(@tests $backend, list:
            an_empty_store_lists_nothing
            a_list_has_every_record_with_its_key
            a_list_comes_in_pages
            a_list_goes_on_while_records_come_and_go
        );
    };
    (@sweep $backend:expr) => {
        $crate::store_contract!(@tests $backend, sweep:
            a_sweep_drops_only_what_is_past_its_time
            a_sweep_drops_no_more_than_it_may
            a_record_is_there_until_it_is_swept
            the_last_commit_says_how_long_to_keep
            an_old_version_matches_nothing_after_a_sweep
            a_sweep_leaves_what_is_being_refreshed
        );
    };
    (@tests $backend:expr, $topic:ident: $($promise:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                $crate::store_contract::$topic::$promise(&$backend).await;
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_promise_is_listed() {
        let listing = include_str!("mod.rs");
        for topic in [
            include_str!("attempts.rs"),
            include_str!("leases.rs"),
            include_str!("list.rs"),
            include_str!("races.rs"),
            include_str!("records.rs"),
            include_str!("sweep.rs"),
        ] {
            let promises = topic.lines().filter_map(|line| line.strip_prefix("pub async fn "));
            for name in promises.filter_map(|rest| rest.split(['(', '<']).next()) {
                assert!(listing.lines().any(|line| line.trim() == name), "`{name}` is not listed");
            }
        }
    }
}
