//! [`Outcome`]: the name of what a refresh came to.

use std::fmt;

use oidc_session_core::EndReason;

/// What asking for a fresh session came to.
///
/// Ends and absences are outcomes, not errors: the documented flow plans for them. An error means that nobody knows
/// whether the session could go on.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// There is no session.
    NoSession,
    /// The access token is fresh; nothing was sent.
    Fresh,
    /// This call refreshed the session.
    Refreshed,
    /// Another call in this process was refreshing; its result is shared.
    Joined,
    /// Another process refreshed the session; its tokens are used.
    Adopted,
    /// The access token is due and somebody is refreshing it; it is still valid and was served.
    ServedWhileRefreshing,
    /// The access token is due and could not be refreshed early; it is still valid and was served.
    Postponed,
    /// The session has ended.
    Ended(EndReason),
}

impl Outcome {
    /// The outcome as one stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSession => "no_session",
            Self::Fresh => "fresh",
            Self::Refreshed => "refreshed",
            Self::Joined => "joined",
            Self::Adopted => "adopted",
            Self::ServedWhileRefreshing => "served_while_refreshing",
            Self::Postponed => "postponed",
            // The answer that was lost may have carried the successor: to the server, ours looked like reuse.
            Self::Ended(EndReason::RejectedAfterUnknownOutcome) => "reuse_suspected",
            Self::Ended(_) => "ended",
        }
    }

    /// Whether a valid access token can be had now.
    pub const fn is_usable(self) -> bool {
        !matches!(self, Self::NoSession | Self::Ended(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
