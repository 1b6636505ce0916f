//! What SQLite's and the file system's errors mean to a caller.

use std::io;

use oidc_session_core::{StoreError, StoreErrorKind};
use rusqlite::ErrorCode;

/// SQLite's messages name tables and statements, never the values bound to them, so they may be told.
pub(crate) fn from_sqlite(doing: &'static str, error: rusqlite::Error) -> StoreError {
    let code = match &error {
        rusqlite::Error::SqliteFailure(failure, _) => Some(failure.code),
        rusqlite::Error::SqlInputError { error, .. } => Some(error.code),
        _ => None,
    };
    let kind = match code {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreErrorKind::Corrupt,
        Some(
            ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::AuthorizationForStatementDenied,
        ) => StoreErrorKind::Denied,
        // Locked for too long, a full disk, a failing disk.
        Some(_) => StoreErrorKind::Unavailable,
        // A row that is not of the form in which this crate writes rows.
        None => StoreErrorKind::Corrupt,
    };
    StoreError::new(kind, doing).because(error)
}

pub(crate) fn from_io(doing: &'static str, error: io::Error) -> StoreError {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreErrorKind::Denied,
        // Something on the way, or the file itself, is of the wrong kind.
        io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::NotFound
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::InvalidFilename => StoreErrorKind::Misconfigured,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, doing).because(error)
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn the_kind_says_what_the_caller_can_do() {
        for (code, kind) in [
            (ffi::SQLITE_BUSY, StoreErrorKind::Unavailable),
            (ffi::SQLITE_LOCKED, StoreErrorKind::Unavailable),
            (ffi::SQLITE_FULL, StoreErrorKind::Unavailable),
            (ffi::SQLITE_IOERR_FSYNC, StoreErrorKind::Unavailable),
            (ffi::SQLITE_READONLY, StoreErrorKind::Denied),
            (ffi::SQLITE_READONLY_DIRECTORY, StoreErrorKind::Denied),
            (ffi::SQLITE_CANTOPEN, StoreErrorKind::Denied),
            (ffi::SQLITE_PERM, StoreErrorKind::Denied),
            (ffi::SQLITE_CORRUPT, StoreErrorKind::Corrupt),
            (ffi::SQLITE_NOTADB, StoreErrorKind::Corrupt),
        ] {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            assert_eq!(from_sqlite("test", error).kind(), kind, "SQLite's code {code}");
        }
    }

    #[test]
    fn a_row_of_another_form_is_corrupt() {
        let error = rusqlite::Error::InvalidColumnType(0, "version".into(), rusqlite::types::Type::Null);
        assert_eq!(from_sqlite("test", error).kind(), StoreErrorKind::Corrupt);
    }
}
