//! What the protocol sees of a record: everything it decides by, and no secret.

use oidc_session_core::{
    EndReason, Fingerprint, Limits, SessionEnd, SessionState, SignInId, Target, Timestamp, Version,
};

use crate::{Jitter, Phase, RefreshPolicy, Schedule};

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

/// A living session as the protocol sees it, looked at for the sake of one target.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SessionView {
    /// The instants of the target's token set.
    pub schedule: Schedule,
    /// The target's access token.
    pub access: Option<Fingerprint>,
    /// Its refresh token.
    pub refresh: Option<Fingerprint>,
    /// Its sign-in.
    pub sign_in: SignInId,
    /// When it ends whatever its tokens say: the earliest of all its limits.
    pub end: Option<SessionEnd>,
    /// Attempts on its refresh token whose outcome nobody learned, as the record itself counts them.
    pub unsettled: u32,
}

impl RecordView {
    /// The view of a state stored under `version`, for the sake of `target`, where `limits` hold beside those of the
    /// record, and this process knows of a use at `used`.
    pub fn of(
        version: Version,
        state: &SessionState,
        target: &Target,
        policy: &dyn RefreshPolicy,
        jitter: Jitter,
        limits: Limits,
        used: Option<Timestamp>,
    ) -> Self {
        let state = match state {
            SessionState::Ended(tombstone) => StateView::Ended(tombstone.reason),
            SessionState::Active(session) => {
                let tokens = session.tokens_for(target);
                let schedule = Schedule::of_session(policy, session, target, jitter);
                StateView::Active(SessionView {
                    schedule: schedule.ending_at(limits.fixed_end_of(session)),
                    access: tokens.and_then(|tokens| tokens.access_token.as_ref()).map(|token| token.fingerprint()),
                    refresh: session.tokens.refresh_token.as_ref().map(|token| token.fingerprint()),
                    sign_in: session.sign_in_id,
                    end: limits.end_of(session, used),
                    unsettled: session.unsettled_attempts,
                })
            }
        };
        Self { version, state }
    }
}

impl SessionView {
    /// Where `now` falls in the schedule. Nothing serves any more once the session has reached its end.
    pub(super) fn phase(&self, now: Timestamp) -> Phase {
        if self.end.is_some_and(|end| now >= end.at) { Phase::Expired } else { self.schedule.phase(now) }
    }

    /// Whether both have the same access token of the target, from the same answer.
    ///
    /// The refresh token tells nothing: it is replaced for the sake of other targets, too. The schedule does, where a
    /// server hands out one access token until that expires.
    pub(super) fn has_access_token_of(&self, other: &Self) -> bool {
        (self.access, self.schedule) == (other.access, other.schedule)
    }
}
