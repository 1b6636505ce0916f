//! [`Entry`]: one record, and who may refresh it.

use std::time::Duration;

use oidc_session_core::{HolderId, Lease, Release, Renewal, Stored, Timestamp};

/// A record with its lease. A commit makes a new entry, so everything about the lease ends with the version.
pub(crate) struct Entry {
    stored: Stored,
    keep_until: Option<Timestamp>,
    claim: Claim,
    unsettled: u32,
}

/// Who may refresh. Instants are monotonic time.
#[derive(Clone, Copy)]
enum Claim {
    Free,
    Leased { holder: HolderId, ends_at: Duration },
    Paused { ends_at: Duration },
}

impl Entry {
    pub(crate) fn new(stored: Stored, keep_until: Option<Timestamp>) -> Self {
        Self { stored, keep_until, claim: Claim::Free, unsettled: 0 }
    }

    pub(crate) fn stored(&self) -> &Stored {
        &self.stored
    }

    /// Whether a sweep may drop the record. One that is being refreshed stays until its commit.
    pub(crate) fn is_disposable(&self, wall: Timestamp, now: Duration) -> bool {
        let leased = matches!(self.claim, Claim::Leased { ends_at, .. } if ends_at > now);
        !leased && self.keep_until.is_some_and(|keep_until| keep_until < wall)
    }

    pub(crate) fn try_lease(&mut self, holder: HolderId, ttl: Duration, now: Duration) -> Lease {
        self.settle(now);
        match self.claim {
            Claim::Leased { holder: other, ends_at } if other != holder => {
                Lease::Held { remaining: ends_at.saturating_sub(now) }
            }
            Claim::Paused { ends_at } => Lease::Paused { remaining: ends_at.saturating_sub(now) },
            Claim::Free | Claim::Leased { .. } => {
                self.claim = Claim::Leased { holder, ends_at: now.saturating_add(ttl) };
                Lease::Granted { stored: self.stored.clone(), unsettled: self.unsettled }
            }
        }
    }

    pub(crate) fn renew(&mut self, holder: HolderId, ttl: Duration, now: Duration) -> Renewal {
        if !self.is_leased_by(holder, now) {
            return Renewal::Lost;
        }
        self.claim = Claim::Leased { holder, ends_at: now.saturating_add(ttl) };
        Renewal::Done
    }

    pub(crate) fn release(&mut self, holder: HolderId, release: Release, now: Duration) {
        if !self.is_leased_by(holder, now) {
            return;
        }
        self.unsettled = self.unsettled.saturating_add(release.unsettled.into());
        self.claim = Claim::Paused { ends_at: now.saturating_add(release.pause) };
    }

    fn is_leased_by(&mut self, holder: HolderId, now: Duration) -> bool {
        self.settle(now);
        matches!(self.claim, Claim::Leased { holder: current, .. } if current == holder)
    }

    /// Ends what time has ended. A lease that ended by itself is an attempt whose outcome nobody learned.
    fn settle(&mut self, now: Duration) {
        match self.claim {
            Claim::Leased { ends_at, .. } if ends_at <= now => {
                self.unsettled = self.unsettled.saturating_add(1);
                self.claim = Claim::Free;
            }
            Claim::Paused { ends_at } if ends_at <= now => self.claim = Claim::Free,
            Claim::Free | Claim::Leased { .. } | Claim::Paused { .. } => {}
        }
    }
}
