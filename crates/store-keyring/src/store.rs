//! [`KeyringStore`].

use std::fmt;
use std::mem;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use oidc_session_core::{
    Clock, Commit, Cursor, Custody, Expected, HolderId, Lease, List, Page, Release, Removal, Renewal, SessionStore,
    StoreError, StoreErrorKind, StoreKey, Stored, Sweep, Timestamp, Version,
};

use crate::KeyringStoreBuilder;
use crate::calls::Calls;
use crate::head::Head;
use crate::name::EntryName;
use crate::records::Records;

/// A store in the secret store of the operating system. Clones share its connection; other processes of the user open
/// it under the same service name.
///
/// Calls need a Tokio runtime with time, and never block it. See the [crate's documentation](crate) for how long they
/// wait, and for what.
#[derive(Clone)]
pub struct KeyringStore {
    calls: Calls,
    clock: Arc<dyn Clock>,
}

impl KeyringStore {
    /// Opens the entries of `service` with the default settings. See [`KeyringStoreBuilder::open`].
    ///
    /// The service is the name of the program, as its user knows it: it is what the password manager shows. It has 1 to
    /// 64 of `a-z`, `0-9`, `-`, `_` and `.`, and begins with a letter or a digit.
    pub async fn open(service: impl Into<String>) -> Result<Self, StoreError> {
        Self::builder(service).open().await
    }

    /// The settings of a store with the entries of `service`.
    pub fn builder(service: impl Into<String>) -> KeyringStoreBuilder {
        KeyringStoreBuilder::new(service.into())
    }

    pub(crate) fn new(calls: Calls, clock: Arc<dyn Clock>) -> Self {
        Self { calls, clock }
    }

    /// Reads the head of `key`, lets `change` work on its lease as it is now, and writes it if it has changed.
    async fn with_lease<T: Send + 'static>(
        &self,
        doing: &'static str,
        key: &StoreKey,
        absent: T,
        change: impl FnOnce(&Records, &mut Head, Timestamp) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (key, clock) = (*key, Arc::clone(&self.clock));
        self.calls
            .write(doing, move |records| {
                let Some(mut head) = records.head(doing, &key)? else { return Ok(absent) };
                let found = head.lease;
                let now = clock.now(); // Read here: it may have taken long to become the writer.
                let result = change(records, &mut head, now)?;
                if head.lease != found {
                    records.write_head(doing, &key, &head)?;
                }
                Ok(result)
            })
            .await
    }
}

