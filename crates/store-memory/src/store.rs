//! [`MemoryStore`].

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use oidc_session_core::{
    Change, ChangeFeed, Changes, Clock, Commit, Cursor, Custody, Expected, HolderId, Lease, List, Page, Release,
    Removal, Renewal, SessionStore, StoreError, StoreErrorKind, StoreKey, Stored, Sweep, SystemClock, Timestamp,
    Version,
};

use crate::entry::Entry;
use crate::feed::Listeners;

/// A store that lives and dies with the process. Clones share their records.
///
/// Lease times are monotonic time, `keep_until` is wall time, both of one clock.
#[derive(Clone)]
pub struct MemoryStore {
    records: Arc<Mutex<Records>>,
    clock: Arc<dyn Clock>,
}

/// Ordered by key, because that is the order in which a store lists.
#[derive(Default)]
struct Records {
    entries: BTreeMap<StoreKey, Entry>,
    /// Told under the same lock: so they hear of changes in the order in which they happen.
    listeners: Listeners,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// An empty store whose leases follow `clock`.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { records: Arc::default(), clock }
    }

    /// What leases go by: no setting of the wall clock ends one.
    fn monotonic(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + self.clock.monotonic()
    }

    /// The records. No method awaits or calls out while it holds them, so a change is always whole.
    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("records", &self.records().entries.len()).finish_non_exhaustive()
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        Ok(self.records().entries.get(key).map(|entry| entry.stored.clone()))
    }

    async fn commit(
        &self,
        key: &StoreKey,
        expected: Expected,
        next: &Stored,
        keep_until: Option<Timestamp>,
    ) -> Result<Commit, StoreError> {
        let mut records = self.records();
        if records.found(key) != expected {
            return Ok(Commit::Conflict);
        }
        records.entries.insert(*key, Entry::new(next.clone(), keep_until));
        records.listeners.tell(Change { key: *key, version: Some(next.version) });
        Ok(Commit::Done)
    }

    async fn remove(&self, key: &StoreKey, expected: Version) -> Result<Removal, StoreError> {
        let mut records = self.records();
        if records.found(key) != Expected::At(expected) {
            return Ok(Removal::Conflict);
        }
        records.forget(key);
        Ok(Removal::Done)
    }

    async fn try_lease(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Lease, StoreError> {
        let mut records = self.records();
        let now = self.monotonic();
        Ok(match records.entries.get_mut(key) {
            Some(Entry { stored, lease, .. }) => lease.try_lease(stored, holder, ttl, now),
            None => Lease::Absent,
        })
    }

    async fn renew(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Renewal, StoreError> {
        let mut records = self.records();
        let now = self.monotonic();
        Ok(match records.entries.get_mut(key) {
            Some(entry) => entry.lease.renew(holder, ttl, now),
            None => Renewal::Lost,
        })
    }

    async fn release(&self, key: &StoreKey, holder: HolderId, release: Release) -> Result<(), StoreError> {
        let mut records = self.records();
        let now = self.monotonic();
        if let Some(entry) = records.entries.get_mut(key) {
            entry.lease.release(holder, release, now);
        }
        Ok(())
    }

    fn custody(&self) -> Custody {
        Custody::Process
    }

    fn change_feed(&self) -> Option<&dyn ChangeFeed> {
        Some(self)
    }
}

/// Clones hear of each other's changes. A listener that falls more than 1,024 changes behind is told so by an error.
#[async_trait]
impl ChangeFeed for MemoryStore {
    async fn subscribe(&self) -> Result<Box<dyn Changes>, StoreError> {
        Ok(self.records().listeners.subscribe())
    }
}

#[async_trait]
impl List for MemoryStore {
    /// Pages are exact, in the order of the keys.
    async fn list(&self, from: Option<&Cursor>, limit: usize) -> Result<Page, StoreError> {
        let after = match from {
            None => Bound::Unbounded,
            Some(cursor) => Bound::Excluded(key_of(cursor)?),
        };
        let entries: Vec<(StoreKey, Stored)> = self
            .records()
            .entries
            .range((after, Bound::Unbounded))
            .take(limit)
            .map(|(key, entry)| (*key, entry.stored.clone()))
            .collect();
        let next = entries.last().map(|(key, _)| Cursor::from_bytes(key.as_bytes().to_vec()));
        Ok(Page { entries, unreadable: Vec::new(), next })
    }
}

#[async_trait]
impl Sweep for MemoryStore {
    /// A record that is being refreshed is left for its commit.
    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        let mut records = self.records();
        let (wall, now) = (self.clock.now(), self.monotonic());
        let disposable: Vec<StoreKey> = records
            .entries
            .iter_mut()
            .filter_map(|(key, entry)| entry.is_disposable(wall, now).then_some(*key))
            .take(limit)
            .collect();
        for key in &disposable {
            records.forget(key);
        }
        Ok(disposable.len())
    }
}

impl Records {
    fn forget(&mut self, key: &StoreKey) {
        self.entries.remove(key);
        self.listeners.tell(Change { key: *key, version: None });
    }

    fn found(&self, key: &StoreKey) -> Expected {
        match self.entries.get(key) {
            Some(entry) => Expected::At(entry.stored.version),
            None => Expected::Absent,
        }
    }
}

fn key_of(cursor: &Cursor) -> Result<StoreKey, StoreError> {
    let bytes = cursor.as_bytes().try_into();
    let foreign = |error| StoreError::new(StoreErrorKind::Misconfigured, "list the records").because(error);
    bytes.map(StoreKey::from_bytes).map_err(foreign)
}
