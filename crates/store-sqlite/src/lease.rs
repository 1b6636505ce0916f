//! The row of a lease: [`LeaseState`] as the database remembers it.

use std::time::Duration;

use oidc_session_core::{HolderId, LeaseClaim, LeaseState, LeaseTerm, StoreKey, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row};

/// Reads the row of `key`, lets `change` work on it, and writes what became of it.
///
/// A key without a row has a free lease and nothing unsettled.
pub(crate) fn update<T>(
    connection: &Connection,
    key: &StoreKey,
    change: impl FnOnce(&mut LeaseState) -> T,
) -> rusqlite::Result<T> {
    let found = select(connection, key)?.unwrap_or(LeaseState::FREE);
    let mut state = found;
    let result = change(&mut state);
    if state != found {
        replace(connection, key, state)?;
    }
    Ok(result)
}

fn select(connection: &Connection, key: &StoreKey) -> rusqlite::Result<Option<LeaseState>> {
    connection
        .prepare_cached("SELECT unsettled, holder, ends_at_unix_ms, length_ms FROM leases WHERE key = ?1")?
        .query_row([key.as_bytes()], from_row)
        .optional()
}

fn replace(connection: &Connection, key: &StoreKey, state: LeaseState) -> rusqlite::Result<()> {
    let (holder, term) = match state.claim {
        LeaseClaim::Free => (None, None),
        LeaseClaim::Leased { holder, term } => (Some(holder.as_u128().to_be_bytes()), Some(term)),
        LeaseClaim::Paused { term } => (None, Some(term)),
    };
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO leases (key, unsettled, holder, ends_at_unix_ms, length_ms)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((
            key.as_bytes(),
            state.unsettled,
            holder,
            term.map(|term| term.ends_at.as_unix_millis()),
            term.map(|term| i64::try_from(term.length.as_millis()).unwrap_or(i64::MAX)),
        ))?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<LeaseState> {
    let holder: Option<[u8; 16]> = row.get(1)?;
    let ends_at: Option<i64> = row.get(2)?;
    let length: Option<i64> = row.get(3)?;
    let term = ends_at.zip(length).map(|(ends_at, length)| LeaseTerm {
        ends_at: Timestamp::from_unix_millis(ends_at),
        length: Duration::from_millis(length.unsigned_abs()),
    });
    Ok(LeaseState {
        unsettled: row.get(0)?,
        claim: match (holder, term) {
            (Some(holder), Some(term)) => {
                LeaseClaim::Leased { holder: HolderId::from_u128(u128::from_be_bytes(holder)), term }
            }
            (None, Some(term)) => LeaseClaim::Paused { term },
            (_, None) => LeaseClaim::Free,
        },
    })
}
