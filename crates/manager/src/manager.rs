//! [`SessionManager`]: keeps the sessions of one client at one authorization server alive.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use oidc_session_core::{Clock, Custody, Limits, Provider, SessionId, SessionStore, SystemClock, Target, Timestamp};
use oidc_session_policy::protocol::Rules;
use oidc_session_policy::{ExpiredOnly, OnRefreshFailure, RefreshPolicy};
use oidc_session_sealing::{Envelope, KeyRing, Seal};

use crate::shared::Shared;
use crate::{BuildError, FeedState, Notes, SessionHandle, hot_path};

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
            seal: None,
            policy: Arc::new(ExpiredOnly),
            clock: Arc::new(SystemClock),
            on_failure: OnRefreshFailure::default(),
            lease: None,
            store_budget: Duration::from_secs(5),
            most_cached: 10_000,
            forget_after: Duration::from_secs(3_600),
            most_refreshes: 64,
            most_background_refreshes: None,
            limits: Limits::default(),
            confirm_after: None,
        }
    }

    /// A handle of one session, whether it exists or not.
    pub fn session(&self, id: &SessionId) -> SessionHandle {
        SessionHandle::new(Arc::clone(&self.shared), self.shared.entry(id))
    }

    /// As [`SessionHandle::try_authorization`], for programs that serve many sessions and need no handle of each.
    ///
    /// `None` also if this process knows nothing of the session yet.
    ///
    /// ```
    /// # use oidc_session_core::SessionId;
    /// # use oidc_session_manager::{SessionError, SessionManager};
    /// # async fn example(sessions: SessionManager, id: SessionId) -> Result<(), SessionError> {
    /// let authorization = match sessions.try_authorization(&id) {
    ///     Some(authorization) => authorization,
    ///     None => sessions.session(&id).authorization().await?,
    /// };
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn try_authorization(&self, id: &SessionId) -> Option<HeaderValue> {
        let tick = self.shared.following.tick();
        let looked = self.shared.cache.look(id, |slot| {
            let shown = tick.and_then(|tick| {
                slot.asked_at.note(tick.at);
                slot.authorization(tick)
            });
            shown.ok_or_else(|| Arc::clone(&slot.entry))
        });
        match looked? {
            Ok(authorization) => Some(authorization),
            Err(entry) => hot_path::try_authorization(&self.shared, &entry, &Target::default()),
        }
    }

    /// Whether this process hears of what others do to its sessions, at once: for health checks.
    ///
    /// The feed is sought from the first call on that looks at the store. While it is lost, what is known of a session is
    /// confirmed by looking: see [`confirm_after`](SessionManagerBuilder::confirm_after).
    pub fn feed(&self) -> FeedState {
        match self.shared.store.change_feed() {
            None => FeedState::Absent,
            Some(_) if self.shared.following.is_followed() => FeedState::Followed,
            Some(_) => FeedState::NotFollowed,
        }
    }

    /// What the program keeps beside its sessions.
    pub fn notes(&self) -> Notes {
        Notes(Arc::clone(&self.shared))
    }

    /// Seals what leaves the program for one `purpose` and comes back to it, such as what a cookie holds.
    ///
    /// With the key ring of the sessions, so that each process of a fleet opens what another one sealed. `None` if this
    /// manager has no ring: then [`Envelope::new`] takes one.
    pub fn envelope(&self, purpose: &str) -> Option<Envelope> {
        self.shared.seal.key_ring().map(|ring| Envelope::new(ring.clone(), purpose))
    }

    /// The time as this manager's clock has it.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Waits until every refresh and logout under way has finished.
    ///
    /// Meanwhile nothing is begun for those who [`keep`](SessionHandle::keep_fresh) sessions fresh. Afterwards it is again:
    /// a program that ends drops its guards first.
    pub async fn drain(&self) {
        let _paused = self.shared.keeper.pause();
        self.shared.drained().await;
    }
}

