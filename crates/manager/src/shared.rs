//! [`Shared`]: what every handle of one manager has in common.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{
    Change, Clock, Expected, Limits, Provider, RecordError, SessionId, SessionState, SessionStore, StoreError,
    StoreErrorKind, Stored, Version,
};
use oidc_session_policy::RefreshPolicy;
use oidc_session_policy::protocol::{Now, Rules};
use oidc_session_sealing::Seal;
use tokio::sync::{Semaphore, watch};
use tracing::Instrument as _;

use crate::cache::Cache;
use crate::entry::Entry;
use crate::follow::FollowerTask;
use crate::following::Following;
use crate::keeper::Keeper;
use crate::known::Known;
use crate::observe::metric;
use crate::outage::Outage;
use crate::{SessionError, observe};

/// What every handle of one manager has in common.
pub(crate) struct Shared {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) seal: Seal,
    pub(crate) policy: Arc<dyn RefreshPolicy>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rules: Rules,
    pub(crate) lease_ttl: Duration,
    pub(crate) store_budget: Duration,
    pub(crate) cache: Arc<Cache>,
    /// A permit for each refresh that may be under way at a time.
    pub(crate) refreshes: Arc<Semaphore>,
    pub(crate) limits: Limits,
    pub(crate) following: Arc<Following>,
    pub(crate) outage: Outage,
    pub(crate) keeper: Keeper,
    follower: FollowerTask,
    /// How many detached tasks are under way.
    tasks: watch::Sender<usize>,
}

impl Shared {
    #[expect(clippy::too_many_arguments, reason = "called once, by the builder, with its own fields")]
    pub(crate) fn new(
        provider: Arc<dyn Provider>,
        store: Arc<dyn SessionStore>,
        seal: Seal,
        policy: Arc<dyn RefreshPolicy>,
        clock: Arc<dyn Clock>,
        rules: Rules,
        lease_ttl: Duration,
        store_budget: Duration,
        most_cached: usize,
        forget_after: Duration,
        most_refreshes: usize,
        most_background_refreshes: usize,
        limits: Limits,
        confirm_after: Duration,
    ) -> Self {
        Self {
            following: Arc::new(Following::new(Arc::clone(&clock), confirm_after)),
            outage: Outage::default(),
            keeper: Keeper::new(most_background_refreshes),
            follower: FollowerTask::default(),
            provider,
            store,
            seal,
            policy,
            clock,
            rules,
            lease_ttl,
            store_budget,
            cache: Cache::new(most_cached, forget_after),
            refreshes: Arc::new(Semaphore::new(most_refreshes.clamp(1, Semaphore::MAX_PERMITS))),
            limits,
            tasks: watch::Sender::new(0),
        }
    }

    pub(crate) fn now(&self) -> Now {
        Now { wall: self.clock.now(), monotonic: self.clock.monotonic() }
    }

    pub(crate) fn entry(&self, id: &SessionId) -> Arc<Entry> {
        let make = |place| Entry::new(&self.seal.address(id), place, Arc::clone(&self.following));
        self.cache.get(id, self.clock.coarse(), make)
    }

    /// Hears of changes from now on, if the store tells of them and nobody listens yet.
    pub(crate) fn follow(self: &Arc<Self>) {
        self.keeper.begin(self);
        self.follower.begin(self);
    }

    /// From now on the store tells of changes. What came before is told by nobody.
    pub(crate) fn subscribed(&self) {
        self.following.subscribed();
        self.following.runs();
    }

    /// The store tells of a change. Of a session that nobody asked for, nothing is known that could be outdated.
    pub(crate) fn changed(&self, change: Change) {
        let entry = self.cache.by_key(&change.key);
        if let Some(entry) = entry {
            entry.changed(change.version);
            self.keeper.wake(&change.key);
        }
    }

    pub(crate) fn known(&self, entry: &Entry, stored: &Stored) -> Result<Known, SessionError> {
        Ok(self.know(entry, stored.version, &self.open(entry, stored)?))
    }

    pub(crate) fn know(&self, entry: &Entry, version: Version, state: &SessionState) -> Known {
        Known::new(version, state, &*self.policy, entry.jitter(), &*self.clock, self.limits, || entry.extras())
    }

    /// Reads what the store keeps of a session.
    pub(crate) fn open(&self, entry: &Entry, stored: &Stored) -> Result<SessionState, RecordError> {
        self.seal.open(&entry.key, stored).map(|opened| opened.state)
    }

    /// Makes what is to be committed in place of what is `expected`.
    pub(crate) fn close(&self, entry: &Entry, expected: Expected, state: &SessionState) -> Result<Stored, RecordError> {
        self.seal.close(&entry.address(), expected, state, self.clock.now())
    }

    /// Bounds a call to the store.
    pub(crate) async fn within_budget<T>(
        &self,
        doing: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        // The verb: there are few.
        let call_name = doing.split(' ').next().unwrap_or(doing);
        let (span, began) = (observe::store_call_span(call_name), self.clock.monotonic());
        let called = tokio::time::timeout(self.store_budget, call).instrument(span.clone()).await;
        let result = called.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::Unavailable, doing)));
        let word = match &result {
            Ok(_) => metric::OK,
            Err(error) => observe::store_word(error.kind()),
        };
        if result.is_err() {
            observe::failed(&span, word);
        }
        metric::store_call(call_name, word, self.clock.monotonic().saturating_sub(began));
        result
    }

    /// Runs work that no caller's cancellation may stop.
    pub(crate) fn detach<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.follow();
        let guard = TaskGuard::new(Arc::clone(self));
        tokio::spawn(async move {
            let _guard = guard;
            work.await
        })
    }

    /// Waits until no detached task is under way.
    pub(crate) async fn drained(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.tasks.subscribe().wait_for(|tasks| *tasks == 0).await;
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionManager")
            .field("provider", &self.provider)
            .field("store", &self.store)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

struct TaskGuard(Arc<Shared>);

impl TaskGuard {
    fn new(shared: Arc<Shared>) -> Self {
        shared.tasks.send_modify(|tasks| *tasks += 1);
        Self(shared)
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        self.0.tasks.send_modify(|tasks| *tasks -= 1);
    }
}
