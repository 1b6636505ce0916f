//! [`Vault`]: the entries of one service in the secret store.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyring_core::{CredentialStore, Entry, Error};
use oidc_session_core::{StoreError, StoreErrorKind};
use zeroize::Zeroizing;

use crate::error::{from_first_connection, from_keyring};
use crate::name::EntryName;
use crate::platform;

/// The entries of one service. Every call blocks, perhaps until the user has answered a prompt.
///
/// A connection that fails is given up, and the next call makes another: so a secret store may be restarted.
pub(crate) struct Vault {
    service: String,
    connect: Box<Connect>,
    connection: Mutex<Option<Arc<CredentialStore>>>,
}

type Connect = dyn Fn() -> keyring_core::Result<Arc<CredentialStore>> + Send + Sync;

impl Vault {
    /// Connects, so that a machine without a secret store is noticed at once.
    pub(crate) fn open(
        service: String,
        connect: impl Fn() -> keyring_core::Result<Arc<CredentialStore>> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let first = connect().map_err(|error| from_first_connection("open the secret store", &error))?;
        Ok(Self { service, connect: Box::new(connect), connection: Mutex::new(Some(first)) })
    }

    pub(crate) fn service(&self) -> &str {
        &self.service
    }

    pub(crate) fn read(&self, doing: &'static str, name: EntryName) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        self.connected(doing, |store| {
            let text = unless_gone(self.entry(store, name)?.get_secret())?;
            Ok(text.map(Zeroizing::new))
        })
    }

    /// Makes the entry, or replaces what is in it.
    ///
    /// The content is text, whatever the platform: KWallet keeps nothing else.
    pub(crate) fn write(&self, doing: &'static str, name: EntryName, text: &[u8]) -> Result<(), StoreError> {
        self.connected(doing, |store| self.entry(store, name)?.set_secret(text))
    }

    /// Deletes the entry. One that is not there is as good as deleted.
    pub(crate) fn delete(&self, doing: &'static str, name: EntryName) -> Result<(), StoreError> {
        self.connected(doing, |store| unless_gone(self.entry(store, name)?.delete_credential()).map(drop))
    }

    /// The names of all entries that this crate made for the service.
    pub(crate) fn names(&self, doing: &'static str) -> Result<Vec<EntryName>, StoreError> {
        self.connected(doing, |store| {
            let spec = platform::search(&self.service);
            let spec = spec.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let mut names = Vec::new();
            for entry in store.search(&spec)? {
                let name = unless_gone(platform::name_of(&entry, &self.service))?.flatten();
                names.extend(name.as_deref().and_then(EntryName::parse));
            }
            Ok(names)
        })
    }

    fn entry(&self, store: &CredentialStore, name: EntryName) -> keyring_core::Result<Entry> {
        let label = name.label(&self.service);
        store.build(&self.service, &name.to_string(), Some(&platform::description(&label)))
    }

    fn connected<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&CredentialStore) -> keyring_core::Result<T>,
    ) -> Result<T, StoreError> {
        let store = self.connection(doing)?;
        work(&*store).map_err(|error| {
            let error = from_keyring(doing, &error);
            if error.kind() == StoreErrorKind::Unavailable {
                self.give_up(&store);
            }
            error
        })
    }

    fn connection(&self, doing: &'static str) -> Result<Arc<CredentialStore>, StoreError> {
        let mut connection = self.lock();
        if let Some(store) = &*connection {
            return Ok(Arc::clone(store));
        }
        let store = (self.connect)().map_err(|error| from_keyring(doing, &error))?;
        Ok(Arc::clone(connection.insert(store)))
    }

    fn give_up(&self, failed: &Arc<CredentialStore>) {
        let mut connection = self.lock();
        if connection.as_ref().is_some_and(|store| Arc::ptr_eq(store, failed)) {
            *connection = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<CredentialStore>>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nothing, if there is no such entry, or if it was deleted between finding and reading it.
fn unless_gone<T>(result: keyring_core::Result<T>) -> keyring_core::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(Error::NoEntry) => Ok(None),
        Err(Error::PlatformFailure(cause)) if platform::means_gone(&*cause) => Ok(None),
        Err(error) => Err(error),
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("service", &self.service).finish_non_exhaustive()
    }
}
