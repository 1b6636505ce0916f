//! [`LeaseState`]: the bookkeeping of a lease, for those who write a store.

use std::time::Duration;

use crate::{HolderId, Lease, Release, Renewal, Stored, Timestamp};

/// What a store remembers about the right to refresh one version of a record: a building block for stores.
///
/// It decides what [`try_lease`](crate::SessionStore::try_lease), [`renew`](crate::SessionStore::renew) and
/// [`release`](crate::SessionStore::release) answer. A store keeps the value beside the record, changes it with nobody
/// else in between, and forgets it when a commit or remove succeeds, because it belongs to one version.
///
/// Each method is told what time it is and first ends what that time has ended; so the value may have changed even
/// where the answer is no, and the store keeps it in each case. The instants are those of one clock that all sharers
/// have in common: wall time for processes of one machine, or any other that does not run backwards unnoticed.
///
/// ```
/// use std::time::Duration;
/// use oidc_session_core::{HolderId, Lease, LeaseState, Record, Stored, Timestamp, Version};
///
/// let (one, other, ttl) = (HolderId::random(), HolderId::random(), Duration::from_secs(20));
/// let now = Timestamp::from_unix_seconds(1_700_000_000);
/// let stored = Stored { version: Version::from_u64(1), record: Record::from_bytes(b"sealed".to_vec()) };
///
/// let mut state = LeaseState::FREE;
/// assert!(matches!(state.try_lease(&stored, one, ttl, now), Lease::Granted { unsettled: 0, .. }));
/// assert_eq!(state.try_lease(&stored, other, ttl, now), Lease::Held { remaining: ttl });
/// // The first holder vanishes, and its lease ends by itself: an attempt whose outcome nobody learned.
/// assert!(matches!(state.try_lease(&stored, other, ttl, now + ttl), Lease::Granted { unsettled: 1, .. }));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LeaseState {
    /// Who may refresh.
    pub claim: LeaseClaim,
    /// Attempts on this version that nobody finished.
    pub unsettled: u32,
}

/// Who may refresh.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LeaseClaim {
    /// Whoever asks first.
    Free,
    /// The holder, for a term.
    Leased {
        /// Whose the lease is.
        holder: HolderId,
        /// How long.
        term: LeaseTerm,
    },
    /// Nobody, for a term.
    Paused {
        /// How long.
        term: LeaseTerm,
    },
}

/// A stretch of time that begins when it is written down.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LeaseTerm {
    /// When it is over.
    pub ends_at: Timestamp,
    /// How long it was from its beginning. Kept because it tells that a clock was set back.
    pub length: Duration,
}

impl LeaseState {
    /// Nobody has asked yet.
    pub const FREE: Self = Self { claim: LeaseClaim::Free, unsettled: 0 };

    /// Asks for the lease of `stored`, the record as it is now.
    pub fn try_lease(&mut self, stored: &Stored, holder: HolderId, ttl: Duration, now: Timestamp) -> Lease {
        self.settle(now);
        match self.claim {
            LeaseClaim::Leased { holder: other, term } if other != holder => {
                Lease::Held { remaining: term.remaining(now) }
            }
            LeaseClaim::Paused { term } => Lease::Paused { remaining: term.remaining(now) },
            LeaseClaim::Free | LeaseClaim::Leased { .. } => {
                self.claim = LeaseClaim::Leased { holder, term: LeaseTerm::new(ttl, now) };
                Lease::Granted { stored: stored.clone(), unsettled: self.unsettled }
            }
        }
    }

    /// Makes the lease of `holder` last for `ttl` from now, if it is still its own.
    pub fn renew(&mut self, holder: HolderId, ttl: Duration, now: Timestamp) -> Renewal {
        if !self.is_leased_by(holder, now) {
            return Renewal::Lost;
        }
        self.claim = LeaseClaim::Leased { holder, term: LeaseTerm::new(ttl, now) };
        Renewal::Done
    }

    /// Gives the lease of `holder` back, if it is still its own.
    pub fn release(&mut self, holder: HolderId, release: Release, now: Timestamp) {
        if !self.is_leased_by(holder, now) {
            return;
        }
        self.unsettled = self.unsettled.saturating_add(release.unsettled.into());
        self.claim = LeaseClaim::Paused { term: LeaseTerm::new(release.pause, now) };
        self.settle(now); // A pause of no time is over at once.
    }

    /// Whether somebody holds the lease. A sweep leaves such a record: its refresh is about to commit.
    pub fn is_leased(&mut self, now: Timestamp) -> bool {
        self.settle(now);
        matches!(self.claim, LeaseClaim::Leased { .. })
    }

