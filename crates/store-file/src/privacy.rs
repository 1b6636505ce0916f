//! Whose files and folders are, and who else may touch them.

use std::fs::Metadata;
use std::path::Path;

use oidc_session_core::StoreErrorKind;

use crate::error::Trouble;

/// Whom a file belongs to. On Windows nobody looks: files inherit the access list of the folder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Owner(u32);

#[cfg(unix)]
impl Owner {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self(std::os::unix::fs::MetadataExt::uid(metadata))
    }
}

#[cfg(not(unix))]
impl Owner {
    pub(crate) fn of(_: &Metadata) -> Self {
        Self(0)
    }
}

/// Refuses a folder in which somebody else could have put files, or could replace them.
#[cfg(unix)]
pub(crate) fn nobody_else_writes_to(folder: &Metadata) -> Result<(), Trouble> {
    if mode(folder) & 0o022 == 0 {
        return Ok(());
    }
    Err(Trouble::refused(
        StoreErrorKind::Misconfigured,
        "others can write to the folder; see that nobody has put files there, and take it from them with `chmod 700`",
    ))
}

#[cfg(not(unix))]
pub(crate) fn nobody_else_writes_to(_: &Metadata) -> Result<(), Trouble> {
    Ok(())
}

/// Takes a file or folder from everybody but its owner.
#[cfg(unix)]
pub(crate) fn make_private(path: &Path, metadata: &Metadata) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    if mode(metadata) & 0o077 == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode(metadata) & 0o700))
}

#[cfg(not(unix))]
pub(crate) fn make_private(_: &Path, _: &Metadata) -> std::io::Result<()> {
    Ok(())
}

/// Whether an open file is still the one of that name.
#[cfg(unix)]
pub(crate) fn is_same_file(open: &Metadata, named: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

#[cfg(not(unix))]
pub(crate) fn is_same_file(_: &Metadata, _: &Metadata) -> bool {
    true // Windows deletes no file that somebody has locked.
}

#[cfg(unix)]
fn mode(metadata: &Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions())
}
