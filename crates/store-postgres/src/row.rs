//! Reads rows, which anybody may have written.

use oidc_session_core::{Record, StoreError, StoreKey, Stored, Version};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::error::corrupt;

/// The first two columns of a row.
pub(crate) fn stored(doing: &'static str, row: &Row) -> Result<Stored, StoreError> {
    let version = u64::try_from(column::<i64>(doing, row, 0)?).map_err(|_| corrupt(doing, "a version is negative"))?;
    let Some(record) = column::<Option<&[u8]>>(doing, row, 1)? else {
        return Err(corrupt(doing, "a record is missing, or longer than any that this store writes"));
    };
    Ok(Stored { version: Version::from_u64(version), record: Record::from_bytes(record.to_vec()) })
}

pub(crate) fn key(doing: &'static str, row: &Row, index: usize) -> Result<StoreKey, StoreError> {
    let key = column::<&[u8]>(doing, row, index)?;
    key.try_into().map(StoreKey::from_bytes).map_err(|_| corrupt(doing, "a key has not 32 bytes"))
}

pub(crate) fn column<'a, T: FromSql<'a>>(doing: &'static str, row: &'a Row, index: usize) -> Result<T, StoreError> {
    row.try_get(index).map_err(|_| corrupt(doing, "a row is not of the form in which this store writes rows"))
}
