//! [`SessionManager`]: keeps the sessions of one client at one authorization server alive.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{Clock, Provider, SessionId, SessionStore, SystemClock};
use oidc_session_policy::protocol::{LeaseTooShort, Rules};
use oidc_session_policy::{ExpiredOnly, OnRefreshFailure, RefreshPolicy};

use crate::SessionHandle;
use crate::shared::Shared;

/// Keeps the sessions of one client at one authorization server alive. Cheap to clone.
///
/// Needs a tokio runtime with time enabled: a refresh runs as a task of its own, on the runtime of the first call that needs it, so that
/// runtime should live as long as the program. Before a program ends it should [`drain`](Self::drain), so that no
/// refresh is cut off between the server's answer and the store.
#[derive(Clone, Debug)]
pub struct SessionManager {
    shared: Arc<Shared>,
}

impl SessionManager {
    /// Begins a manager of sessions that `provider` issued and `store` keeps.
    pub fn builder(provider: impl Provider, store: impl SessionStore) -> SessionManagerBuilder {
        SessionManagerBuilder {
            provider: Arc::new(provider),
            store: Arc::new(store),
            policy: Arc::new(ExpiredOnly),
            clock: Arc::new(SystemClock),
            on_failure: OnRefreshFailure::default(),
            lease: None,
            store_budget: Duration::from_secs(5),
            most_cached: 10_000,
        }
    }

    /// A handle of one session, whether it exists or not.
    pub fn session(&self, id: &SessionId) -> SessionHandle {
        SessionHandle::new(Arc::clone(&self.shared), self.shared.entry(id))
    }

    /// Waits until every refresh and logout under way has finished.
    pub async fn drain(&self) {
        self.shared.drained().await;
    }
}

/// Makes a [`SessionManager`].
pub struct SessionManagerBuilder {
    provider: Arc<dyn Provider>,
    store: Arc<dyn SessionStore>,
    policy: Arc<dyn RefreshPolicy>,
    clock: Arc<dyn Clock>,
    on_failure: OnRefreshFailure,
    lease: Option<Duration>,
    store_budget: Duration,
    most_cached: usize,
}

impl SessionManagerBuilder {
    /// When to refresh. Default: [`ExpiredOnly`].
    #[must_use]
    pub fn policy(mut self, policy: impl RefreshPolicy) -> Self {
        self.policy = Arc::new(policy);
        self
    }

    /// What becomes of a session when a needed refresh fails. Default: only a verdict ends it.
    #[must_use]
    pub fn on_refresh_failure(mut self, on_failure: OnRefreshFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Where the time comes from. Default: the operating system.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How long the right to refresh lasts: what a crashed process delays the others by.
    ///
    /// Default: the provider's request budget and twice the store budget. Must cover a request and a commit.
    #[must_use]
    pub fn lease(mut self, ttl: Duration) -> Self {
        self.lease = Some(ttl);
        self
    }

    /// The longest a call to the store may take. Default: five seconds.
    #[must_use]
    pub fn store_budget(mut self, budget: Duration) -> Self {
        self.store_budget = budget;
        self
    }

    /// With how many sessions in memory those without a living handle are dropped from it. Default: 10,000.
    #[must_use]
    pub fn most_cached(mut self, sessions: usize) -> Self {
        self.most_cached = sessions;
        self
    }

    /// Makes the manager.
    ///
    /// # Errors
    ///
    /// The lease could end while its request or its commit is still under way.
    pub fn build(self) -> Result<SessionManager, LeaseTooShort> {
        let profile = self.provider.profile();
        let lease_ttl = self.lease.unwrap_or_else(|| {
            let comfortable = profile.request_budget.saturating_add(self.store_budget.saturating_mul(2));
            comfortable.max(Rules::shortest_lease(profile, self.store_budget))
        });
        let rules = Rules::new(profile, self.store_budget, lease_ttl, self.on_failure)?;
        let shared = Shared::new(
            self.provider,
            self.store,
            self.policy,
            self.clock,
            rules,
            lease_ttl,
            self.store_budget,
            self.most_cached,
        );
        Ok(SessionManager { shared: Arc::new(shared) })
    }
}

impl fmt::Debug for SessionManagerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionManagerBuilder")
            .field("provider", &self.provider)
            .field("store", &self.store)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