impl fmt::Debug for KeyringStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyringStore")
            .field("service", &self.calls.service())
            .field("lock_file", &self.calls.lock_path())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl SessionStore for KeyringStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        let key = *key;
        let doing = "load a record";
        self.calls.read(doing, move |records| records.stored(doing, &key)).await
    }

    async fn commit(
        &self,
        key: &StoreKey,
        expected: Expected,
        next: &Stored,
        keep_until: Option<Timestamp>,
    ) -> Result<Commit, StoreError> {
        let (key, next) = (*key, next.clone());
        let doing = "commit a record";
        self.calls
            .write(doing, move |records| {
                let head = records.head(doing, &key)?;
                if found(head.as_ref()) != expected {
                    return Ok(Commit::Conflict);
                }
                records.replace(doing, &key, head.as_ref(), &next, keep_until)?;
                Ok(Commit::Done)
            })
            .await
    }

    async fn remove(&self, key: &StoreKey, expected: Version) -> Result<Removal, StoreError> {
        let key = *key;
        let doing = "remove a record";
        self.calls
            .write(doing, move |records| match records.head(doing, &key)? {
                Some(head) if head.version == expected => {
                    records.forget(doing, &key, &head)?;
                    Ok(Removal::Done)
                }
                _ => Ok(Removal::Conflict),
            })
            .await
    }

    async fn try_lease(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Lease, StoreError> {
        let key_of_record = *key;
        let doing = "take a lease";
        self.with_lease(doing, key, Lease::Absent, move |records, head, now| {
            let stored = Stored { version: head.version, record: records.record(doing, &key_of_record, head)? };
            Ok(head.lease.try_lease(&stored, holder, ttl, now))
        })
        .await
    }

    async fn renew(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Renewal, StoreError> {
        self.with_lease("renew a lease", key, Renewal::Lost, move |_, head, now| Ok(head.lease.renew(holder, ttl, now)))
            .await
    }

    async fn release(&self, key: &StoreKey, holder: HolderId, release: Release) -> Result<(), StoreError> {
        self.with_lease("release a lease", key, (), move |_, head, now| {
            head.lease.release(holder, release, now);
            Ok(())
        })
        .await
    }

    fn custody(&self) -> Custody {
        Custody::OperatingSystem
    }
}

#[async_trait]
impl List for KeyringStore {
    /// Pages are in the order of the keys. Every page searches the secret store once for all entries of the service.
    async fn list(&self, from: Option<&Cursor>, limit: usize) -> Result<Page, StoreError> {
        let after = from.and_then(|cursor| Some(StoreKey::from_bytes(cursor.as_bytes().try_into().ok()?)));
        let doing = "list the records";
        let page = move |records: &Records| {
            let keys = records.keys(doing)?;
            let after = after.map_or(Bound::Unbounded, Bound::Excluded);
            let mut page = Page::default();
            let mut last = None;
            for key in keys.range((after, Bound::Unbounded)).map(|(key, _)| key) {
                if page.entries.len() + page.unreadable.len() >= limit.max(1) {
                    page.next = last.map(|key: &StoreKey| Cursor::from_bytes(key.as_bytes().to_vec()));
                    break;
                }
                match records.stored(doing, key) {
                    Ok(stored) => page.entries.extend(stored.map(|stored| (*key, stored))),
                    Err(error) if is_about_the_record(&error) => page.unreadable.push(*key),
                    Err(error) => return Err(error),
                }
                last = Some(key);
            }
            Ok(page)
        };
        let mut page = self.calls.read(doing, page).await?;
        // What was just being replaced looks like damage too. A load looks again, under the lock.
        for key in mem::take(&mut page.unreadable) {
            match self.load(&key).await {
                Ok(stored) => page.entries.extend(stored.map(|stored| (key, stored))),
                Err(error) if is_about_the_record(&error) => page.unreadable.push(key),
                Err(error) => return Err(error),
            }
        }
        Ok(page)
    }
}

#[async_trait]
impl Sweep for KeyringStore {
    /// Also deletes what crashes have left: chunks that belong to no record. A damaged record is left as it is.
    ///
    /// The lock is taken for one record at a time, so that others are not held up.
    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        let doing = "sweep the records";
        let keys = self.calls.read(doing, move |records| records.keys(doing)).await?;
        let mut dropped = 0;
        for (key, chunks) in keys {
            if dropped >= limit {
                break;
            }
            let clock = Arc::clone(&self.clock);
            let swept = self.calls.write(doing, move |records| sweep_one(records, doing, &key, &chunks, clock.now()));
            dropped += usize::from(swept.await?);
        }
        Ok(dropped)
    }
}

/// Whether the record of `key` was past its time, and is gone.
fn sweep_one(
    records: &Records,
    doing: &'static str,
    key: &StoreKey,
    chunks: &[EntryName],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let head = match records.head(doing, key) {
        // Which chunks are its own, nobody knows.
        Err(error) if is_about_the_record(&error) => return Ok(false),
        head => head?,
    };
    records.tidy(doing, head.as_ref(), chunks)?;
    let Some(mut head) = head else { return Ok(false) };
    if head.keep_until.is_none_or(|until| until >= now) || head.lease.is_leased(now) {
        return Ok(false);
    }
    records.forget(doing, key, &head)?;
    Ok(true)
}

/// Whether other records may still be readable: this one is damaged, a newer version's, or there twice.
fn is_about_the_record(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Corrupt | StoreErrorKind::Misconfigured)
}

fn found(head: Option<&Head>) -> Expected {
    head.map_or(Expected::Absent, |head| Expected::At(head.version))
}
