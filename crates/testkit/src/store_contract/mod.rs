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
//!
//! # Optional powers
//!
//! What a store can do beyond the contract is listed after the backend: `store_contract!(MyBackend::new(), list, feed)`.
//!
//! | Power | For a store that | The backend implements |
//! |---|---|---|
//! | `list` | is a [`List`](oidc_session_core::List) | nothing more |
//! | `sweep` | is a [`Sweep`](oidc_session_core::Sweep) | nothing more |
//! | `feed` | answers [`SessionStore::change_feed`] with a feed | nothing more |
//! | `outage` | talks to a server or a medium that may go away | [`Outage`]: stops the server, and starts it again |
//! | `damage` | reads something back that may have been damaged | [`Damage`]: garbles what is stored, and puts it back |
//! | `processes` | is shared by processes | [`Elsewhere`]: an address, and how to open it |
//!
//! ```
//! # use std::collections::HashMap;
//! # use std::path::{Path, PathBuf};
//! # use std::sync::Mutex;
//! # use std::time::Duration;
//! # use oidc_session_core::StoreKey;
//! use oidc_session_testkit::store_contract::{Backend, Damage, Elsewhere, Harm, Outage};
//! # use oidc_session_store_memory::MemoryStore as MyStore;
//! # async fn open(_: &Path) -> MyStore { MyStore::new() }
//! # struct MyServer;
//! # impl MyServer { async fn kill(&self) {} async fn start_and_wait(&self) {} }
//!
//! struct MyBackend {
//!     server: MyServer,
//!     folder: PathBuf,
//!     whole: Mutex<HashMap<StoreKey, Vec<u8>>>,
//! }
//! # impl MyBackend { fn file_of(&self, key: &StoreKey) -> PathBuf { self.folder.join(format!("{key:?}")) } }
//! # impl Backend for MyBackend {
//! #     type Store = MyStore;
//! #     async fn open(&self) -> MyStore { open(&self.folder).await }
//! #     async fn pass(&self, time: Duration) { tokio::time::sleep(time).await }
//! # }
//!
//! impl Outage for MyBackend {
//!     async fn stop(&self) {
//!         self.server.kill().await;
//!     }
//!
//!     async fn start(&self) {
//!         self.server.start_and_wait().await;
//!     }
//! }
//!
//! impl Damage for MyBackend {
//!     fn kinds(&self) -> &[Harm] {
//!         &[Harm::Truncated, Harm::Flipped, Harm::Replaced] // what the store is able to notice
//!     }
//!
//!     async fn damage(&self, key: &StoreKey, harm: Harm) {
//!         let whole = std::fs::read(self.file_of(key)).unwrap();
//!         let harmed = match harm {
//!             Harm::Truncated => whole[..whole.len() / 2].to_vec(),
//!             Harm::Flipped => whole.iter().zip(0..).map(|(byte, place)| byte ^ u8::from(place == 20)).collect(),
//!             Harm::Replaced => b"something else".to_vec(),
//!         };
//!         std::fs::write(self.file_of(key), harmed).unwrap();
//!         self.whole.lock().unwrap().insert(*key, whole);
//!     }
//!
//!     async fn repair(&self, key: &StoreKey) {
//!         let whole = self.whole.lock().unwrap().remove(key).unwrap();
//!         std::fs::write(self.file_of(key), whole).unwrap();
//!     }
//! }
//!
//! impl Elsewhere for MyBackend {
//!     fn address(&self) -> String {
//!         self.folder.display().to_string()
//!     }
//!
//!     async fn open_at(address: &str) -> MyStore {
//!         open(Path::new(address)).await
//!     }
//! }
//! ```
//!
//! The tests of `processes` start the test binary anew for each process, in the test of the same name; a store's own tests
//! can do so with [`processes`](mod@crate::processes).
//!
//! A power that needs a dearer backend than the rest, such as a server of its own to kill, is listed apart:
//!
//! ```
//! # use std::time::Duration;
//! # use oidc_session_testkit::store_contract::{Backend, Outage};
//! # use oidc_session_store_memory::MemoryStore as MyStore;
//! # struct MyServer(MyStore);
//! # impl MyServer { async fn start() -> Self { Self(MyStore::new()) } }
//! # impl Backend for MyServer {
//! #     type Store = MyStore;
//! #     async fn open(&self) -> MyStore { self.0.clone() }
//! #     async fn pass(&self, time: Duration) { tokio::time::sleep(time).await }
//! # }
//! # impl Outage for MyServer { async fn stop(&self) {} async fn start(&self) {} }
//! oidc_session_testkit::store_contract!(only outage: MyServer::start().await);
//! ```
//!
//! A slow backend lowers [`Backend::effort`], never the number of promises.

