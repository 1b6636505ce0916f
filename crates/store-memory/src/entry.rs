//! [`Entry`]: one record, and who may refresh it.

use oidc_session_core::{LeaseState, Stored, Timestamp};

/// A record with its lease. A commit makes a new entry, so everything about the lease ends with the version.
pub(crate) struct Entry {
    pub(crate) stored: Stored,
    keep_until: Option<Timestamp>,
    /// Its instants are monotonic time.
    pub(crate) lease: LeaseState,
}

impl Entry {
    pub(crate) fn new(stored: Stored, keep_until: Option<Timestamp>) -> Self {
        Self { stored, keep_until, lease: LeaseState::FREE }
    }

    /// Whether a sweep may drop the record. One that is being refreshed stays until its commit.
    pub(crate) fn is_disposable(&mut self, wall: Timestamp, monotonic: Timestamp) -> bool {
        self.keep_until.is_some_and(|keep_until| keep_until < wall) && !self.lease.is_leased(monotonic)
    }
}
