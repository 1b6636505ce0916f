//! [`FarStore`]: the store, as a machine reaches it.

use std::time::Duration;

use async_trait::async_trait;
use oidc_session_core::{
    ChangeFeed, Commit, Custody, Expected, HolderId, Lease, Release, Removal, Renewal, SessionState, SessionStore,
    StoreError, StoreErrorKind, StoreKey, Stored, Timestamp, Version,
};
use oidc_session_store_memory::MemoryStore;

use crate::dice::Dice;
use crate::line::Line;
use crate::outages::Outages;
use crate::plan::Mutant;
use crate::truth::Truth;

/// The store that all machines share, as one of them reaches it.
#[derive(Debug)]
pub(crate) struct FarStore {
    pub(crate) store: MemoryStore,
    pub(crate) truth: Truth,
    pub(crate) line: Line,
    pub(crate) outages: Outages,
    pub(crate) dice: Dice,
    pub(crate) has_feed: bool,
    pub(crate) mutant: Option<Mutant>,
}

/// How long a call may take, to the manager.
pub(crate) const BUDGET: Duration = Duration::from_secs(5);

impl FarStore {
    async fn carry<T: Send + 'static>(
        &self,
        doing: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let unavailable = || StoreError::new(StoreErrorKind::Unavailable, doing);
        if self.outages.is_on() {
            self.outages.fails(&self.dice).await;
            return Err(unavailable());
        }
        let answer = self.line.carry(BUDGET, call).await.unwrap_or_else(|_| Err(unavailable()));
        if self.outages.is_on() { Err(unavailable()) } else { answer }
    }
}

#[async_trait]
impl SessionStore for FarStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        let (store, key) = (self.store.clone(), *key);
        self.carry("load a record", async move { store.load(&key).await }).await
    }

    async fn commit(
        &self,
        key: &StoreKey,
        expected: Expected,
        next: &Stored,
        keep_until: Option<Timestamp>,
    ) -> Result<Commit, StoreError> {
        let (store, truth, key, next) = (self.store.clone(), self.truth.clone(), *key, next.clone());
        let anyway = self.mutant == Some(Mutant::NoCompareAndSet);
        let commit = async move {
            // The store in memory never waits, so nothing comes between the two.
            let before = store.load(&key).await?;
            let expected = match &before {
                Some(before) if anyway => Expected::At(before.version),
                _ => expected,
            };
            let committed = store.commit(&key, expected, &next, keep_until).await?;
            if committed == Commit::Done {
                let before = before.and_then(|before| state(&before));
                if let Some(next) = state(&next) {
                    truth.facts().stores(key, before.as_ref(), &next);
                }
            }
            Ok(committed)
        };
        self.carry("commit a record", commit).await
    }

    async fn remove(&self, key: &StoreKey, expected: Version) -> Result<Removal, StoreError> {
        let (store, key) = (self.store.clone(), *key);
        self.carry("remove a record", async move { store.remove(&key, expected).await }).await
    }

    async fn try_lease(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Lease, StoreError> {
        let (store, key, mutant) = (self.store.clone(), *key, self.mutant);
        let lease = async move {
            let lease = store.try_lease(&key, holder, ttl).await?;
            let stored = store.load(&key).await?;
            Ok(match (mutant, lease, stored) {
                (Some(Mutant::LeaseForAll), Lease::Held { .. }, Some(stored)) => {
                    Lease::Granted { stored, unsettled: 0 }
                }
                (_, lease, _) => lease,
            })
        };
        self.carry("lease a record", lease).await
    }

    async fn renew(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Renewal, StoreError> {
        let (store, key) = (self.store.clone(), *key);
        self.carry("renew a lease", async move { store.renew(&key, holder, ttl).await }).await
    }

    async fn release(&self, key: &StoreKey, holder: HolderId, release: Release) -> Result<(), StoreError> {
        let (store, key) = (self.store.clone(), *key);
        self.carry("release a lease", async move { store.release(&key, holder, release).await }).await
    }

    fn custody(&self) -> Custody {
        Custody::Server
    }

    fn change_feed(&self) -> Option<&dyn ChangeFeed> {
        if self.has_feed { self.store.change_feed() } else { None }
    }
}

fn state(stored: &Stored) -> Option<SessionState> {
    stored.record.decode().ok()
}
