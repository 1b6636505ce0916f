//! What the server answers to whoever asks for a lease.

use std::time::Duration;

use oidc_session_core::{Lease, StoreError, StoreErrorKind};
use tokio_postgres::Row;

use crate::error::corrupt;
use crate::row::{column, stored};

/// More than any lease or pause, and few enough for the sums on the server.
const LONGEST_MS: i64 = i64::MAX / 4;

/// The time of a lease or a pause, in milliseconds.
pub(crate) fn length_ms(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).map_or(LONGEST_MS, |length| length.min(LONGEST_MS))
}

/// Reads the row of `try_lease`: version, record, refused, without a holder, remaining time, unsettled, damaged.
pub(crate) fn answer(doing: &'static str, row: Option<&Row>) -> Result<Lease, StoreError> {
    let Some(row) = row else {
        return Ok(Lease::Absent);
    };
    if column(doing, row, 6)? {
        return Err(corrupt(doing, "the row is not of the form in which this store writes rows"));
    }
    if column(doing, row, 2)? {
        let remaining = Duration::from_millis(column::<i64>(doing, row, 4)?.unsigned_abs());
        return Ok(if column(doing, row, 3)? { Lease::Paused { remaining } } else { Lease::Held { remaining } });
    }
    let Some(unsettled) = column::<Option<i32>>(doing, row, 5)? else {
        // Judged free and locked, and yet not taken: somebody's trigger or rule is in the way.
        return Err(StoreError::new(StoreErrorKind::Misconfigured, doing).because("the row could not be updated"));
    };
    let unsettled = u32::try_from(unsettled).map_err(|_| corrupt(doing, "a count is negative"))?;
    Ok(Lease::Granted { stored: stored(doing, row)?, unsettled })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_length_is_too_long_for_the_sums_on_the_server() {
        assert_eq!(length_ms(Duration::from_millis(400)), 400);
        assert_eq!(length_ms(Duration::MAX), LONGEST_MS);
        assert_eq!(length_ms(Duration::from_millis(u64::MAX)), LONGEST_MS);
    }
}
