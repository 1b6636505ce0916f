//! macOS: the user's login keychain.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use apple_native_keyring_store::keychain::Store;
use keyring_core::{CredentialStore, Entry, Result};
use oidc_session_core::StoreErrorKind;

/// Apple names no limit. macOS asks the user for each entry that another program made, so there should be few.
pub(crate) const LARGEST_ENTRY: usize = 64 * 1024;

pub(crate) const WITHOUT_A_STORE: &str =
    "there is no login keychain: make one in Keychain Access, or use another store, such as a file or SQLite";

pub(crate) fn connect() -> Result<Arc<CredentialStore>> {
    Ok(Store::new()?)
}

/// Keychain Access shows the service name; the interface takes no label.
pub(crate) fn description(_: &str) -> HashMap<&str, &str> {
    HashMap::new()
}

pub(crate) fn search(service: &str) -> HashMap<String, String> {
    HashMap::from([("service".to_owned(), service.to_owned())])
}

pub(crate) fn name_of(entry: &Entry, _: &str) -> Result<Option<String>> {
    Ok(entry.get_specifiers().map(|(_, user)| user))
}

/// What a failure means, where it is not what it seems. The numbers are those of `SecBase.h`.
pub(crate) fn kind_of(cause: &(dyn Error + 'static)) -> Option<StoreErrorKind> {
    match cause.downcast_ref::<security_framework::base::Error>()?.code() {
        -128 // errSecUserCanceled
        | -25_293 // errSecAuthFailed
        | -25_308 // errSecInteractionNotAllowed
        | -25_315 // errSecInteractionRequired
        => Some(StoreErrorKind::Denied),
        -25_294 // errSecNoSuchKeychain
        | -25_295 // errSecInvalidKeychain
        | -25_307 // errSecNoDefaultKeychain
        => Some(StoreErrorKind::Misconfigured),
        _ => None,
    }
}

/// An entry is found and read at once.
pub(crate) fn means_gone(_: &(dyn Error + 'static)) -> bool {
    false
}

pub(crate) fn folder() -> Option<PathBuf> {
    Some(env::home_dir()?.join("Library/Application Support"))
}
