//! Machines that share a store, each over a line of its own that can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use oidc_session_core::{
    Change, ChangeFeed, Changes, Commit, Custody, Expected, HolderId, Lease, Release, Removal, Renewal, SessionStore,
    StoreError, StoreErrorKind, StoreKey, Stored, Timestamp, Version,
};
use oidc_session_manager::{FeedState, SessionManager, SessionManagerBuilder};
use tokio::sync::watch;

use crate::support::{Unruly, World};

/// What one machine has between itself and the store.
#[derive(Clone, Debug)]
pub(crate) struct Line(Arc<Wires>);

#[derive(Debug)]
struct Wires {
    store: Unruly,
    custody: Custody,
    has_feed: bool,
    feed: watch::Sender<Wire>,
    data: watch::Sender<Wire>,
    loads: AtomicUsize,
    subscriptions: AtomicUsize,
    listeners: AtomicUsize,
}

/// How a wire is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wire {
    Good,
    /// What is on it arrives once it is good.
    Slow,
    /// Everything on it fails.
    Cut,
}

impl Line {
    /// A line to a server that tells of changes.
    pub(crate) fn new(world: &World) -> Self {
        Self::over(Unruly::new(world), Custody::Server, true)
    }

    /// A line to a server that does not.
    pub(crate) fn without_feed(world: &World) -> Self {
        Self::over(Unruly::new(world), Custody::Server, false)
    }

    pub(crate) fn over(store: Unruly, custody: Custody, has_feed: bool) -> Self {
        Self(Arc::new(Wires {
            store,
            custody,
            has_feed,
            feed: watch::Sender::new(Wire::Good),
            data: watch::Sender::new(Wire::Good),
            loads: AtomicUsize::new(0),
            subscriptions: AtomicUsize::new(0),
            listeners: AtomicUsize::new(0),
        }))
    }

    pub(crate) fn builder(&self, world: &World) -> SessionManagerBuilder {
        SessionManager::builder(world.server.clone(), self.clone()).clock(world.clock.clone()).unsealed()
    }

    pub(crate) fn feed_is(&self, wire: Wire) {
        self.0.feed.send_replace(wire);
    }

    pub(crate) fn store_is(&self, wire: Wire) {
        self.0.data.send_replace(wire);
    }

    /// How often a record was read, or was to be.
    pub(crate) fn loads(&self) -> usize {
        self.0.loads.load(Ordering::SeqCst)
    }

    /// How often somebody has begun to listen.
    pub(crate) fn subscriptions(&self) -> usize {
        self.0.subscriptions.load(Ordering::SeqCst)
    }

    /// How many listen now.
    pub(crate) fn listeners(&self) -> usize {
        self.0.listeners.load(Ordering::SeqCst)
    }

    async fn pass(&self, doing: &'static str) -> Result<(), StoreError> {
        let data = *self.0.data.subscribe().wait_for(|data| *data != Wire::Slow).await.unwrap();
        if data == Wire::Cut { Err(StoreError::new(StoreErrorKind::Unavailable, doing)) } else { Ok(()) }
    }
}

#[async_trait]
impl SessionStore for Line {
    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        self.0.loads.fetch_add(1, Ordering::SeqCst);
        self.pass("load a record").await?;
        self.0.store.load(key).await
    }

    async fn commit(
        &self,
        key: &StoreKey,
        expected: Expected,
        next: &Stored,
        keep_until: Option<Timestamp>,
    ) -> Result<Commit, StoreError> {
        self.pass("commit a record").await?;
        self.0.store.commit(key, expected, next, keep_until).await
    }

    async fn remove(&self, key: &StoreKey, expected: Version) -> Result<Removal, StoreError> {
        self.0.store.remove(key, expected).await
    }

    async fn try_lease(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Lease, StoreError> {
        self.pass("lease a record").await?;
        self.0.store.try_lease(key, holder, ttl).await
    }

    async fn renew(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Renewal, StoreError> {
        self.pass("renew a lease").await?;
        self.0.store.renew(key, holder, ttl).await
    }

    async fn release(&self, key: &StoreKey, holder: HolderId, release: Release) -> Result<(), StoreError> {
        self.pass("release a lease").await?;
        self.0.store.release(key, holder, release).await
    }

    fn custody(&self) -> Custody {
        self.0.custody.clone()
    }

    fn change_feed(&self) -> Option<&dyn ChangeFeed> {
        self.0.has_feed.then_some(self)
    }
}

#[async_trait]
impl ChangeFeed for Line {
    async fn subscribe(&self) -> Result<Box<dyn Changes>, StoreError> {
        self.0.subscriptions.fetch_add(1, Ordering::SeqCst);
        let wire = self.0.feed.subscribe();
        if *wire.borrow() == Wire::Cut {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "subscribe"));
        }
        let changes = self.0.store.inner().change_feed().unwrap().subscribe().await?;
        self.0.listeners.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Listening { changes, wire, line: self.clone() }))
    }
}

#[derive(Debug)]
struct Listening {
    changes: Box<dyn Changes>,
    wire: watch::Receiver<Wire>,
    line: Line,
}

#[async_trait]
impl Changes for Listening {
    async fn next(&mut self) -> Result<Change, StoreError> {
        let mut cut = self.wire.clone();
        tokio::select! {
            biased;
            _ = cut.wait_for(|wire| *wire == Wire::Cut) => {
                Err(StoreError::new(StoreErrorKind::Unavailable, "follow the changes"))
            }
            change = async {
                self.wire.wait_for(|wire| *wire == Wire::Good).await.unwrap();
                self.changes.next().await
            } => change,
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.line.0.listeners.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Returns once `manager` hears of changes.
pub(crate) async fn follows(manager: &SessionManager) {
    for _ in 0..5_000_000 {
        if manager.feed() == FeedState::Followed {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the feed is not followed");
}

/// The runtime's time, which passes while it is paused and everybody waits.
#[expect(clippy::disallowed_methods, reason = "what is measured here is waiting, which is the runtime's")]
pub(crate) fn runtime_now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// Lets everything happen that is about to, while no time passes.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}
