//! Windows: the user's Credential Manager.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use keyring_core::{CredentialStore, Entry, Result};
use oidc_session_core::StoreErrorKind;
use windows_native_keyring_store::Store;

/// `CRED_MAX_CREDENTIAL_BLOB_SIZE`:
/// <https://learn.microsoft.com/en-us/windows/win32/api/wincred/ns-wincred-credentialw>.
pub(crate) const LARGEST_ENTRY: usize = 5 * 512;

pub(crate) const WITHOUT_A_STORE: &str =
    "there is no Credential Manager for this logon: use another store, such as a file or SQLite";

pub(crate) fn connect() -> Result<Arc<CredentialStore>> {
    Ok(Store::new()?)
}

/// On this machine only. The usual persistence roams to others, and no lock file goes with it.
pub(crate) fn description(_: &str) -> HashMap<&str, &str> {
    HashMap::from([("persistence", "Local")])
}

/// Every target of this service: its name, a dot, the service. Of what a service name may hold, only dots need care.
pub(crate) fn search(service: &str) -> HashMap<String, String> {
    HashMap::from([("pattern".to_owned(), format!("^[0-9a-f/]+\\.{}$", service.replace('.', "\\.")))])
}

/// From the target's name, because what the search makes of it splits a service name that has dots.
pub(crate) fn name_of(entry: &Entry, service: &str) -> Result<Option<String>> {
    let target = entry.get_attributes()?.remove("target_name");
    Ok(target.and_then(|target| Some(target.strip_suffix(service)?.strip_suffix('.')?.to_owned())))
}

pub(crate) fn kind_of(_: &(dyn Error + 'static)) -> Option<StoreErrorKind> {
    None
}

/// An entry is found and read at once.
pub(crate) fn means_gone(_: &(dyn Error + 'static)) -> bool {
    false
}

pub(crate) fn folder() -> Option<PathBuf> {
    let named = env::var_os("LOCALAPPDATA").map(PathBuf::from).filter(|path| path.is_absolute());
    named.or_else(|| Some(env::home_dir()?.join("AppData\\Local")))
}
