//! [`Rules`]: the times and choices a flight keeps to.

use std::fmt;
use std::time::Duration;

use oidc_session_core::ProviderProfile;

use crate::OnRefreshFailure;

/// The times and choices a flight keeps to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Rules {
    pub(super) lease_ttl: Duration,
    pub(super) request_budget: Duration,
    pub(super) reuse_window: Option<Duration>,
    pub(super) on_failure: OnRefreshFailure,
    pub(super) patience: Duration,
}

impl Rules {
    /// How long a commit is retried before its tokens are given up.
    pub(super) const COMMIT_PATIENCE: Duration = Duration::from_secs(300);
    /// How long the record of another holder, frozen past its lease, is given to appear before a verdict counts.
    pub(super) const VERDICT_GRACE: Duration = Duration::from_secs(1);
    /// How often a flight starts over because the record changed under it.
    pub(super) const MOST_ROUNDS: u8 = 4;
    /// How often a tombstone is tried to be written.
    pub(super) const MOST_END_TRIES: u8 = 3;

    /// The rules for a provider, with leases of `lease_ttl`.
    ///
    /// Whoever waits for another holder waits a whole lease and a request longer, so that a holder that died delays
    /// the others by its lease and no more.
    ///
    /// # Errors
    ///
    /// A lease that a slow answer could outlive protects nothing, so it must be longer than the request budget.
    pub fn new(
        profile: &ProviderProfile,
        lease_ttl: Duration,
        on_failure: OnRefreshFailure,
    ) -> Result<Self, LeaseTooShort> {
        if lease_ttl <= profile.request_budget {
            return Err(LeaseTooShort { lease_ttl, request_budget: profile.request_budget });
        }
        Ok(Self {
            lease_ttl,
            request_budget: profile.request_budget,
            reuse_window: profile.reuse_window,
            on_failure,
            patience: lease_ttl + profile.request_budget,
        })
    }
}

/// The lease could end while its request is still under way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LeaseTooShort {
    /// The lease that was asked for.
    pub lease_ttl: Duration,
    /// The longest a request of the provider takes.
    pub request_budget: Duration,
}

impl fmt::Display for LeaseTooShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lease_ttl, request_budget } = self;
        write!(f, "a lease of {lease_ttl:?} must be longer than the provider's request budget of {request_budget:?}")
    }
}

impl std::error::Error for LeaseTooShort {}
