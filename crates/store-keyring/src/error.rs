//! What the secret store's and the file system's errors mean to a caller.

use std::io;

use keyring_core::Error;
use oidc_session_core::{StoreError, StoreErrorKind};

use crate::platform;

/// What makes a head or its chunks unreadable. Says what to do, and quotes nothing.
pub(crate) const DAMAGED: &str =
    "an entry is damaged or not ours: restore it, or delete it in the password manager and sign in again";

/// An entry, a search or a connection that failed.
///
/// The errors of the secret store go on as text: as values, some of them hold the secret that could not be decoded.
pub(crate) fn from_keyring(doing: &'static str, error: &Error) -> StoreError {
    let (kind, cause) = match error {
        Error::PlatformFailure(cause) => {
            (platform::kind_of(&**cause).unwrap_or(StoreErrorKind::Unavailable), error.to_string())
        }
        Error::NoStorageAccess(cause) => {
            (platform::kind_of(&**cause).unwrap_or(StoreErrorKind::Denied), error.to_string())
        }
        Error::BadEncoding(_) | Error::BadDataFormat(..) | Error::BadStoreFormat(_) => {
            (StoreErrorKind::Corrupt, DAMAGED.to_owned())
        }
        Error::Ambiguous(entries) => (
            StoreErrorKind::Misconfigured,
            format!("{} entries have the same name: delete all but one in the password manager", entries.len()),
        ),
        Error::NoEntry => (StoreErrorKind::Unavailable, "the entry went away".to_owned()),
        // What this crate asks for does not fit this secret store.
        other => (StoreErrorKind::Misconfigured, other.to_string()),
    };
    StoreError::new(kind, doing).because(cause)
}

/// The first connection failed: whatever it is, it will not go away by itself.
pub(crate) fn from_first_connection(doing: &'static str, error: &Error) -> StoreError {
    let known = from_keyring(doing, error);
    if known.kind() == StoreErrorKind::Denied {
        return known;
    }
    StoreError::new(StoreErrorKind::Misconfigured, doing).because(format!("{} ({error})", platform::WITHOUT_A_STORE))
}

pub(crate) fn from_io(doing: &'static str, error: io::Error) -> StoreError {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreErrorKind::Denied,
        // Something on the way, or the file itself, is of the wrong kind, or the file system has no locks.
        io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::NotFound
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::InvalidFilename
        | io::ErrorKind::Unsupported => StoreErrorKind::Misconfigured,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, doing).because(error)
}

pub(crate) fn damaged(doing: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, doing).because(DAMAGED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_says_what_the_caller_can_do() {
        for (error, kind) in [
            (Error::PlatformFailure("gone".into()), StoreErrorKind::Unavailable),
            (Error::NoStorageAccess("locked".into()), StoreErrorKind::Denied),
            (Error::BadEncoding(b"secret".to_vec()), StoreErrorKind::Corrupt),
            (Error::BadDataFormat(b"secret".to_vec(), "bad".into()), StoreErrorKind::Corrupt),
            (Error::Ambiguous(Vec::new()), StoreErrorKind::Misconfigured),
            (Error::TooLong("secret".into(), 2560), StoreErrorKind::Misconfigured),
            (Error::NoDefaultStore, StoreErrorKind::Misconfigured),
        ] {
            assert_eq!(from_keyring("test", &error).kind(), kind, "{error}");
        }
    }

    #[test]
    fn an_error_quotes_no_secret() {
        for error in [Error::BadEncoding(vec![0x53; 9]), Error::BadDataFormat(vec![0x53; 9], "bad".into())] {
            let told = format!("{:?}", from_keyring("test", &error));
            assert!(!told.contains("83, 83"), "{told}");
        }
    }

    #[test]
    fn whoever_has_no_secret_store_is_told_what_to_do() {
        let error = from_first_connection("open the secret store", &Error::PlatformFailure("nobody there".into()));
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured);
        let told = format!("{error:?}");
        assert!(told.contains("use another store"), "{told}");
        let refused = from_first_connection("open the secret store", &Error::NoStorageAccess("dismissed".into()));
        assert_eq!(refused.kind(), StoreErrorKind::Denied);
    }
}
