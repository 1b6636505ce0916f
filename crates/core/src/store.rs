//! [`SessionStore`]: where records live, and who may refresh.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{ChangeFeed, HolderId, Record, StoreKey, Timestamp, Version};

/// Keeps session records, and grants the right to refresh them.
///
/// # Contract
///
/// - `load` returns the last committed record, even an old one: age is the policy's concern.
/// - `commit` and `remove` are atomic: if `expected` does not hold, nothing changes.
/// - Versions are the writer's choice, and never the same twice for a key ([`Version::after`]): so an old writer never
///   matches a new record, and a record can be sealed together with its version. A store only compares them.
/// - A lease is the right to refresh **one version**. A commit or remove that succeeds ends it, whoever made it.
/// - A lease ends by itself after its time. It makes refreshing cheap, never safe: safety is the compare-and-set.
/// - A lease that ended by itself, neither released nor committed, was an attempt whose outcome nobody learned. Each
///   one adds to `unsettled` of that version, and the next grant tells it. So the lease is the attempt's journal.
/// - Lease times are measured by the store's clock, never by a client's.
/// - When a call fails, the caller does not know whether it took effect; repeating it is harmless.
/// - Dropping a call's future cancels only the wait: the effect happens whole or not at all.
/// - Errors and `Debug` output never contain record bytes.
///
/// Every implementation runs `store_contract!` of `oidc-session-testkit`.
#[async_trait]
pub trait SessionStore: fmt::Debug + Send + Sync + 'static {
    /// Returns the record of `key`, or `None` if there is none.
    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError>;

    /// Puts `next` in place of what is there, if `expected` still holds. After `keep_until` the store may forget it.
    async fn commit(
        &self,
        key: &StoreKey,
        expected: Expected,
        next: &Stored,
        keep_until: Option<Timestamp>,
    ) -> Result<Commit, StoreError>;

    /// Forgets the record, and its lease, if it is still at `expected`.
    async fn remove(&self, key: &StoreKey, expected: Version) -> Result<Removal, StoreError>;

    /// Asks to be the one who refreshes `key` until `ttl` has passed. The holder asking again is granted again.
    ///
    /// One round trip: takes the lease, reads the record, and tells of attempts that nobody finished.
    async fn try_lease(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Lease, StoreError>;

    /// Makes the lease of `holder` last for another `ttl` from now, if it is still running and its own.
    async fn renew(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Renewal, StoreError>;

    /// Gives the lease of `holder` back. Without effect if it is no longer its own.
    async fn release(&self, key: &StoreKey, holder: HolderId, release: Release) -> Result<(), StoreError>;

    /// Who else can reach what the store keeps: decides where the keys come from that seal it.
    fn custody(&self) -> Custody {
        Custody::Server
    }

    /// Where other processes' commits are told of, if the backend can do that.
    fn change_feed(&self) -> Option<&dyn ChangeFeed> {
        None
    }
}

/// A store that is chosen at run time: `Arc<dyn SessionStore>` is a store.
#[async_trait]
impl<S: SessionStore + ?Sized> SessionStore for Arc<S> {
    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        (**self).load(key).await
    }

    async fn commit(
        &self,
        key: &StoreKey,
        expected: Expected,
        next: &Stored,
        keep_until: Option<Timestamp>,
    ) -> Result<Commit, StoreError> {
        (**self).commit(key, expected, next, keep_until).await
    }

    async fn remove(&self, key: &StoreKey, expected: Version) -> Result<Removal, StoreError> {
        (**self).remove(key, expected).await
    }

    async fn try_lease(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Lease, StoreError> {
        (**self).try_lease(key, holder, ttl).await
    }

    async fn renew(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Renewal, StoreError> {
        (**self).renew(key, holder, ttl).await
    }

    async fn release(&self, key: &StoreKey, holder: HolderId, release: Release) -> Result<(), StoreError> {
        (**self).release(key, holder, release).await
    }

    fn custody(&self) -> Custody {
        (**self).custody()
    }

    fn change_feed(&self) -> Option<&dyn ChangeFeed> {
        (**self).change_feed()
    }
}

/// Drops records whose `keep_until` has passed. An optional power.
#[async_trait]
pub trait Sweep: SessionStore {
    /// Drops at most `limit` such records and tells how many it dropped.
    ///
    /// A record whose lease is running stays: its refresh is about to commit.
    async fn sweep(&self, limit: usize) -> Result<usize, StoreError>;
}

/// A record with its version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored {
    /// Another one with every commit.
    pub version: Version,
    /// What was committed.
    pub record: Record,
}

impl Stored {
    /// `record` at a version of its own, as it is committed at `now` in place of what is `expected`.
    pub fn after(expected: Expected, record: Record, now: Timestamp) -> Self {
        Self { version: Version::after(expected, now), record }
    }
}

/// Who else can reach what a store keeps.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Custody {
    /// Nobody: it never leaves the memory of this process. There is nothing to seal.
    Process,
    /// Whoever can read this folder, or a backup of it. A key ring may be made beside the data.
    Folder(PathBuf),
    /// The operating system encrypts it for its user. It need not be sealed once more.
    OperatingSystem,
    /// A server and those who run it. The program must bring a key ring of its own.
    Server,
}

