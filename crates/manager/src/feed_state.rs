//! [`FeedState`]: whether this process hears of what others do to its sessions.

/// Whether this process hears of what others do to its sessions. See [`SessionManager::feed`](crate::SessionManager::feed).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum FeedState {
    /// The store has no change feed.
    Absent,
    /// It has one, and nobody listens: no call has needed the store so far, or the feed is lost and being sought.
    NotFollowed,
    /// Every change is heard of.
    Followed,
}
