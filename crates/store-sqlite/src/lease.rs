//! [`LeaseRow`]: who may refresh one version of a session, as the database remembers it.

use std::time::Duration;

use oidc_session_core::{HolderId, Lease, Release, Renewal, StoreKey, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row};

/// The row of one key. A key without a row has a free lease and nothing unsettled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct LeaseRow {
    claim: Claim,
    unsettled: u32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Claim {
    Free,
    Leased { holder: HolderId, term: Term },
    Paused { term: Term },
}

/// A stretch of wall time that begins when it is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Term {
    ends_at: Timestamp,
    length: Duration,
}

impl LeaseRow {
    const FREE: Self = Self { claim: Claim::Free, unsettled: 0 };

    /// Reads the row of `key`, and lets `change` work on it as it is at `now`.
    pub(crate) fn update<T>(
        connection: &Connection,
        key: &StoreKey,
        now: Timestamp,
        change: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let found = Self::select(connection, key)?;
        let mut row = found.unwrap_or(Self::FREE);
        row.settle(now);
        let result = change(&mut row)?;
        if row != found.unwrap_or(Self::FREE) {
            row.replace(connection, key)?;
        }
        Ok(result)
    }

    /// Attempts that nobody finished.
    pub(crate) fn unsettled(&self) -> u32 {
        self.unsettled
    }

    /// Why `holder` cannot have the lease now, if it cannot.
    pub(crate) fn refusal(&self, holder: HolderId, now: Timestamp) -> Option<Lease> {
        match self.claim {
            Claim::Leased { holder: other, term } if other != holder => {
                Some(Lease::Held { remaining: term.remaining(now) })
            }
            Claim::Paused { term } => Some(Lease::Paused { remaining: term.remaining(now) }),
            Claim::Free | Claim::Leased { .. } => None,
        }
    }

    pub(crate) fn grant(&mut self, holder: HolderId, ttl: Duration, now: Timestamp) {
        self.claim = Claim::Leased { holder, term: Term::new(ttl, now) };
    }

    pub(crate) fn renew(&mut self, holder: HolderId, ttl: Duration, now: Timestamp) -> Renewal {
        if !self.is_leased_by(holder) {
            return Renewal::Lost;
        }
        self.grant(holder, ttl, now);
        Renewal::Done
    }

    pub(crate) fn release(&mut self, holder: HolderId, release: Release, now: Timestamp) {
        if !self.is_leased_by(holder) {
            return;
        }
        self.unsettled = self.unsettled.saturating_add(release.unsettled.into());
        self.claim = Claim::Paused { term: Term::new(release.pause, now) };
        self.settle(now); // A pause of no time is over at once.
    }

    fn is_leased_by(&self, holder: HolderId) -> bool {
        matches!(self.claim, Claim::Leased { holder: current, .. } if current == holder)
    }

    /// Ends what time has ended. A lease that ended by itself is an attempt whose outcome nobody learned.
    fn settle(&mut self, now: Timestamp) {
        match &mut self.claim {
            Claim::Leased { term, .. } if term.is_over(now) => {
                self.unsettled = self.unsettled.saturating_add(1);
                self.claim = Claim::Free;
            }
            Claim::Paused { term } if term.is_over(now) => self.claim = Claim::Free,
            Claim::Leased { term, .. } | Claim::Paused { term } => term.shorten(now),
            Claim::Free => {}
        }
    }

    fn select(connection: &Connection, key: &StoreKey) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached("SELECT unsettled, holder, ends_at_unix_ms, length_ms FROM leases WHERE key = ?1")?
            .query_row([key.as_bytes()], Self::from_row)
            .optional()
    }

    fn replace(self, connection: &Connection, key: &StoreKey) -> rusqlite::Result<()> {
        let (holder, term) = match self.claim {
            Claim::Free => (None, None),
            Claim::Leased { holder, term } => (Some(holder.as_u128().to_be_bytes()), Some(term)),
            Claim::Paused { term } => (None, Some(term)),
        };
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO leases (key, unsettled, holder, ends_at_unix_ms, length_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((
                key.as_bytes(),
                self.unsettled,
                holder,
                term.map(|term| term.ends_at.as_unix_millis()),
                term.map(|term| i64::try_from(term.length.as_millis()).unwrap_or(i64::MAX)),
            ))?;
        Ok(())
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let holder: Option<[u8; 16]> = row.get(1)?;
        let ends_at: Option<i64> = row.get(2)?;
        let length: Option<i64> = row.get(3)?;
        let term = ends_at.zip(length).map(|(ends_at, length)| Term {
            ends_at: Timestamp::from_unix_millis(ends_at),
            length: Duration::from_millis(length.unsigned_abs()),
        });
        Ok(Self {
            unsettled: row.get(0)?,
            claim: match (holder, term) {
                (Some(holder), Some(term)) => {
                    Claim::Leased { holder: HolderId::from_u128(u128::from_be_bytes(holder)), term }
                }
                (None, Some(term)) => Claim::Paused { term },
                (_, None) => Claim::Free,
            },
        })
    }
}

impl Term {
    fn new(length: Duration, now: Timestamp) -> Self {
        Self { ends_at: now + length, length }
    }

    fn is_over(self, now: Timestamp) -> bool {
        self.ends_at <= now
    }

    fn remaining(self, now: Timestamp) -> Duration {
        self.ends_at.saturating_since(now)
    }

    /// If more remains than ever was, the wall clock was set back: then at most the whole length remains from now on.
    fn shorten(&mut self, now: Timestamp) {
        if self.remaining(now) > self.length {
            *self = Self::new(self.length, now);
        }
    }
}