use std::time::Duration;

use oidc_session_core::{SessionStore, StoreKey};

pub mod attempts;
mod caller;
pub mod damage;
pub mod feed;
pub mod leases;
pub mod list;
pub mod outage;
pub mod processes;
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

    /// About how many commits the longest tests make. Lower it, to 50 perhaps, if the backend is slow.
    fn effort(&self) -> usize {
        1000
    }

    /// How long one call may take before the test gives up: also in an outage, and until a change is told or the store
    /// is back. In real time.
    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }
}

/// A backend whose server, or whatever the data is on, can be made to go away. For the power `outage`.
pub trait Outage: Backend {
    /// Lets it go away, as if it had crashed. Returns once nothing is answered any more.
    fn stop(&self) -> impl Future<Output = ()> + Send;

    /// Lets it come back with what it had. Returns once it can be reached; the stores may need a moment longer.
    fn start(&self) -> impl Future<Output = ()> + Send;
}

/// A backend whose data can be damaged beneath the store. For the power `damage`.
pub trait Damage: Backend {
    /// The kinds of harm that can be done, and that the store notices. At least one.
    ///
    /// A store cannot notice everything: where it adds no checksum of its own, a flipped byte of the record is found by
    /// the layer that has sealed it.
    fn kinds(&self) -> &[Harm];

    /// Harms what is stored under `key`, behind the back of every handle, and remembers what was there.
    fn damage(&self, key: &StoreKey, harm: Harm) -> impl Future<Output = ()> + Send;

    /// Puts back what was there before [`damage`](Self::damage).
    fn repair(&self, key: &StoreKey) -> impl Future<Output = ()> + Send;
}

/// What happens to stored bytes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Harm {
    /// Their end is missing.
    Truncated,
    /// A bit of them is another.
    Flipped,
    /// Something else is in their place, and is none of the store's.
    Replaced,
}

/// A backend that another process can reach by an address. For the power `processes`.
pub trait Elsewhere: Backend {
    /// Where the data is: a path, a URL, or whatever [`open_at`](Self::open_at) understands. One line.
    fn address(&self) -> String;

    /// Another handle on the data at `address`, in a process that has no backend.
    ///
    /// Leases follow the same time as those of [`open`](Backend::open): a clock that stands still may start at the same
    /// instant in both, as [`ManualClock`](crate::ManualClock) does.
    fn open_at(address: &str) -> impl Future<Output = Self::Store> + Send;
}

