//! [`Laboratory`]: a store that may have a bug, with everything that can happen to one.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oidc_session_core::{Expected, HolderId, SessionStore as _, StoreKey, Stored};
use oidc_session_store_memory::MemoryStore;
use oidc_session_testkit::ManualClock;
use oidc_session_testkit::store_contract::{Backend, Damage, Harm, Outage};

use crate::bug::Bug;
use crate::feed::Feed;
use crate::store::BuggyStore;

pub(crate) struct Laboratory {
    pub(crate) world: Arc<World>,
    clock: ManualClock,
    patience: Duration,
}

/// What all handles share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) bug: Option<Bug>,
    pub(crate) inner: MemoryStore,
    pub(crate) feed: Feed,
    /// Makes a commit and what is told of it one step.
    pub(crate) writing: tokio::sync::Mutex<()>,
    pub(crate) up: AtomicBool,
    pub(crate) outages: AtomicU64,
    pub(crate) damaged: Mutex<HashSet<StoreKey>>,
    pub(crate) holders: Mutex<HashMap<StoreKey, (HolderId, Duration)>>,
    /// In the order in which they were committed first.
    pub(crate) keys: Mutex<Vec<StoreKey>>,
    pub(crate) before: Mutex<Option<(StoreKey, Stored, Stored)>>,
}

impl Laboratory {
    pub(crate) fn without_bugs() -> Self {
        Self::new(None, Duration::from_secs(10))
    }

    /// Has little patience, because a bug may be that nothing comes.
    pub(crate) fn with(bug: Bug) -> Self {
        Self::new(Some(bug), Duration::from_millis(300))
    }

    fn new(bug: Option<Bug>, patience: Duration) -> Self {
        let clock = ManualClock::new();
        let world = World {
            bug,
            inner: MemoryStore::with_clock(Arc::new(clock.clone())),
            feed: Feed::new(bug),
            writing: tokio::sync::Mutex::default(),
            up: AtomicBool::new(true),
            outages: AtomicU64::new(0),
            damaged: Mutex::default(),
            holders: Mutex::default(),
            keys: Mutex::default(),
            before: Mutex::default(),
        };
        Self { world: Arc::new(world), clock, patience }
    }
}

impl World {
    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Puts `stored` there, whatever was there before.
    pub(crate) async fn overwrite(&self, key: &StoreKey, stored: &Stored) {
        let found = self.inner.load(key).await.unwrap();
        let expected = found.map_or(Expected::Absent, |found| Expected::At(found.version));
        let _ = self.inner.commit(key, expected, stored, None).await.unwrap();
    }
}

impl Backend for Laboratory {
    type Store = BuggyStore;

    async fn open(&self) -> BuggyStore {
        BuggyStore::new(Arc::clone(&self.world))
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    fn patience(&self) -> Duration {
        self.patience
    }
}

impl Outage for Laboratory {
    async fn stop(&self) {
        self.world.up.store(false, Ordering::SeqCst);
        self.world.outages.fetch_add(1, Ordering::SeqCst);
        self.world.feed.cut_off();
        let _ = self.world.writing.lock().await; // What was under way is over.
    }

    async fn start(&self) {
        if self.world.has(Bug::ForgetsLeasesInAnOutage) {
            let keys = self.world.keys.lock().unwrap().clone();
            for key in keys {
                if let Some(stored) = self.world.inner.load(&key).await.unwrap() {
                    self.world.overwrite(&key, &stored).await;
                }
            }
        }
        if self.world.has(Bug::ForgetsTheLastCommitInAnOutage) {
            let before = self.world.before.lock().unwrap().take();
            if let Some((key, old, _)) = before {
                self.world.overwrite(&key, &old).await;
            }
        }
        self.world.up.store(true, Ordering::SeqCst);
    }
}

impl Damage for Laboratory {
    fn kinds(&self) -> &[Harm] {
        &[Harm::Truncated, Harm::Flipped, Harm::Replaced]
    }

    async fn damage(&self, key: &StoreKey, _: Harm) {
        self.world.damaged.lock().unwrap().insert(*key);
    }

    async fn repair(&self, key: &StoreKey) {
        self.world.damaged.lock().unwrap().remove(key);
    }
}
