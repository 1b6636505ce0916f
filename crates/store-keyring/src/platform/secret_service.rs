//! Linux and the BSDs: the Secret Service of the desktop, such as gnome-keyring or KWallet, over D-Bus.
//!
//! Source: <https://specifications.freedesktop.org/secret-service/latest/>.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use keyring_core::{CredentialStore, Entry, Result};
use oidc_session_core::StoreErrorKind;
use zbus_secret_service_keyring_store::Store;

/// The specification names no limit. With this one nearly every record fits into one entry, and a lease stays cheap.
pub(crate) const LARGEST_ENTRY: usize = 64 * 1024;

pub(crate) const WITHOUT_A_STORE: &str = "no secret service answers on the D-Bus session bus: start one, such as \
     gnome-keyring or KWallet, or use another store, such as a file or SQLite";

/// A connection of its own: the default one of the process is the program's.
pub(crate) fn connect() -> Result<Arc<CredentialStore>> {
    Ok(Store::new()?)
}

pub(crate) fn description(label: &str) -> HashMap<&str, &str> {
    HashMap::from([("label", label)])
}

pub(crate) fn search(service: &str) -> HashMap<String, String> {
    HashMap::from([("service".to_owned(), service.to_owned())])
}

pub(crate) fn name_of(entry: &Entry, _: &str) -> Result<Option<String>> {
    Ok(entry.get_attributes()?.remove("username"))
}

/// What a failure means, where it is not what it seems.
pub(crate) fn kind_of(cause: &(dyn Error + 'static)) -> Option<StoreErrorKind> {
    match cause.downcast_ref()? {
        secret_service::Error::Locked | secret_service::Error::Prompt => Some(StoreErrorKind::Denied),
        // There is a service, but nobody ever made a default collection.
        secret_service::Error::NoResult => Some(StoreErrorKind::Misconfigured),
        error if answers(error, "org.freedesktop.Secret.Error.IsLocked") => Some(StoreErrorKind::Denied),
        _ => Some(StoreErrorKind::Unavailable),
    }
}

/// Whether an entry went away after it was found.
pub(crate) fn means_gone(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref().is_some_and(|error| answers(error, "org.freedesktop.Secret.Error.NoSuchObject"))
}

/// Whether the service answered with the D-Bus error of that name, which its text begins with.
fn answers(error: &secret_service::Error, name: &str) -> bool {
    matches!(error, secret_service::Error::Zbus(error) if error.to_string().starts_with(name))
}

/// Where this user's state lives: <https://specifications.freedesktop.org/basedir-spec/latest/>.
///
/// Not the runtime folder: a lock must not be tidied away while it is held.
pub(crate) fn folder() -> Option<PathBuf> {
    let named = env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    named.or_else(|| Some(env::home_dir()?.join(".local/state")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dismissed_prompt_is_a_refusal() {
        assert_eq!(kind_of(&secret_service::Error::Prompt), Some(StoreErrorKind::Denied));
        assert_eq!(kind_of(&secret_service::Error::Locked), Some(StoreErrorKind::Denied));
        assert_eq!(kind_of(&secret_service::Error::NoResult), Some(StoreErrorKind::Misconfigured));
        assert_eq!(kind_of(&secret_service::Error::PromptDisconnected), Some(StoreErrorKind::Unavailable));
        assert_eq!(kind_of(&std::io::Error::other("something else")), None);
    }
}
