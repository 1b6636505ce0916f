//! [`Presentation`]: one refresh token was presented once; [`PresentationLog`]: all of them, for assertions.

use std::collections::VecDeque;
use std::fmt;

use oidc_session_core::Timestamp;
use serde::Serialize;

/// How many presentations the log keeps.
const KEPT: usize = 16_384;

/// Names a token family: everything that descends from one sign-in.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct FamilyId(pub(super) u64);

impl fmt::Display for FamilyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A refresh token as it was presented at the token endpoint. Never contains the token.
///
/// Family and generation together name one refresh token, so "no refresh token is presented twice" reads: no two
/// presentations share them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Presentation {
    /// Counts all presentations of this server from 1. A gap means that the log dropped older ones.
    pub sequence: u64,
    /// The family of the token, or `None` if the server does not know it.
    pub family: Option<FamilyId>,
    /// 0 for the token of the sign-in, 1 for what replaced it, and so on. Grants inside the reuse window give the same
    /// generation twice.
    pub generation: Option<u32>,
    /// What came of it.
    pub outcome: Outcome,
    /// When, by the clock of the server.
    pub at: Timestamp,
}

/// What came of presenting a refresh token.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// New tokens were granted. With rotation, the presented token is consumed.
    Granted,
    /// The token had been consumed a moment ago: granted again, because the reuse window was still open.
    GrantedInReuseWindow,
    /// The token had been consumed: the whole family is revoked now.
    Reused,
    /// The token had outlived its lifetime.
    Expired,
    /// The family was already revoked.
    Revoked,
    /// The server never issued this token, or has forgotten it.
    Unknown,
    /// The request was refused before the token counted: wrong client, failed client authentication, wider scope, a
    /// resource that is not allowed, a DPoP proof that is wrong or by the wrong key. It is not consumed.
    Refused,
    /// The request was answered `use_dpop_nonce` before the token counted (RFC 9449 §8). It is not consumed.
    Challenged,
    /// A fault answered instead (a status, an error, a redirect). The token is not consumed.
    Faulted,
    /// The connection was closed before the token counted. It is not consumed.
    LostBefore,
    /// New tokens were granted and the old one consumed, but a fault kept the answer from arriving whole.
    LostAfter,
}

impl Outcome {
    pub(super) fn is_grant(self) -> bool {
        matches!(self, Self::Granted | Self::GrantedInReuseWindow)
    }
}

/// The latest presentations, oldest first.
#[derive(Debug, Default)]
pub(super) struct PresentationLog {
    kept: VecDeque<Presentation>,
    seen: u64,
}

impl PresentationLog {
    pub(super) fn note(&mut self, token: Option<(FamilyId, u32)>, outcome: Outcome, at: Timestamp) {
        self.seen += 1;
        let (family, generation) = token.unzip();
        tracing::debug!(sequence = self.seen, family = family.map(|id| id.0), generation, ?outcome, "refresh token");
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(Presentation { sequence: self.seen, family, generation, outcome, at });
    }

    pub(super) fn to_vec(&self) -> Vec<Presentation> {
        self.kept.iter().copied().collect()
    }
}