/// What a commit finds, or else does not happen.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Expected {
    /// No record.
    Absent,
    /// A record at this version.
    At(Version),
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Commit {
    /// The record is stored, at its version.
    Done,
    /// `expected` did not hold; nothing changed.
    Conflict,
}

/// What became of a remove.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Removal {
    /// The record is gone.
    Done,
    /// `expected` did not hold; nothing changed.
    Conflict,
}

/// What became of asking for a lease.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum Lease {
    /// There is no record, so nothing to refresh. No lease was taken.
    Absent,
    /// The lease is the caller's.
    Granted {
        /// The record as it is now.
        stored: Stored,
        /// Attempts on this version that nobody finished.
        unsettled: u32,
    },
    /// Somebody else holds it.
    Held {
        /// For at most this long, if nobody renews it.
        remaining: Duration,
    },
    /// The last holder asked everybody to wait.
    Paused {
        /// For this long.
        remaining: Duration,
    },
}

/// What became of renewing a lease.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[must_use]
pub enum Renewal {
    /// The lease lasts for another full time.
    Done,
    /// The lease is somebody else's, or the record has moved on.
    Lost,
}

/// How a lease is given back.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Release {
    /// Nobody is granted the lease of this version before this much time has passed.
    pub pause: Duration,
    /// The attempt's outcome is unknown: count it as one that nobody finished.
    pub unsettled: bool,
}

/// What the caller can do about a [`StoreError`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The data cannot be read back. Restore it, or sign in again; nothing was destroyed.
    Corrupt,
    /// Access was refused. Ask the user or the operator.
    Denied,
    /// The backend did not answer. Later may help.
    Unavailable,
    /// The store's settings are wrong, or a newer version wrote its data.
    Misconfigured,
}

/// Why a store could not do what it was asked.
pub struct StoreError {
    kind: StoreErrorKind,
    doing: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// An error of `kind` while `doing` something, such as "load a record".
    pub fn new(kind: StoreErrorKind, doing: &'static str) -> Self {
        Self { kind, doing, source: None }
    }

    /// The same error with its cause. The cause must not quote a record.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.kind {
            StoreErrorKind::Corrupt => "the stored data is damaged",
            StoreErrorKind::Denied => "the store refused access",
            StoreErrorKind::Unavailable => "the store did not answer",
            StoreErrorKind::Misconfigured => "the store is not set up for this",
        };
        write!(f, "could not {}: {why}", self.doing)
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreError")
            .field("kind", &self.kind)
            .field("doing", &self.doing)
            .field("source", &self.source)
            .finish()
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
