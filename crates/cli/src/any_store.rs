//! [`AnyStore`]: the store that `--store` chose.

use std::time::Duration;

use async_trait::async_trait;
use oidc_session_core::{
    Commit, Expected, HolderId, Lease, List, Record, Release, Removal, Renewal, SessionStore, StoreError, StoreKey,
    Stored, Timestamp, Version,
};
use oidc_session_store_memory::MemoryStore;
use oidc_session_store_sqlite::SqliteStore;

/// One of the stores of this build. Clones share their records.
#[derive(Clone, Debug)]
pub(crate) enum AnyStore {
    Memory(MemoryStore),
    Sqlite(SqliteStore),
}

impl AnyStore {
    fn chosen(&self) -> &dyn List {
        match self {
            Self::Memory(store) => store,
            Self::Sqlite(store) => store,
        }
    }
}

#[async_trait]
impl SessionStore for AnyStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        self.chosen().load(key).await
    }

    async fn commit(
        &self,
        key: &StoreKey,
        expected: Expected,
        record: &Record,
        keep_until: Option<Timestamp>,
    ) -> Result<Commit, StoreError> {
        self.chosen().commit(key, expected, record, keep_until).await
    }

    async fn remove(&self, key: &StoreKey, expected: Version) -> Result<Removal, StoreError> {
        self.chosen().remove(key, expected).await
    }

    async fn try_lease(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Lease, StoreError> {
        self.chosen().try_lease(key, holder, ttl).await
    }

    async fn renew(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Renewal, StoreError> {
        self.chosen().renew(key, holder, ttl).await
    }

    async fn release(&self, key: &StoreKey, holder: HolderId, release: Release) -> Result<(), StoreError> {
        self.chosen().release(key, holder, release).await
    }
}

#[async_trait]
impl List for AnyStore {
    async fn list(&self, after: Option<StoreKey>, limit: usize) -> Result<Vec<(StoreKey, Stored)>, StoreError> {
        self.chosen().list(after, limit).await
    }
}