/// Lists the tests of the store contract for one [`Backend`], each on a backend of its own.
///
/// Takes an expression that makes a backend (it may `.await`), then the optional powers that the store has: `list`,
/// `sweep`, `feed`, `outage`, `damage`, `processes`. See [`store_contract`](mod@crate::store_contract) for an example.
///
/// With `only` and powers in front of the backend, it lists the tests of those powers and no others.
#[macro_export]
macro_rules! store_contract {
    (only $($power:ident),+: $backend:expr) => {
        $($crate::store_contract!(@$power $backend);)+
    };
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
            a_store_only_compares_versions
            a_remove_forgets_the_record
            a_remove_at_another_version_conflicts
            an_old_version_matches_no_new_record
            keys_are_independent
            keys_are_any_bytes
            many_keys_have_a_record_each
            handles_see_each_others_commits
            a_record_is_any_bytes
            a_record_may_begin_and_end_with_any_byte
            a_record_has_any_size_up_to_the_largest
            an_empty_record_is_a_record
            the_largest_record_fits
            a_record_that_is_too_large_is_stored_whole_or_not_at_all
            a_tombstone_is_a_record_like_others
            keep_until_does_not_hide_a_record
            keep_until_is_any_instant
            a_load_waits_for_no_lease
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
            a_holder_that_wakes_up_late_commits_by_the_version_alone
            a_holder_that_wakes_up_after_a_commit_conflicts
            a_lease_of_no_time_is_soon_over
            a_lease_may_last_for_ages
            what_remains_never_exceeds_the_time_of_the_lease
            holders_that_differ_in_one_bit_are_two
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
            a_pause_may_last_for_ages
        );
        $crate::store_contract!(@tests $backend, races:
            one_of_many_creates_the_record
            each_version_is_won_once_in_a_thousand_commits
            one_of_64_is_granted_the_lease
            a_dropped_commit_happens_whole_or_not_at_all
            a_dropped_request_for_the_lease_can_be_repeated
            a_dropped_remove_happens_whole_or_not_at_all
            one_of_many_commits_and_removes_wins
            a_lease_granted_amid_commits_is_for_the_version_it_came_with
            two_handles_commit_on_many_keys
        );
        $($crate::store_contract!(@$power $backend);)*
        $crate::store_contract!(@pairs $backend, $($power)*);
    };
    // What only a store promises that can list and may be damaged.
    (@pairs $backend:expr, list $($powers:ident)*) => {
        $crate::store_contract!(@list_and $backend, $($powers)*);
    };
    (@pairs $backend:expr, damage $($powers:ident)*) => {
        $crate::store_contract!(@damage_and $backend, $($powers)*);
    };
    (@pairs $backend:expr, $other:ident $($powers:ident)*) => {
        $crate::store_contract!(@pairs $backend, $($powers)*);
    };
    (@pairs $backend:expr,) => {};
    (@list_and $backend:expr, damage $($powers:ident)*) => {
        $crate::store_contract!(@tests $backend, damage:
            a_damaged_record_does_not_hide_the_others_from_a_list
        );
    };
    (@list_and $backend:expr, $other:ident $($powers:ident)*) => {
        $crate::store_contract!(@list_and $backend, $($powers)*);
    };
    (@list_and $backend:expr,) => {};
    (@damage_and $backend:expr, list $($powers:ident)*) => {
        $crate::store_contract!(@list_and $backend, damage);
    };
    (@damage_and $backend:expr, $other:ident $($powers:ident)*) => {
        $crate::store_contract!(@damage_and $backend, $($powers)*);
    };
    (@damage_and $backend:expr,) => {};
    (@list $backend:expr) => {
        $crate::store_contract!(@tests $backend, list:
            an_empty_store_lists_nothing
            a_list_has_every_record_with_its_key
            a_list_comes_in_pages
            a_list_goes_on_while_records_come_and_go
            a_list_finds_what_stays_while_others_write
            a_foreign_cursor_breaks_nothing
        );
    };
    (@sweep $backend:expr) => {
        $crate::store_contract!(@tests $backend, sweep:
            a_sweep_drops_only_what_is_past_its_time
            a_sweep_drops_no_more_than_it_may
            a_record_is_there_until_it_is_swept
            the_last_commit_says_how_long_to_keep
            a_conflict_leaves_how_long_to_keep
            a_sweep_knows_the_ends_of_time
            an_old_version_matches_nothing_after_a_sweep
            a_sweep_leaves_what_is_being_refreshed
        );
    };
    (@feed $backend:expr) => {
        $crate::store_contract!(@tests $backend, feed:
            every_commit_and_remove_is_told
            a_change_tells_any_version
            what_changes_no_record_is_not_told
            nothing_from_before_is_told
            changes_of_a_key_are_told_in_their_order
            changes_made_at_once_are_all_told
            every_subscriber_hears_everything
            a_dropped_wait_loses_no_change
            a_subscription_counts_from_its_first_moment
        );
    };
    (@outage $backend:expr) => {
        $crate::store_contract!(@tests $backend, outage:
            every_call_in_an_outage_fails_in_time
            the_same_handle_works_after_an_outage
            a_lease_outlasts_an_outage_or_is_unsettled
            the_count_outlasts_an_outage
            a_commit_that_an_outage_interrupts_happens_whole_or_not_at_all
            a_feed_is_not_silent_after_an_outage
        );
    };
    (@damage $backend:expr) => {
        $crate::store_contract!(@tests $backend, damage:
            damage_is_told_and_destroys_nothing
            damage_is_told_to_whoever_comes_later
            damage_to_one_key_is_nothing_to_others
            an_error_about_damage_tells_no_bytes
        );
    };
    (@processes $backend:expr) => {
        $crate::store_contract!(@processes $backend, processes:
            processes_win_each_version_once
            one_of_many_processes_is_granted_the_lease
            the_lease_of_a_killed_process_is_unsettled
            what_a_killed_process_committed_is_kept
        );
    };
    // A child has no backend of its own, so it is told how to make one.
    (@processes $backend:expr, $topic:ident: $($promise:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                let path = ::core::concat!(::core::module_path!(), "::", ::core::stringify!($promise));
                $crate::store_contract::$topic::$promise(async || $backend, path).await;
            }
        )+
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
    fn every_topic_is_looked_at() {
        let this = include_str!("mod.rs");
        for topic in this.lines().filter_map(|line| line.strip_prefix("pub mod ")) {
            let topic = topic.trim_end_matches(';');
            let looked_at = format!("include_str!(\"{topic}.rs\")");
            assert!(this.contains(&looked_at), "the promises of `{topic}` are not looked for");
        }
    }

    #[test]
    fn every_promise_is_listed() {
        let listing = include_str!("mod.rs");
        for topic in [
            include_str!("attempts.rs"),
            include_str!("damage.rs"),
            include_str!("feed.rs"),
            include_str!("leases.rs"),
            include_str!("list.rs"),
            include_str!("outage.rs"),
            include_str!("processes.rs"),
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
