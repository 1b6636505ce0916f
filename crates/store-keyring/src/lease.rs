//! [`Lease`]: a [`LeaseState`] as the head entry remembers it.

use std::time::Duration;

use oidc_session_core::{HolderId, LeaseClaim, LeaseState, LeaseTerm, Timestamp};
use serde::{Deserialize, Serialize};

/// The lease of one key. It ends with its version: a commit begins with a free one.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Lease {
    unsettled: u32,
    claim: Claim,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
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
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
struct Holder(HolderId);

/// A stretch of wall time that begins when it is written.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
struct Term {
    ends_at_unix_ms: i64,
    length_ms: u64,
}

impl From<LeaseState> for Lease {
    fn from(state: LeaseState) -> Self {
        let claim = match state.claim {
            LeaseClaim::Free => Claim::Free,
            LeaseClaim::Leased { holder, term } => Claim::Leased { holder: Holder(holder), term: term.into() },
            LeaseClaim::Paused { term } => Claim::Paused { term: term.into() },
        };
        Self { unsettled: state.unsettled, claim }
    }
}

impl From<Lease> for LeaseState {
    fn from(lease: Lease) -> Self {
        let claim = match lease.claim {
            Claim::Free => LeaseClaim::Free,
            Claim::Leased { holder, term } => LeaseClaim::Leased { holder: holder.0, term: term.into() },
            Claim::Paused { term } => LeaseClaim::Paused { term: term.into() },
        };
        Self { unsettled: lease.unsettled, claim }
    }
}

impl From<LeaseTerm> for Term {
    fn from(term: LeaseTerm) -> Self {
        let length_ms = u64::try_from(term.length.as_millis()).unwrap_or(u64::MAX);
        Self { ends_at_unix_ms: term.ends_at.as_unix_millis(), length_ms }
    }
}

impl From<Term> for LeaseTerm {
    fn from(term: Term) -> Self {
        Self {
            ends_at: Timestamp::from_unix_millis(term.ends_at_unix_ms),
            length: Duration::from_millis(term.length_ms),
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
