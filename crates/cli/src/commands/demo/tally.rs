//! [`Tally`]: what a demo has shown so far, and [`Summary`]: whether that is what it promised.

use std::time::Duration;

use oidc_session_testkit::Counters;
use serde::Serialize;

/// What happened so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) served: u64,
    pub(super) accepted: u64,
    pub(super) callers_at_once: u64,
    pub(super) callers_joined: u64,
    pub(super) adopted: u64,
    pub(super) logout_effective: bool,
    /// What should not have happened.
    pub(super) problems: Vec<String>,
}

/// The last event of a demo.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Summary {
    pub(super) ok: bool,
    pub(super) refreshes: u64,
    pub(super) reuse_detected: u64,
    pub(super) tokens_served: u64,
    pub(super) tokens_accepted: u64,
    pub(super) callers_at_once: u64,
    pub(super) callers_joined: u64,
    pub(super) adopted: u64,
    pub(super) logout_effective: bool,
    pub(super) seconds: f64,
    pub(super) problems: Vec<String>,
}

impl Tally {
    /// Holds what happened against what the server counted.
    pub(super) fn summary(mut self, counters: &Counters, elapsed: Duration) -> Summary {
        self.expect(counters.refresh_grants > 0, "the session was never refreshed");
        self.expect(counters.reuse_detected == 0, "a refresh token was presented twice");
        self.expect(self.served > 0, "no access token was served");
        self.expect(self.served == self.accepted, "an access token was served that the server refuses");
        self.expect(self.logout_effective, "the refresh token outlived the logout");
        Summary {
            ok: self.problems.is_empty(),
            refreshes: counters.refresh_grants,
            reuse_detected: counters.reuse_detected,
            tokens_served: self.served,
            tokens_accepted: self.accepted,
            callers_at_once: self.callers_at_once,
            callers_joined: self.callers_joined,
            adopted: self.adopted,
            logout_effective: self.logout_effective,
            seconds: (elapsed.as_secs_f64() * 10.0).round() / 10.0,
            problems: self.problems,
        }
    }

    /// Notes a problem if something does not hold.
    pub(super) fn expect(&mut self, holds: bool, otherwise: &str) {
        if !holds {
            self.problems.push(otherwise.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_without_refreshes_or_with_reuse_is_not_ok() {
        let good = || Tally { served: 3, accepted: 3, logout_effective: true, ..Tally::default() };
        let ok = |tally: Tally, refreshes, reuse| {
            let mut counters = Counters::default();
            counters.refresh_grants = refreshes;
            counters.reuse_detected = reuse;
            tally.summary(&counters, Duration::ZERO).ok
        };
        assert!(ok(good(), 1, 0));
        assert!(!ok(good(), 0, 0));
        assert!(!ok(good(), 1, 1));
        assert!(!ok(Tally { accepted: 2, ..good() }, 1, 0));
        assert!(!ok(Tally { logout_effective: false, ..good() }, 1, 0));
    }
}