/// Makes a [`SessionManager`].
pub struct SessionManagerBuilder {
    provider: Arc<dyn Provider>,
    store: Arc<dyn SessionStore>,
    seal: Option<Seal>,
    policy: Arc<dyn RefreshPolicy>,
    clock: Arc<dyn Clock>,
    on_failure: OnRefreshFailure,
    lease: Option<Duration>,
    store_budget: Duration,
    most_cached: usize,
    forget_after: Duration,
    most_refreshes: usize,
    most_background_refreshes: Option<usize>,
    limits: Limits,
    confirm_after: Option<Duration>,
}

impl SessionManagerBuilder {
    /// Seals what is stored with the keys of `ring`.
    ///
    /// Needed with a store that others can reach. Default: nothing is sealed that never leaves the process, or that the
    /// operating system encrypts for its user; for a store in a folder a ring is made beside the data, readable by its
    /// owner only, which is logged; for a server's store, `build` asks for one.
    #[must_use]
    pub fn seal_with(mut self, ring: KeyRing) -> Self {
        self.seal = Some(Seal::with(ring));
        self
    }

    /// Stores sessions as they are, tokens readable by whoever can read the store. For tests, and for stores that
    /// encrypt by themselves.
    #[must_use]
    pub fn unsealed(mut self) -> Self {
        self.seal = Some(Seal::none());
        self
    }

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

    /// How many sessions are kept in memory. Default: 10,000.
    ///
    /// Of more, those go that nobody has asked for lately: about as many as come. Those with a living handle stay, and
    /// are not counted. What goes is read from the store when it is asked for again.
    #[must_use]
    pub fn most_cached(mut self, sessions: usize) -> Self {
        self.most_cached = sessions;
        self
    }

    /// For how long a session is kept in memory that nobody asks for, and nobody has a handle of. Default: an hour.
    ///
    /// What has been there for longer goes bit by bit, as others come.
    #[must_use]
    pub fn forget_after(mut self, time: Duration) -> Self {
        self.forget_after = time;
        self
    }

    /// How long after its sign-in a session ends, however much it is used and refreshed. Default: never.
    ///
    /// It ends as [`LimitReached`](oidc_session_core::EndReason::LimitReached), and its tokens are revoked. The end is
    /// fixed at the sign-in and stands in the record. For sessions that were signed in before, the limit holds as long
    /// as a program with this limit looks at them; a limit that is raised holds for those who sign in from then on.
    #[must_use]
    pub fn absolute_limit(mut self, limit: Duration) -> Self {
        self.limits.absolute = Some(limit);
        self
    }

    /// How long a session may go unused before it ends as [`Idle`](oidc_session_core::EndReason::Idle), and its tokens
    /// are revoked. Default: for ever.
    ///
    /// A use is a call for a token: `access_token`, `authorization`, `token_for`, `refresh_if_expired` and
    /// `refresh_if_current_is`. None are `refresh`, `snapshot`, and what happens behind the program's back. In this
    /// process every use counts to the millisecond, as long as somebody has a handle of the session. The others learn
    /// of it from the record, where it is written down with every refresh and at least once in a quarter of the limit:
    /// to them a session can be idle up to a quarter of the limit early. Sessions that were signed in before are treated
    /// as [`absolute_limit`](Self::absolute_limit) says; their last refresh counts as their last use.
    #[must_use]
    pub fn idle_limit(mut self, limit: Duration) -> Self {
        self.limits.idle = Some(limit);
        self
    }

    /// For how long a session is served from memory, after which the store is asked whether that is still what it has.
    /// So long a logout elsewhere may go unnoticed. `Duration::MAX` never asks, `Duration::ZERO` with every call.
    ///
    /// Holds where the store has no [`ChangeFeed`](oidc_session_core::ChangeFeed), and while the feed is lost. Where it is
    /// followed, changes are heard of as they happen, and nothing is asked. A store that does not answer keeps nobody
    /// from an access token that is valid: it is served, and the store asked again every second.
    ///
    /// Default: never for a store that does not leave the process, 30 seconds for others.
    #[must_use]
    pub fn confirm_after(mut self, time: Duration) -> Self {
        self.confirm_after = Some(time);
        self
    }

