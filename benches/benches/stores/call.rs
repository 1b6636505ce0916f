//! [`Call`]: what is timed.

use std::hint::black_box;
use std::time::Duration;

use oidc_session_core::{Clock as _, Commit, Expected, HolderId, Lease, Release, SessionStore, SystemClock};

use crate::population::Population;

/// What is timed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Load,
    Commit,
    LeaseAndCommit,
    LeaseAndRelease,
}

/// Longer than any benchmark holds one.
const TTL: Duration = Duration::from_secs(20);

impl Call {
    pub(crate) const ALL: [Self; 4] = [Self::Load, Self::Commit, Self::LeaseAndCommit, Self::LeaseAndRelease];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Commit => "commit",
            Self::LeaseAndCommit => "lease_and_commit",
            Self::LeaseAndRelease => "lease_and_release",
        }
    }

    /// How long it takes so many times, on one session after the other. What was not done as it should be is no
    /// measurement: it panics.
    pub(crate) async fn time(self, store: &dyn SessionStore, population: &mut Population, times: u64) -> Duration {
        let holder = HolderId::random();
        let began = SystemClock.monotonic();
        for _ in 0..times {
            population.advance();
            match self {
                Self::Load => load(store, population).await,
                Self::Commit => commit(store, population).await,
                Self::LeaseAndCommit => {
                    lease(store, population, holder).await;
                    commit(store, population).await;
                }
                Self::LeaseAndRelease => {
                    lease(store, population, holder).await;
                    store.release(&population.current().key, holder, Release::default()).await.expect("released");
                }
            }
        }
        let took = SystemClock.monotonic() - began;
        check(store, population).await;
        took
    }
}

async fn load(store: &dyn SessionStore, population: &Population) {
    let loaded = black_box(store.load(&population.current().key).await);
    assert!(loaded.expect("loaded").is_some_and(|stored| stored.version == population.current().version));
}

async fn commit(store: &dyn SessionStore, population: &mut Population) {
    let (key, version) = (population.current().key, population.current().version);
    let next = population.replace();
    let outcome = store.commit(&key, Expected::At(version), next, None).await;
    assert_eq!(outcome.expect("committed"), Commit::Done);
}

async fn lease(store: &dyn SessionStore, population: &Population, holder: HolderId) {
    let lease = store.try_lease(&population.current().key, holder, TTL).await;
    assert!(matches!(black_box(lease).expect("leased"), Lease::Granted { unsettled: 0, .. }));
}

/// The last session is at its newest version, and nobody holds its lease.
async fn check(store: &dyn SessionStore, population: &Population) {
    load(store, population).await;
    let another = HolderId::random();
    lease(store, population, another).await;
    store.release(&population.current().key, another, Release::default()).await.expect("released");
}
