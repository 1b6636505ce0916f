//! [`Rules`]: the times and choices a flight keeps to.

use std::fmt;
use std::time::Duration;

use oidc_session_core::{ProviderErrorKind, ProviderProfile, ReuseReaction, Rotation};

use crate::OnRefreshFailure;

/// The times and choices a flight keeps to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Rules {
    pub(super) lease_ttl: Duration,
    /// From asking for the lease to presenting the refresh token, at most.
    pub(super) slack: Duration,
    pub(super) reuse_window: Option<Duration>,
    /// Whether the server takes a refresh token that it has replaced as before.
    pub(super) reuse_is_harmless: bool,
    pub(super) on_failure: OnRefreshFailure,
    /// How long another holder is given to commit what it may have got, before its token is presented again.
    pub(super) grace: Duration,
    pub(super) patience: Duration,
}

impl Rules {
    /// How long a commit is retried before its tokens are given up.
    pub(super) const COMMIT_PATIENCE: Duration = Duration::from_secs(300);
    /// How long the record of another holder, frozen past its lease, is given to appear before a verdict counts.
    pub(super) const VERDICT_GRACE: Duration = Duration::from_secs(1);
    /// How often a flight starts over because the record changed under it, or because it was held up.
    pub(super) const MOST_ROUNDS: u8 = 4;
    /// How often a tombstone is tried to be written.
    pub(super) const MOST_END_TRIES: u8 = 3;
    /// The least time a lease must have beyond the calls it covers.
    const LEAST_SLACK: Duration = Duration::from_secs(1);
    /// A holder that was cut off from the store may just have begun a call that hangs. After that it pauses a third of a
    /// second at most, and commits.
    const GRACE_BEYOND_ONE_CALL: Duration = Duration::from_secs(1);

    /// The shortest lease for a provider, and a store whose calls take up to `store_budget`.
    ///
    /// It covers one request and one commit, and some time to get there.
    pub fn shortest_lease(profile: &ProviderProfile, store_budget: Duration) -> Duration {
        profile.request_budget.saturating_add(store_budget).saturating_add(Self::LEAST_SLACK)
    }

    /// The rules for a provider, a store whose calls take up to `store_budget`, and leases of `lease_ttl`.
    ///
    /// Whoever waits for another holder waits for a whole lease, and for as long as taking over and a request last: so a
    /// holder that died delays the others by that much, and no flight gives up because of it.
    ///
    /// # Errors
    ///
    /// A lease that a slow answer and a slow commit could outlive protects nothing.
    pub fn new(
        profile: &ProviderProfile,
        store_budget: Duration,
        lease_ttl: Duration,
        on_failure: OnRefreshFailure,
    ) -> Result<Self, LeaseTooShort> {
        let shortest = Self::shortest_lease(profile, store_budget);
        if lease_ttl < shortest {
            return Err(LeaseTooShort { lease_ttl, shortest });
        }
        let grace = store_budget.saturating_add(Self::GRACE_BEYOND_ONE_CALL);
        Ok(Self {
            lease_ttl,
            slack: lease_ttl - (shortest - Self::LEAST_SLACK),
            reuse_window: profile.reuse_window,
            reuse_is_harmless: profile.rotation == Rotation::Never || profile.reuse_reaction == ReuseReaction::Accepts,
            on_failure,
            grace,
            patience: lease_ttl.saturating_add(grace).saturating_add(profile.request_budget),
        })
    }
}

impl Rules {
    /// Whether a refresh token is presented once more in the same flight, `spent` after it was sent and came to `kind`.
    ///
    /// | Came to | Presented once more |
    /// |---|---|
    /// | not sent, try later | no: nothing was lost, and a later flight does it |
    /// | rejected | no: it is a verdict |
    /// | unknown, and the server takes replaced tokens as before | yes |
    /// | unknown, and the server has a reuse window | yes, inside of it |
    /// | unknown, and the server has none | yes: either it was not processed, or the successor exists nowhere |
    pub(super) fn repeats(&self, kind: ProviderErrorKind, spent: Duration) -> bool {
        let unknown = matches!(kind, ProviderErrorKind::OutcomeUnknown | ProviderErrorKind::InvalidAnswer);
        unknown && (self.reuse_is_harmless || self.reuse_window.is_none_or(|window| spent < window))
    }
}

/// The lease could end while its request or its commit is still under way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LeaseTooShort {
    /// The lease that was asked for.
    pub lease_ttl: Duration,
    /// The shortest one that covers a request of the provider and a commit to the store.
    pub shortest: Duration,
}

impl fmt::Display for LeaseTooShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lease_ttl, shortest } = self;
        write!(f, "a lease of {lease_ttl:?} is too short: a request and a commit may take up to {shortest:?}")
    }
}

impl std::error::Error for LeaseTooShort {}
