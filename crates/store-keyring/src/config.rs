//! [`KeyringStoreBuilder`]: the settings.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{Clock, StoreError, StoreErrorKind, SystemClock};
use tokio::sync::oneshot;

use crate::KeyringStore;
use crate::calls::{Calls, Line, Patience, wait};
use crate::error::from_io;
use crate::lock_file::LockFile;
use crate::platform;
use crate::records::{EntrySizes, Records};
use crate::vault::Vault;

const OPEN: &str = "open the secret store";

/// The settings of a [`KeyringStore`].
///
/// ```no_run
/// use std::time::Duration;
/// use oidc_session_store_keyring::KeyringStore;
///
/// # async fn example() -> Result<(), oidc_session_core::StoreError> {
/// let store = KeyringStore::builder("my-program")
///     .busy_timeout(Duration::from_secs(2))
///     .open()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct KeyringStoreBuilder {
    service: String,
    lock_folder: Option<PathBuf>,
    patience: Patience,
    clock: Arc<dyn Clock>,
    sizes: EntrySizes,
}

impl KeyringStoreBuilder {
    /// The longest service name, in bytes.
    pub const MAX_SERVICE_LENGTH: usize = 64;

    pub(crate) fn new(service: String) -> Self {
        Self {
            service,
            lock_folder: None,
            patience: Patience { busy: Duration::from_secs(5), answer: Duration::from_secs(60) },
            clock: Arc::new(SystemClock),
            sizes: EntrySizes { head: platform::LARGEST_ENTRY, chunk: platform::LARGEST_ENTRY },
        }
    }

    /// Where the lock file is: the same folder for **all** processes that share the service name, on a local disk.
    ///
    /// By default the folder `oidc-session` where the user's state lives: `$XDG_STATE_HOME` or `~/.local/state` on
    /// Linux, `~/Library/Application Support` on macOS, `%LOCALAPPDATA%` on Windows. Name one if some of the processes
    /// see another home folder than others, or none.
    #[must_use]
    pub fn lock_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.lock_folder = Some(folder.into());
        self
    }

    /// How long a call waits while another process writes, before it fails as unavailable. Five seconds by default.
    #[must_use]
    pub fn busy_timeout(mut self, busy_timeout: Duration) -> Self {
        self.patience.busy = busy_timeout;
        self
    }

    /// How long a call waits for the secret store, before it fails as unavailable. One minute by default: the secret
    /// store may be asking its user for a password.
    #[must_use]
    pub fn answer_timeout(mut self, answer_timeout: Duration) -> Self {
        self.patience.answer = answer_timeout;
        self
    }

    /// The clock of the leases, for tests. All processes that share the entries must agree on the time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How long the text in one entry may be, in bytes, for tests: that of a head which holds its record, and that of a
    /// chunk. By default what the platform allows. Heads that name chunks take up to half a KiB in any case.
    #[doc(hidden)]
    #[must_use]
    pub fn entry_sizes(mut self, head: usize, chunk: usize) -> Self {
        self.sizes = EntrySizes { head, chunk: chunk.max(1) };
        self
    }

    /// Connects to the secret store of the user.
    ///
    /// Needs a Tokio runtime with time. Fails as *misconfigured* if there is no secret store (with a cause that says
    /// what to do), if the service name will not do, or if there is no place for the lock file; as *denied* if the user
    /// refuses; as *unavailable* if the secret store does not answer.
    pub async fn open(self) -> Result<KeyringStore, StoreError> {
        let Self { service, lock_folder, patience, clock, sizes } = self;
        check(&service)?;
        let connecting = move || {
            let folder = lock_folder.or_else(|| Some(platform::folder()?.join("oidc-session"))).ok_or_else(|| {
                StoreError::new(StoreErrorKind::Misconfigured, OPEN)
                    .because("there is no home folder: name a lock folder")
            })?;
            let lock = LockFile::create(&folder, &service).map_err(|error| from_io(OPEN, error))?;
            let vault = Vault::open(service, platform::connect)?;
            Ok::<_, StoreError>(Calls::new(Records::new(vault, sizes), lock, patience))
        };
        let (answer, answered) = oneshot::channel();
        let turn = Line::default().turn(OPEN, patience.answer).await?;
        turn.start(OPEN, || {
            let _ = answer.send(connecting());
        })?;
        let calls = wait(OPEN, patience.answer, answered).await??;
        Ok(KeyringStore::new(calls, clock))
    }
}

/// Names that mean the same as an attribute, as the name of a file, and where capital letters do not count.
fn check(service: &str) -> Result<(), StoreError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    let begins_well = service.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if begins_well && service.len() <= KeyringStoreBuilder::MAX_SERVICE_LENGTH && service.bytes().all(allowed) {
        return Ok(());
    }
    Err(StoreError::new(StoreErrorKind::Misconfigured, OPEN)
        .because("a service name has 1 to 64 of a-z, 0-9, `-`, `_` and `.`, and begins with a letter or a digit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_names_are_checked() {
        for good in ["a", "my-program", "com.example.program_2", "0ad", &"x".repeat(64)] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", ".hidden", "-x", "My-Program", "a/b", "a b", "a\0", "é", &"x".repeat(65)] {
            assert_eq!(check(bad).unwrap_err().kind(), StoreErrorKind::Misconfigured, "{bad}");
        }
    }
}
