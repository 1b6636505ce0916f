//! [`Caller`]: how the contract talks to a store.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;
use std::time::Duration;

use oidc_session_core::{
    Commit, Expected, HolderId, Lease, Record, Release, Removal, Renewal, SessionStore, StoreError, StoreKey, Stored,
    Timestamp, Version,
};
use tokio::task::yield_now;
use tokio::time::timeout;

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

    /// A process whose store was opened elsewhere.
    pub(super) fn over(store: Arc<S>, key: StoreKey, holder: HolderId) -> Self {
        Self { store, key, holder, lease_time: Duration::from_secs(30) }
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

    /// The same process with leases of another length.
    pub(super) fn with_lease_time(&self, lease_time: Duration) -> Self {
        Self { lease_time, ..self.with_holder(self.holder) }
    }

    pub(super) fn with_holder(&self, holder: HolderId) -> Self {
        Self { store: Arc::clone(&self.store), key: self.key, holder, lease_time: self.lease_time }
    }

    pub(super) async fn load_or_fail(&self) -> Result<Option<Stored>, StoreError> {
        self.store.load(&self.key).await
    }

    pub(super) async fn put_or_fail(&self, expected: Expected, record: &Record) -> Result<Commit, StoreError> {
        self.store.commit(&self.key, expected, &next(expected, record), None).await
    }

    pub(super) async fn remove_or_fail(&self, expected: Version) -> Result<Removal, StoreError> {
        self.store.remove(&self.key, expected).await
    }

    pub(super) async fn try_lease_or_fail(&self) -> Result<Lease, StoreError> {
        self.store.try_lease(&self.key, self.holder, self.lease_time).await
    }

    pub(super) async fn renew_or_fail(&self) -> Result<Renewal, StoreError> {
        self.store.renew(&self.key, self.holder, self.lease_time).await
    }

    pub(super) async fn release_or_fail(&self) -> Result<(), StoreError> {
        self.store.release(&self.key, self.holder, Release::default()).await
    }

    pub(super) async fn load(&self) -> Option<Stored> {
        answered(self.load_or_fail().await)
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
        answered(self.remove_or_fail(expected).await)
    }

    pub(super) async fn try_lease(&self) -> Lease {
        answered(self.try_lease_or_fail().await)
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

    /// How much longer somebody else holds the lease.
    pub(super) async fn held_for(&self) -> Duration {
        match self.try_lease().await {
            Lease::Held { remaining } => remaining,
            other => panic!("somebody else holds the lease, yet the store answered {other:?}"),
        }
    }

    pub(super) async fn renew(&self) -> Renewal {
        answered(self.renew_or_fail().await)
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

/// The answer of `call`, which comes in time: the clock on the wall ends only a test that would never end.
pub(super) async fn within<T>(backend: &impl Backend, call: impl Future<Output = T>) -> T {
    match timeout(backend.patience(), call).await {
        Ok(answer) => answer,
        Err(_) => panic!("no answer within {:?}", backend.patience()),
    }
}

/// Polls `call` so often at most, and then gives up on it.
pub(super) async fn give_up_after<T>(polls: u8, call: impl Future<Output = T>) -> Option<T> {
    let mut call = pin!(call);
    for _ in 0..polls {
        if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await {
            return Some(answer);
        }
        yield_now().await;
    }
    None
}

/// A record with a version that was never used before.
pub(super) fn next(expected: Expected, record: &Record) -> Stored {
    static MILLIS: AtomicI64 = AtomicI64::new(1);
    let now = Timestamp::from_unix_millis(MILLIS.fetch_add(1, Ordering::Relaxed));
    Stored::after(expected, record.clone(), now)
}
