//! The file that says that a folder is a store, and how it is laid out.

use oidc_session_core::StoreErrorKind;

use crate::error::Trouble;
use crate::folder::Folder;
use crate::name::Name;

/// Layout 1: a file per session, a lease file per session that somebody refreshes, and one lock for all.
const LAYOUT_1: &str = "oidc-session-store-file, layout 1\n";
const PREFIX: &str = "oidc-session-store-file, layout ";
const LONGEST: usize = 64;

/// Whether the folder is a store of this layout already. Looking changes nothing.
pub(crate) fn is_known(folder: &Folder) -> Result<bool, Trouble> {
    let Some(bytes) = folder.read(Name::Layout, LONGEST)? else {
        return Ok(false);
    };
    if bytes == LAYOUT_1.as_bytes() {
        return Ok(true);
    }
    let text = String::from_utf8_lossy(&bytes);
    let Some(layout) = text.strip_prefix(PREFIX) else {
        return Err(Trouble::refused(
            StoreErrorKind::Corrupt,
            "`oidc-session.layout` is not as it was written; remove it if the folder holds nothing but sessions",
        ));
    };
    let why = format!("a newer version of this program wrote the folder, with layout {}", layout.trim_end());
    Err(Trouble::refused(StoreErrorKind::Misconfigured, why))
}

/// Makes the folder a store. Whoever calls holds the lock.
pub(crate) fn write(folder: &Folder) -> Result<(), Trouble> {
    if is_known(folder)? { Ok(()) } else { folder.replace(Name::Layout, LAYOUT_1.as_bytes()) }
}
