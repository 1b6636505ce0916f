//! What the protocol sees of a record: everything it decides by, and no secret.

use oidc_session_core::{EndReason, Fingerprint, SessionState, SignInId, Version};

use crate::{Jitter, RefreshPolicy, Schedule};

/// A record as the protocol sees it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct RecordView {
    /// The version under which it is stored.
    pub version: Version,
    /// What it says.
    pub state: StateView,
}

/// What a record says, as the protocol sees it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum StateView {
    /// The session is alive.
    Active(SessionView),
    /// The session has ended.
    Ended(EndReason),
}

/// A living session as the protocol sees it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SessionView {
    /// The instants of its token set.
    pub schedule: Schedule,
    /// Its access token.
    pub access: Option<Fingerprint>,
    /// Its refresh token.
    pub refresh: Option<Fingerprint>,
    /// Its sign-in.
    pub sign_in: SignInId,
    /// Attempts on its refresh token whose outcome nobody learned, as the record itself counts them.
    pub unsettled: u32,
}

impl RecordView {
    /// The view of a state stored under `version`.
    pub fn of(version: Version, state: &SessionState, policy: &dyn RefreshPolicy, jitter: Jitter) -> Self {
        let state = match state {
            SessionState::Ended(tombstone) => StateView::Ended(tombstone.reason),
            SessionState::Active(session) => StateView::Active(SessionView {
                schedule: Schedule::plan(policy, &session.tokens, jitter),
                access: session.tokens.access_token.as_ref().map(|token| token.fingerprint()),
                refresh: session.tokens.refresh_token.as_ref().map(|token| token.fingerprint()),
                sign_in: session.sign_in_id,
                unsettled: session.unsettled_attempts,
            }),
        };
        Self { version, state }
    }
}

impl SessionView {
    /// Whether both have the same access token and the same refresh token.
    pub(super) fn has_tokens_of(&self, other: &Self) -> bool {
        (self.access, self.refresh) == (other.access, other.refresh)
    }
}
