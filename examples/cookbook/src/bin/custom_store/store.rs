//! A session store of your own: here over a map, and where it takes the lock, yours begins a transaction.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use oidc_session::{
    Clock, Commit, Custody, Expected, HolderId, Lease, LeaseState, Release, Removal, Renewal, SessionStore, StoreError,
    StoreKey, Stored, Timestamp, Version,
};

type Result<T> = std::result::Result<T, StoreError>;

/// A record, and who may refresh it. A new version has a new row: what was known of the lease ends with the old one.
struct Row {
    stored: Stored,
    lease: LeaseState,
}

#[derive(Clone)]
pub(crate) struct TableStore {
    rows: Arc<Mutex<HashMap<StoreKey, Row>>>,
    /// The clock of the table, not of its clients: all who share leases have to agree on the time.
    clock: Arc<dyn Clock>,
}

impl TableStore {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { rows: Arc::default(), clock }
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<StoreKey, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is compared before anything is changed. The versions are the caller's; a store makes none up.
    fn found(rows: &HashMap<StoreKey, Row>, key: &StoreKey) -> Expected {
        rows.get(key).map_or(Expected::Absent, |row| Expected::At(row.stored.version))
    }
}

#[async_trait]
impl SessionStore for TableStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>> {
        Ok(self.rows().get(key).map(|row| row.stored.clone()))
    }

    /// What is not looked at, `keep_until`, is for stores that forget old records by themselves.
    async fn commit(&self, key: &StoreKey, expected: Expected, next: &Stored, _: Option<Timestamp>) -> Result<Commit> {
        let mut rows = self.rows();
        if Self::found(&rows, key) != expected {
            return Ok(Commit::Conflict);
        }
        rows.insert(*key, Row { stored: next.clone(), lease: LeaseState::FREE });
        Ok(Commit::Done)
    }

    async fn remove(&self, key: &StoreKey, expected: Version) -> Result<Removal> {
        let mut rows = self.rows();
        if Self::found(&rows, key) != Expected::At(expected) {
            return Ok(Removal::Conflict);
        }
        rows.remove(key);
        Ok(Removal::Done)
    }

    async fn try_lease(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Lease> {
        let (mut rows, now) = (self.rows(), self.clock.now());
        let Some(row) = rows.get_mut(key) else { return Ok(Lease::Absent) };
        Ok(row.lease.try_lease(&row.stored, holder, ttl, now))
    }

    async fn renew(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Renewal> {
        let (mut rows, now) = (self.rows(), self.clock.now());
        Ok(rows.get_mut(key).map_or(Renewal::Lost, |row| row.lease.renew(holder, ttl, now)))
    }

    async fn release(&self, key: &StoreKey, holder: HolderId, release: Release) -> Result<()> {
        let (mut rows, now) = (self.rows(), self.clock.now());
        if let Some(row) = rows.get_mut(key) {
            row.lease.release(holder, release, now);
        }
        Ok(())
    }

    /// Nobody but this process can read the map. Say `Server` for a database, and records arrive sealed.
    fn custody(&self) -> Custody {
        Custody::Process
    }
}

/// Never the records.
impl fmt::Debug for TableStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableStore").field("rows", &self.rows().len()).finish_non_exhaustive()
    }
}
