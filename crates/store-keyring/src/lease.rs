//! [`LeaseState`]: who may refresh one version of a session, as the head entry remembers it.

use std::time::Duration;

use oidc_session_core::{HolderId, Lease, Release, Renewal, Timestamp};
use serde::{Deserialize, Serialize};

/// The lease of one key. It ends with its version: a commit begins with a free one.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct LeaseState {
    unsettled: u32,
    claim: Claim,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Claim {
    #[default]
    Free,
    Leased {
        holder: Holder,
        term: Term,
    },
    Paused {
        term: Term,
    },
}

/// A holder, stored as text: JSON numbers are not that long everywhere.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
struct Holder(HolderId);

/// A stretch of wall time that begins when it is written.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Term {
    ends_at_unix_ms: i64,
    length_ms: u64,
}

impl LeaseState {
    /// Attempts that nobody finished.
    pub(crate) fn unsettled(&self) -> u32 {
        self.unsettled
    }

    /// Why `holder` cannot have the lease now, if it cannot.
    pub(crate) fn refusal(&self, holder: HolderId, now: Timestamp) -> Option<Lease> {
        match self.claim {
            Claim::Leased { holder: other, term } if other != Holder(holder) => {
                Some(Lease::Held { remaining: term.remaining(now) })
            }
            Claim::Paused { term } => Some(Lease::Paused { remaining: term.remaining(now) }),
            Claim::Free | Claim::Leased { .. } => None,
        }
    }

    /// Whether somebody is refreshing right now.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self.claim, Claim::Leased { .. })
    }

    pub(crate) fn grant(&mut self, holder: HolderId, ttl: Duration, now: Timestamp) {
        self.claim = Claim::Leased { holder: Holder(holder), term: Term::new(ttl, now) };
    }

    pub(crate) fn renew(&mut self, holder: HolderId, ttl: Duration, now: Timestamp) -> Renewal {
        if !self.is_leased_by(holder) {
            return Renewal::Lost;
        }
        self.grant(holder, ttl, now);
        Renewal::Done
    }

    pub(crate) fn release(&mut self, holder: HolderId, release: Release, now: Timestamp) {
        if !self.is_leased_by(holder) {
            return;
        }
        self.unsettled = self.unsettled.saturating_add(release.unsettled.into());
        self.claim = Claim::Paused { term: Term::new(release.pause, now) };
        self.settle(now); // A pause of no time is over at once.
    }

    /// Ends what time has ended. A lease that ended by itself is an attempt whose outcome nobody learned.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        match &mut self.claim {
            Claim::Leased { term, .. } if term.is_over(now) => {
                self.unsettled = self.unsettled.saturating_add(1);
                self.claim = Claim::Free;
            }
            Claim::Paused { term } if term.is_over(now) => self.claim = Claim::Free,
            Claim::Leased { term, .. } | Claim::Paused { term } => term.shorten(now),
            Claim::Free => {}
        }
    }

    fn is_leased_by(&self, holder: HolderId) -> bool {
        matches!(self.claim, Claim::Leased { holder: current, .. } if current == Holder(holder))
    }
}

impl Term {
    fn new(length: Duration, now: Timestamp) -> Self {
        let length_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        Self { ends_at_unix_ms: (now + length).as_unix_millis(), length_ms }
    }

    fn is_over(self, now: Timestamp) -> bool {
        self.ends_at_unix_ms <= now.as_unix_millis()
    }

    fn remaining(self, now: Timestamp) -> Duration {
        Timestamp::from_unix_millis(self.ends_at_unix_ms).saturating_since(now)
    }

    /// If more remains than ever was, the wall clock was set back: then at most the whole length remains from now on.
    fn shorten(&mut self, now: Timestamp) {
        let length = Duration::from_millis(self.length_ms);
        if self.remaining(now) > length {
            *self = Self::new(length, now);
        }
    }
}

impl From<Holder> for String {
    fn from(holder: Holder) -> Self {
        format!("{:032x}", holder.0.as_u128())
    }
}

impl TryFrom<String> for Holder {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        u128::from_str_radix(&text, 16).map(|number| Self(HolderId::from_u128(number)))
    }
}
