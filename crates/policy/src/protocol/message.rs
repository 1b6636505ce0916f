//! What goes in and out of the protocol: events, actions, outcomes.

use std::time::Duration;

use oidc_session_core::{
    EndReason, Fingerprint, ProviderErrorKind, Release, Renewal, StoreErrorKind, Timestamp, Version, Violation,
};

use super::RecordView;

/// The two readings of the clock that every step is given.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Now {
    /// Decides whether tokens are fresh.
    pub wall: Timestamp,
    /// Decides how long to keep trying.
    pub monotonic: Duration,
}

impl Now {
    /// Both readings, so much later.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self { wall: self.wall + time, monotonic: self.monotonic.saturating_add(time) }
    }

    /// Whether both readings are before those of `other`.
    pub fn is_before(self, other: Self) -> bool {
        self.wall < other.wall && self.monotonic < other.monotonic
    }
}

/// Why a refresh is considered.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Trigger {
    /// The schedule says whether.
    IfDue,
    /// In any case, unless somebody else refreshes meanwhile.
    Force,
    /// A resource server refused this access token: only if it is still the current one.
    IfCurrentIs(Fingerprint),
}

/// What to do next. Each action but `Done` is answered by exactly one event.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Action {
    /// Read the record. Answered by [`Event::Loaded`].
    Load,
    /// Get ready to refresh, without the refresh token. Answered by [`Event::Prepared`].
    Prepare,
    /// Take the lease; what comes with it replaces what was read before. Answered by [`Event::Leased`].
    Lease {
        /// For how long.
        ttl: Duration,
    },
    /// Present the refresh token of the record that came with the lease. Answered by [`Event::Answered`].
    Refresh {
        /// Unless either clock has reached this: then the lease could end before the commit. To be checked right
        /// before sending, because a process can be frozen anywhere; and on both clocks, because monotonic time
        /// stands still while the machine is suspended.
        before: Now,
    },
    /// Merge the answer into the session read last and commit it. Answered by [`Event::Committed`].
    Commit {
        /// The version it must replace.
        expected: Version,
    },
    /// The commit failed and is being retried: serve the new access token meanwhile. Answered by [`Event::Served`].
    ServeUncommitted,
    /// Replace the session with a tombstone. Answered by [`Event::Committed`].
    End {
        /// The version it must replace.
        expected: Version,
        /// Why it ends.
        reason: EndReason,
    },
    /// Make the lease last. Answered by [`Event::Renewed`].
    Renew {
        /// For how much longer.
        ttl: Duration,
    },
    /// Give the lease back. Answered by [`Event::Released`].
    Release(Release),
    /// Let time pass, or less if the record changes. Answered by [`Event::Waited`].
    Wait(Duration),
    /// Revoke what the answer granted: the session ended meanwhile. Answered by [`Event::Revoked`].
    Revoke,
    /// Publish the session as read or committed last, and tell the callers. Nothing follows.
    Done(Outcome),
}

/// What came of an action.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Event {
    /// The flight begins.
    Started,
    /// The record was read, or could not be.
    Loaded(Result<Option<RecordView>, StoreErrorKind>),
    /// Everything but the refresh token is at hand, or not.
    Prepared(Result<(), Fault>),
    /// The store answered the request for the lease.
    Leased(Result<LeaseView, StoreErrorKind>),
    /// The token endpoint answered, or did not.
    Answered(Answer),
    /// The store answered a commit.
    Committed(Result<CommitView, StoreErrorKind>),
    /// Callers are served meanwhile.
    Served,
    /// The store answered a renewal.
    Renewed(Result<Renewal, StoreErrorKind>),
    /// The lease was given back, as far as that can be known.
    Released,
    /// Time passed.
    Waited,
    /// The revocation was tried.
    Revoked,
}

/// Attempts on a version whose outcome nobody learned.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Journal {
    /// The version.
    pub version: Version,
    /// How many.
    pub unsettled: u32,
}

/// What became of asking for the lease.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum LeaseView {
    /// There is no record.
    Absent,
    /// It is ours.
    Granted {
        /// The record as it is now.
        record: RecordView,
        /// Attempts on this version that nobody finished.
        unsettled: u32,
    },
    /// It was not asked for: too many flights of this process were before this one.
    NotAsked,
    /// Somebody else holds it.
    Held {
        /// For at most this long.
        remaining: Duration,
    },
    /// Nobody may have it yet.
    Paused {
        /// For this long.
        remaining: Duration,
    },
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CommitView {
    /// It is stored.
    Done(Version),
    /// The record had changed.
    Conflict,
}

/// What became of presenting the refresh token.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Answer {
    /// The server granted tokens. The fingerprints are those of the session after the merge.
    Granted {
        /// The access token after the merge.
        access: Option<Fingerprint>,
        /// The refresh token after the merge.
        refresh: Option<Fingerprint>,
        /// If set, only the rotation may be recorded.
        violation: Option<Violation>,
    },
    /// The server granted nothing, or nobody knows.
    Failed(Fault),
    /// Nothing was sent: the lease had too little time left.
    TooLate,
}

/// A failure of the authorization server, as the protocol sees it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Fault {
    /// What it means.
    pub kind: ProviderErrorKind,
    /// How long the server asked to wait.
    pub retry_after: Option<Duration>,
    /// Whether the refresh token may have been presented.
    pub presented: bool,
}

/// How a flight ends.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// There is no session.
    NoSession,
    /// No refresh was needed.
    Fresh,
    /// This flight refreshed the session.
    Refreshed,
    /// Another process refreshed the session; its tokens are used.
    Adopted,
    /// Another process is refreshing; the access token is still valid and serves on.
    ServedWhileRefreshing,
    /// A refresh was wanted and failed; the access token is still valid and serves on.
    Postponed(Failure),
    /// A refresh was needed and failed without a verdict; the session is kept.
    Unavailable(Failure),
    /// The session has ended.
    Ended(EndReason),
}

/// Why a refresh failed without a verdict.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Failure {
    /// What happened.
    pub cause: FailureCause,
    /// When trying again makes sense, if that is known.
    pub retry_in: Option<Duration>,
}

/// What happened to a refresh that failed without a verdict.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum FailureCause {
    /// The store failed.
    Store(StoreErrorKind),
    /// The authorization server failed.
    Provider(ProviderErrorKind),
    /// Another process held the lease for longer than we wait.
    LeaseHeld,
    /// Too many other sessions of this process were to be refreshed first.
    NoTurn,
    /// An earlier attempt, here or elsewhere, asked everybody to wait.
    Paused,
    /// The last answer has only just arrived.
    TooSoon,
    /// The server granted tokens that must not be used.
    Violation(Violation),
    /// There is no refresh token, and the access token still serves.
    NoRefreshToken,
    /// The record kept changing under us.
    Contention,
    /// An event answered no action: a fault in whoever carries the actions out.
    OutOfStep,
}
