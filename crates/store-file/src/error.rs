//! [`Trouble`]: what went wrong with a file, and what that means to a caller.

use std::io;

use oidc_session_core::{StoreError, StoreErrorKind};

use crate::frame::Unreadable;

/// What went wrong, before it is said what was being done.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The operating system said no. Its messages quote neither paths nor content.
    System(io::Error),
    /// We said no, with a sentence for whoever has to do something about it.
    Refused(StoreErrorKind, String),
}

impl Trouble {
    pub(crate) fn refused(kind: StoreErrorKind, why: impl Into<String>) -> Self {
        Self::Refused(kind, why.into())
    }

    /// `file` cannot be read back. Its name tells a digest of the session's name at most.
    pub(crate) fn unreadable(file: &str, why: Unreadable) -> Self {
        match why {
            Unreadable::Damaged => Self::refused(
                StoreErrorKind::Corrupt,
                format!("`{file}` is not as it was written; restore it, or move it away and sign in again"),
            ),
            Unreadable::Newer { format } => Self::refused(
                StoreErrorKind::Misconfigured,
                format!("`{file}` has format {format}, which a newer version of this program wrote"),
            ),
        }
    }

    pub(crate) fn kind(&self) -> StoreErrorKind {
        match self {
            Self::System(error) => kind_of(error),
            Self::Refused(kind, _) => *kind,
        }
    }

    /// The error of a call that was `doing` something.
    pub(crate) fn when(self, doing: &'static str) -> StoreError {
        let error = StoreError::new(self.kind(), doing);
        match self {
            Self::System(source) => error.because(source),
            Self::Refused(_, why) => error.because(why),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

fn kind_of(error: &io::Error) -> StoreErrorKind {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreErrorKind::Denied,
        // Something on the way is of the wrong kind, or the file system has no locks.
        io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::InvalidFilename
        | io::ErrorKind::Unsupported => StoreErrorKind::Misconfigured,
        // A full disk, a failing disk, a folder that is gone.
        _ => StoreErrorKind::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_says_what_the_caller_can_do() {
        for (error, kind) in [
            (io::ErrorKind::PermissionDenied, StoreErrorKind::Denied),
            (io::ErrorKind::ReadOnlyFilesystem, StoreErrorKind::Denied),
            (io::ErrorKind::StorageFull, StoreErrorKind::Unavailable),
            (io::ErrorKind::QuotaExceeded, StoreErrorKind::Unavailable),
            (io::ErrorKind::Other, StoreErrorKind::Unavailable),
            (io::ErrorKind::NotADirectory, StoreErrorKind::Misconfigured),
            (io::ErrorKind::Unsupported, StoreErrorKind::Misconfigured),
        ] {
            assert_eq!(Trouble::from(io::Error::from(error)).when("test").kind(), kind, "{error:?}");
        }
    }
}
