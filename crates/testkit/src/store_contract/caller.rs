//! [`Caller`]: how the contract talks to a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use oidc_session_core::{
    Commit, Expected, HolderId, Lease, Record, Release, Removal, Renewal, SessionStore, StoreError, StoreKey, Stored,
    Timestamp, Version,
};

use super::Backend;

/// One process that uses the store for one session, and expects every call to be answered.
pub(super) struct Caller<S> {
    pub(super) store: Arc<S>,
    pub(super) key: StoreKey,
    holder: HolderId,
    lease_time: Duration,
}

impl<S: SessionStore> Caller<S> {
    pub(super) async fn new<B: Backend<Store = S>>(backend: &B) -> Self {
        Self {
            store: Arc::new(backend.open().await),
            key: key(1),
            holder: HolderId::random(),
            lease_time: backend.lease_time(),
        }
    }

    /// Two processes with the same session.
    pub(super) async fn two<B: Backend<Store = S>>(backend: &B) -> (Self, Self) {
        (Self::new(backend).await, Self::new(backend).await)
    }

    /// The same process with another session.
    pub(super) fn with_key(&self, key: StoreKey) -> Self {
        Self { key, ..self.with_holder(self.holder) }
    }

    /// The same process with another flight.
    pub(super) fn with_new_holder(&self) -> Self {
        self.with_holder(HolderId::random())
    }

    fn with_holder(&self, holder: HolderId) -> Self {
        Self { store: Arc::clone(&self.store), key: self.key, holder, lease_time: self.lease_time }
    }

    pub(super) async fn load(&self) -> Option<Stored> {
        answered(self.store.load(&self.key).await)
    }

    pub(super) async fn commit(&self, expected: Expected, record: &Record) -> Commit {
        self.put(expected, &next(expected, record), None).await
    }

    pub(super) async fn put(&self, expected: Expected, next: &Stored, keep_until: Option<Timestamp>) -> Commit {
        answered(self.store.commit(&self.key, expected, next, keep_until).await)
    }

    /// Commits a record that may be dropped after `keep_until`, and tells its version.
    pub(super) async fn keep(&self, expected: Expected, record: &Record, keep_until: Option<Timestamp>) -> Version {
        let next = next(expected, record);
        assert_eq!(self.put(expected, &next, keep_until).await, Commit::Done, "the expectation holds");
        next.version
    }

    /// Commits the first record of the key.
    pub(super) async fn create(&self, record: &Record) -> Version {
        self.keep(Expected::Absent, record, None).await
    }

    /// Commits a record in place of the one at `version`.
    pub(super) async fn replace(&self, version: Version, record: &Record) -> Version {
        self.keep(Expected::At(version), record, None).await
    }

    pub(super) async fn remove(&self, expected: Version) -> Removal {
        answered(self.store.remove(&self.key, expected).await)
    }

    pub(super) async fn try_lease(&self) -> Lease {
        answered(self.store.try_lease(&self.key, self.holder, self.lease_time).await)
    }

    /// Takes the lease and tells how many attempts are unsettled.
    pub(super) async fn lease(&self) -> u32 {
        match self.try_lease().await {
            Lease::Granted { unsettled, .. } => unsettled,
            other => panic!("the lease is free, yet the store answered {other:?}"),
        }
    }

    pub(super) async fn is_held_off(&self) -> bool {
        match self.try_lease().await {
            Lease::Held { remaining } => {
                assert!(remaining > Duration::ZERO && remaining <= self.lease_time, "{remaining:?}");
                true
            }
            _ => false,
        }
    }

    pub(super) async fn renew(&self) -> Renewal {
        answered(self.store.renew(&self.key, self.holder, self.lease_time).await)
    }

    /// Gives the lease back: the attempt is settled, and the next may start at once.
    pub(super) async fn release(&self) {
        self.release_with(Release::default()).await;
    }

    pub(super) async fn release_with(&self, release: Release) {
        answered(self.store.release(&self.key, self.holder, release).await);
    }
}

/// A key that comes before that of every greater number.
pub(super) fn key(number: u8) -> StoreKey {
    StoreKey::from_bytes([number; 32])
}

pub(super) fn record(content: &str) -> Record {
    Record::from_bytes(content.as_bytes().to_vec())
}

#[expect(clippy::expect_used, reason = "in a test, an error is a failure")]
pub(super) fn answered<T>(answer: Result<T, StoreError>) -> T {
    answer.expect("the store answers")
}

/// A record with a version that was never used before.
pub(super) fn next(expected: Expected, record: &Record) -> Stored {
    static MILLIS: AtomicI64 = AtomicI64::new(1);
    let now = Timestamp::from_unix_millis(MILLIS.fetch_add(1, Ordering::Relaxed));
    Stored::after(expected, record.clone(), now)
}
