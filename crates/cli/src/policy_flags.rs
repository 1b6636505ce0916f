//! [`PolicyFlags`]: when to refresh, as the command line says it.

use std::time::Duration;

use clap::{Args, ValueEnum};
use oidc_session_core::TokenSet;
use oidc_session_manager::{ExpiredOnly, Preemptive, RefreshPolicy};

use crate::times::duration;

/// When an access token is due for a refresh.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct PolicyFlags {
    /// When to refresh [default: expired-only, or preemptive if --skew is given]
    #[arg(long, value_enum)]
    policy: Option<PolicyName>,

    /// How long before it expires a preemptive refresh is due [default: 5s]; at most a quarter of the lifetime
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    skew: Option<Duration>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PolicyName {
    /// Once the access token has expired; --skew has no effect
    ExpiredOnly,
    /// A skew before it expires
    Preemptive,
}

const DEFAULT_SKEW: Duration = Duration::from_secs(5);

impl PolicyFlags {
    /// The policy that was asked for.
    pub(crate) fn chosen(self) -> ChosenPolicy {
        match (self.policy, self.skew) {
            (Some(PolicyName::ExpiredOnly), _) | (None, None) => ChosenPolicy::ExpiredOnly(ExpiredOnly),
            (_, skew) => ChosenPolicy::Preemptive(Preemptive::skew(skew.unwrap_or(DEFAULT_SKEW))),
        }
    }
}

/// A policy of the command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ChosenPolicy {
    ExpiredOnly(ExpiredOnly),
    Preemptive(Preemptive),
}

impl Default for ChosenPolicy {
    fn default() -> Self {
        Self::ExpiredOnly(ExpiredOnly)
    }
}

impl ChosenPolicy {
    fn inner(&self) -> &dyn RefreshPolicy {
        match self {
            Self::ExpiredOnly(policy) => policy,
            Self::Preemptive(policy) => policy,
        }
    }
}

impl RefreshPolicy for ChosenPolicy {
    fn skew(&self, tokens: &TokenSet) -> Duration {
        self.inner().skew(tokens)
    }

    fn assumed_lifetime(&self, tokens: &TokenSet) -> Option<Duration> {
        self.inner().assumed_lifetime(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skew_asks_for_preemptive_refreshes_unless_told_otherwise() {
        let chosen = |policy, skew: Option<u64>| {
            let skew = skew.map(Duration::from_secs);
            PolicyFlags { policy, skew }.chosen()
        };
        let preemptive = |seconds| ChosenPolicy::Preemptive(Preemptive::skew(Duration::from_secs(seconds)));
        let expired_only = ChosenPolicy::ExpiredOnly(ExpiredOnly);
        assert_eq!(chosen(None, None), expired_only);
        assert_eq!(chosen(None, Some(9)), preemptive(9));
        assert_eq!(chosen(Some(PolicyName::Preemptive), None), preemptive(5));
        assert_eq!(chosen(Some(PolicyName::Preemptive), Some(9)), preemptive(9));
        assert_eq!(chosen(Some(PolicyName::ExpiredOnly), Some(9)), expired_only);
    }
}