    /// How many refreshes of this process may be under way at the authorization server at a time; the others wait their
    /// turn, before they take their leases. Default: 64. Zero counts as one.
    ///
    /// Whoever has waited for a minute gives up: `Unavailable`, and the session is kept. That happens when the server hangs.
    ///
    /// When thousands of sessions fall due together, a server that is asked for all of them at once answers late, and an
    /// answer that comes too late may have spent its refresh token.
    #[must_use]
    pub fn most_refreshes(mut self, refreshes: usize) -> Self {
        self.most_refreshes = refreshes;
        self
    }

    /// How many of these refreshes may be behind the program's back, for those who
    /// [`keep`](SessionHandle::keep_fresh) sessions fresh; as many may look at the store. Default: half of
    /// [`most_refreshes`](Self::most_refreshes), so that a caller who has to wait for a refresh finds room. Zero counts as
    /// one, and more than all of them as all of them.
    #[must_use]
    pub fn most_background_refreshes(mut self, refreshes: usize) -> Self {
        self.most_background_refreshes = Some(refreshes);
        self
    }

    /// Makes the manager.
    ///
    /// # Errors
    ///
    /// The lease could end while its request or its commit is still under way; there is no key ring to seal with; or a
    /// limit is shorter than the time by which clocks of different machines may disagree, a minute.
    pub fn build(self) -> Result<SessionManager, BuildError> {
        let shortest = self.limits.absolute.into_iter().chain(self.limits.idle).min();
        if let Some(limit) = shortest.filter(|limit| *limit < Limits::CLOCK_TOLERANCE) {
            return Err(BuildError::LimitTooShort { limit });
        }
        let seal = match self.seal {
            Some(seal) => seal,
            None => seal_by_custody(&self.store.custody(), self.clock.now())?,
        };
        let confirm_after = self.confirm_after.unwrap_or_else(|| match self.store.custody() {
            Custody::Process => Duration::MAX,
            _ => CONFIRM_AFTER,
        });
        let profile = self.provider.profile();
        let lease_ttl = self.lease.unwrap_or_else(|| {
            let comfortable = profile.request_budget.saturating_add(self.store_budget.saturating_mul(2));
            comfortable.max(Rules::shortest_lease(profile, self.store_budget))
        });
        let most_refreshes = self.most_refreshes.max(1);
        let most_background_refreshes = self.most_background_refreshes.unwrap_or(most_refreshes / 2);
        let rules = Rules::new(profile, self.store_budget, lease_ttl, self.on_failure)?;
        let shared = Shared::new(
            self.provider,
            self.store,
            seal,
            self.policy,
            self.clock,
            rules,
            lease_ttl,
            self.store_budget,
            self.most_cached,
            self.forget_after,
            most_refreshes,
            most_background_refreshes.clamp(1, most_refreshes),
            self.limits,
            confirm_after,
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

/// What others can change is looked at this often, where nobody tells of changes.
const CONFIRM_AFTER: Duration = Duration::from_secs(30);

/// What the program did not say: whether a store needs a seal, and where its keys are.
fn seal_by_custody(custody: &Custody, now: Timestamp) -> Result<Seal, BuildError> {
    match custody {
        Custody::Process | Custody::OperatingSystem => Ok(Seal::none()),
        Custody::Folder(folder) => {
            let beside = KeyRing::beside(folder, now)?;
            if beside.made {
                tracing::warn!(path = %beside.path.display(), "made a key ring beside the sessions: keep it, and keep it from others");
            }
            Ok(Seal::with(beside.ring))
        }
        _ => Err(BuildError::KeyRingMissing),
    }
}