    fn is_leased_by(&mut self, holder: HolderId, now: Timestamp) -> bool {
        self.settle(now);
        matches!(self.claim, LeaseClaim::Leased { holder: current, .. } if current == holder)
    }

    /// Ends what time has ended. A lease that ended by itself is an attempt whose outcome nobody learned.
    fn settle(&mut self, now: Timestamp) {
        match &mut self.claim {
            LeaseClaim::Leased { term, .. } if term.is_over(now) => {
                self.unsettled = self.unsettled.saturating_add(1);
                self.claim = LeaseClaim::Free;
            }
            LeaseClaim::Paused { term } if term.is_over(now) => self.claim = LeaseClaim::Free,
            LeaseClaim::Leased { term, .. } | LeaseClaim::Paused { term } => term.shorten(now),
            LeaseClaim::Free => {}
        }
    }
}

impl LeaseTerm {
    /// A term of `length` that begins now.
    pub fn new(length: Duration, now: Timestamp) -> Self {
        Self { ends_at: now + length, length }
    }

    fn is_over(self, now: Timestamp) -> bool {
        self.ends_at <= now
    }

    fn remaining(self, now: Timestamp) -> Duration {
        self.ends_at.saturating_since(now)
    }

    /// If more remains than ever was, the clock was set back: then at most the whole length remains from now on.
    fn shorten(&mut self, now: Timestamp) {
        if self.remaining(now) > self.length {
            *self = Self::new(self.length, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Record, Version};

    const ONE: HolderId = HolderId::from_u128(1);
    const OTHER: HolderId = HolderId::from_u128(2);
    const LEASE: Duration = Duration::from_secs(30);
    const HOUR: Duration = Duration::from_secs(3600);
    const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

    #[test]
    fn a_clock_set_back_makes_no_term_longer_than_it_was() {
        for pause in [false, true] {
            let mut state = leased();
            if pause {
                state.release(ONE, Release { pause: LEASE, unsettled: false }, NOW);
            }
            let earlier = NOW - HOUR;
            for _ in 0..2 {
                let remaining = match ask(&mut state, OTHER, earlier) {
                    Lease::Held { remaining } | Lease::Paused { remaining } => remaining,
                    other => panic!("{other:?}"),
                };
                assert_eq!(remaining, LEASE);
            }
            assert_eq!(unsettled(ask(&mut state, OTHER, earlier + LEASE)), u32::from(!pause));
        }
    }

    #[test]
    fn a_no_may_change_what_is_to_be_kept() {
        let mut state = leased();
        assert_eq!(state.renew(OTHER, LEASE, NOW + LEASE), Renewal::Lost);
        assert_eq!(state, LeaseState { claim: LeaseClaim::Free, unsettled: 1 });
    }

    #[test]
    fn only_a_running_lease_is_leased() {
        let mut state = leased();
        assert!(state.is_leased(NOW));
        assert!(!state.is_leased(NOW + LEASE));
        let mut paused = leased();
        paused.release(ONE, Release { pause: LEASE, unsettled: true }, NOW);
        assert!(!paused.is_leased(NOW));
        assert_eq!(paused.unsettled, 1);
    }

    #[test]
    fn nothing_that_was_stored_makes_it_panic() {
        let extremes = [i64::MIN, -1, 0, 1, i64::MAX].map(Timestamp::from_unix_millis);
        for ends_at in extremes {
            for now in extremes {
                for length in [Duration::ZERO, LEASE, Duration::MAX] {
                    let claim = LeaseClaim::Leased { holder: ONE, term: LeaseTerm { ends_at, length } };
                    let mut state = LeaseState { claim, unsettled: u32::MAX };
                    let _ = ask(&mut state, OTHER, now);
                    let _ = state.renew(ONE, Duration::MAX, now);
                    state.release(ONE, Release { pause: Duration::MAX, unsettled: true }, now);
                    assert_eq!(state.unsettled, u32::MAX);
                }
            }
        }
    }

    fn leased() -> LeaseState {
        let mut state = LeaseState::FREE;
        assert_eq!(unsettled(ask(&mut state, ONE, NOW)), 0);
        state
    }

    fn ask(state: &mut LeaseState, holder: HolderId, now: Timestamp) -> Lease {
        let stored = Stored { version: Version::from_u64(1), record: Record::from_bytes(b"sealed".to_vec()) };
        state.try_lease(&stored, holder, LEASE, now)
    }

    fn unsettled(lease: Lease) -> u32 {
        match lease {
            Lease::Granted { unsettled, .. } => unsettled,
            other => panic!("{other:?}"),
        }
    }
}
