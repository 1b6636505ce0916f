//! Which event a flight waits for, and what it remembers until then.

use std::time::Duration;

use oidc_session_core::{EndReason, Fingerprint, Version, Violation};

use crate::protocol::{Fault, Now, Outcome, Rules, SessionView};

/// Which event the flight is waiting for, and what it must remember until then.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum State {
    Idle,
    Loading,
    Preparing,
    Leasing,
    /// Another holder refreshes.
    WaitingForHolder,
    /// Another holder began to refresh, and its lease is over; it may be alive, and have tokens to commit.
    WaitingToTakeOver,
    Refreshing(Attempt),
    /// The outcome is unknown; the lease must outlive the repeat.
    RenewingForRepeat(Attempt, Fault),
    /// The process was held up between the lease and the request.
    RenewingToPresent(Attempt),
    /// A verdict came after an unknown outcome; the answer that was lost to us may not be lost to its holder.
    WaitingBeforeVerdict(Attempt),
    /// A verdict came; it counts only if the record still holds the rejected token.
    LoadingBeforeVerdict(Attempt),
    Ending(Ending),
    WaitingToEnd(Ending),
    Committing(Unsaved),
    Serving(Unsaved),
    WaitingToCommit(Unsaved),
    RenewingForCommit(Unsaved),
    /// The commit conflicted; what is stored decides what becomes of our tokens.
    LoadingAfterConflict(Unsaved),
    Releasing(Outcome),
    Revoking(Option<Outcome>),
    Landed,
}

/// A refresh token being presented.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Attempt {
    pub(super) version: Version,
    pub(super) session: SessionView,
    /// Somebody presented this token before and never learned the outcome.
    pub(super) taken_over: bool,
    /// We presented it ourselves and did not learn the outcome.
    pub(super) repeated: bool,
    pub(super) sent: Duration,
}

/// Tokens that were granted and are not yet stored anywhere.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Unsaved {
    pub(super) attempt: Attempt,
    pub(super) expected: Version,
    pub(super) access: Option<Fingerprint>,
    pub(super) refresh: Option<Fingerprint>,
    pub(super) violation: Option<Violation>,
    pub(super) granted: Duration,
    /// Whether callers may be served meanwhile, if the commit fails.
    pub(super) may_serve: bool,
}

impl Unsaved {
    pub(super) fn is_given_up(&self, now: Now) -> bool {
        now.monotonic.saturating_sub(self.granted) >= Rules::COMMIT_PATIENCE
    }
}

/// A tombstone being written.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Ending {
    pub(super) expected: Version,
    pub(super) reason: EndReason,
    /// The attempt that a verdict was about.
    pub(super) judged: Option<Attempt>,
    pub(super) tries: u8,
}

impl Ending {
    pub(super) fn new(expected: Version, reason: EndReason) -> Self {
        Self { expected, reason, judged: None, tries: 0 }
    }
}

/// What a record calls for.
pub(super) enum Need {
    Nothing(Outcome),
    Refresh(Version, SessionView),
    /// It can never be fresh again.
    End(Version, EndReason),
}
