//! [`Snapshot`]: a session and its times at one instant.

use oidc_session_core::{Session, SessionState, Target, Tombstone, Version};
use oidc_session_policy::protocol::Now;
use oidc_session_policy::{Phase, Schedule};

use crate::known::Known;

/// A session and its times at one instant. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub enum Snapshot {
    /// There is no session.
    None,
    /// The session is alive.
    Active {
        /// The session.
        session: Box<Session>,
        /// The version under which it is stored.
        version: Version,
        /// Its instants under the manager's policy.
        schedule: Schedule,
        /// Where this instant falls among them.
        phase: Phase,
    },
    /// The session has ended.
    Ended {
        /// How it ended.
        tombstone: Box<Tombstone>,
        /// The version under which that is stored.
        version: Version,
    },
}

impl Snapshot {
    pub(crate) fn of(known: &Known, state: SessionState, now: Now) -> Self {
        let version = known.version;
        match state {
            SessionState::Active(session) => Self::Active {
                session,
                version,
                schedule: known.schedule(&Target::default()),
                phase: known.phase(&Target::default(), now),
            },
            SessionState::Ended(tombstone) => Self::Ended { tombstone, version },
        }
    }
}
