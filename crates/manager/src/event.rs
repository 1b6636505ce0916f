//! [`SessionEvent`]: what happened to a session in this process.

use std::sync::Arc;

use oidc_session_core::{EndReason, Target, Timestamp};

/// What happened to a session, as this process saw it. Events follow the commit they tell of.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SessionEvent {
    /// What happened.
    pub kind: SessionEventKind,
    /// Whose access token it happened to. What happens to the whole session tells of the default target.
    pub target: Arc<Target>,
    /// When.
    pub at: Timestamp,
}

/// What happened to a session.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionEventKind {
    /// A sign-in was stored: by this process, or by another over a session that this one knew.
    SignedIn,
    /// This process refreshed the session.
    Refreshed,
    /// Another process had refreshed it, as this one found when it looked at the store.
    Adopted,
    /// A refresh failed without a verdict; the session is kept. The word is the outcome's.
    Unavailable(&'static str),
    /// The session ended.
    Ended(EndReason),
}
