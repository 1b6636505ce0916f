//! [`WatchedProvider`] and [`WatchedStore`]: say what a flight does between its lease and its commit.
//!
//! A flight is one task from its lease to its commit, so the number of the task tells which attempt a call of the store
//! belongs to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use oidc_session::{
    ChangeFeed, Commit, Custody, Expected, HolderId, Lease, Oidc, Provider, ProviderError, ProviderErrorKind,
    ProviderProfile, Release, Removal, Renewal, Revocation, Session, SessionStore, StoreError, StoreKey, Stored,
    Target, Timestamp, TokenAnswer, Version,
};
use tokio::task;

use super::line::{CameTo, Millis, Said, mark, now};
use super::worker::say;

/// What the flights of this process are about.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    attempts: u64,
    flights: HashMap<task::Id, Flight>,
}

/// One that has a lease.
#[derive(Debug)]
struct Flight {
    leased: Millis,
    attempt: Option<u64>,
    /// What it tried to commit: each may have taken effect.
    tried: Vec<Version>,
}

impl Flights {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leased(&self, leased: Millis) {
        if let Some(task) = task::try_id() {
            self.state().flights.insert(task, Flight { leased, attempt: None, tried: Vec::new() });
        }
    }

    /// The next attempt of this task, and when its lease was asked for.
    fn next_attempt(&self) -> (u64, Millis) {
        let mut state = self.state();
        state.attempts += 1;
        let attempt = state.attempts;
        let flight = task::try_id().and_then(|task| state.flights.get_mut(&task));
        let leased = flight.map_or_else(now, |flight| {
            flight.attempt = Some(attempt);
            flight.leased
        });
        (attempt, leased)
    }

    fn attempt(&self) -> Option<u64> {
        self.state().flights.get(&task::try_id()?)?.attempt
    }

    /// A longer lease. Returns the attempt that it is for.
    fn renewed(&self, leased: Millis) -> Option<u64> {
        let mut state = self.state();
        let flight = state.flights.get_mut(&task::try_id()?)?;
        flight.leased = leased;
        flight.attempt
    }

    fn tried(&self, version: Version) {
        let mut state = self.state();
        if let Some(flight) = task::try_id().and_then(|task| state.flights.get_mut(&task)) {
            flight.tried.push(version);
        }
    }

    fn has_tried(&self, version: Version) -> bool {
        let state = self.state();
        task::try_id().and_then(|task| state.flights.get(&task)).is_some_and(|flight| flight.tried.contains(&version))
    }

    fn over(&self) {
        if let Some(task) = task::try_id() {
            self.state().flights.remove(&task);
        }
    }
}

/// Says what it presents, and what comes of it.
#[derive(Debug)]
pub(crate) struct WatchedProvider {
    pub(crate) inner: Oidc,
    pub(crate) flights: Arc<Flights>,
}

#[async_trait]
impl Provider for WatchedProvider {
    fn profile(&self) -> &ProviderProfile {
        self.inner.profile()
    }

    async fn prepare(&self, session: &Session) -> Result<(), ProviderError> {
        self.inner.prepare(session).await
    }

    async fn refresh(&self, session: &Session, target: &Target) -> Result<TokenAnswer, ProviderError> {
        let (attempt, leased) = self.flights.next_attempt();
        let subject = session.subject.clone().unwrap_or_default();
        say(&Said::Sent { attempt, subject, leased, at: now() });
        let mut watch = Watch { attempt, told: false };
        let answer = self.inner.refresh(session, target).await;
        watch.told = true;
        say(&Said::Back { attempt, came_to: came_to(&answer), at: now() });
        answer
    }

    async fn revoke(&self, session: &Session) -> Result<Revocation, ProviderError> {
        self.inner.revoke(session).await
    }
}

/// The manager has its own budget, and drops what takes longer.
struct Watch {
    attempt: u64,
    told: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.told {
            say(&Said::Back { attempt: self.attempt, came_to: CameTo::Unknown, at: now() });
        }
    }
}

fn came_to(answer: &Result<TokenAnswer, ProviderError>) -> CameTo {
    match answer {
        Ok(answer) => {
            CameTo::Granted(answer.access_token.as_ref().map(|token| mark(token.expose())).unwrap_or_default())
        }
        Err(error) => match error.kind() {
            ProviderErrorKind::OutcomeUnknown | ProviderErrorKind::InvalidAnswer => CameTo::Unknown,
            ProviderErrorKind::Rejected => CameTo::Rejected,
            _ => CameTo::Refused,
        },
    }
}

/// Says what is renewed and what is stored.
#[derive(Debug)]
pub(crate) struct WatchedStore {
    pub(crate) inner: Arc<dyn SessionStore>,
    pub(crate) flights: Arc<Flights>,
}

impl WatchedStore {
    fn committed(&self) {
        if let Some(attempt) = self.flights.attempt() {
            say(&Said::Committed { attempt, at: now() });
        }
        self.flights.over();
    }
}

#[async_trait]
impl SessionStore for WatchedStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        let loaded = self.inner.load(key).await;
        if let Ok(Some(stored)) = &loaded
            && self.flights.has_tried(stored.version)
        {
            self.committed();
        }
        loaded
    }

    async fn commit(
        &self,
        key: &StoreKey,
        expected: Expected,
        next: &Stored,
        keep_until: Option<Timestamp>,
    ) -> Result<Commit, StoreError> {
        self.flights.tried(next.version);
        let committed = self.inner.commit(key, expected, next, keep_until).await;
        if let Ok(Commit::Done) = committed {
            self.committed();
        }
        committed
    }

    async fn remove(&self, key: &StoreKey, expected: Version) -> Result<Removal, StoreError> {
        self.inner.remove(key, expected).await
    }

    async fn try_lease(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Lease, StoreError> {
        let asked = now();
        let lease = self.inner.try_lease(key, holder, ttl).await;
        if let Ok(Lease::Granted { .. }) = lease {
            self.flights.leased(asked);
        }
        lease
    }

    async fn renew(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Renewal, StoreError> {
        let asked = now();
        let renewal = self.inner.renew(key, holder, ttl).await;
        if let (Ok(Renewal::Done), Some(attempt)) = (&renewal, self.flights.renewed(asked)) {
            say(&Said::Renewed { attempt, at: asked });
        }
        renewal
    }

    async fn release(&self, key: &StoreKey, holder: HolderId, release: Release) -> Result<(), StoreError> {
        self.flights.over();
        self.inner.release(key, holder, release).await
    }

    fn custody(&self) -> Custody {
        self.inner.custody()
    }

    fn change_feed(&self) -> Option<&dyn ChangeFeed> {
        self.inner.change_feed()
    }
}
