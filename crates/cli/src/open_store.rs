//! [`OpenStore`]: an open store, and the seal of its records.

use std::sync::Arc;

use oidc_session_core::{Custody, List, SessionId, SessionStore as _, StoreKey, Timestamp};
use oidc_session_sealing::{Address, KeyRing, Seal};

use crate::failure::Failure;

/// An open store, and the seal of its records.
#[derive(Clone, Debug)]
pub(crate) struct OpenStore {
    pub(crate) store: Arc<dyn List>,
    pub(crate) seal: Seal,
}

impl OpenStore {
    /// Seals as fits the store: with the key ring beside the data, which is made if there is none.
    pub(crate) fn sealed_by_custody(store: Arc<dyn List>, now: Timestamp) -> Result<Self, Failure> {
        let seal = match store.custody() {
            Custody::Process | Custody::OperatingSystem => Seal::none(),
            Custody::Folder(folder) => {
                let beside = KeyRing::beside(&folder, now)?;
                if beside.made {
                    eprintln!("made the key ring {}: it opens the sessions beside it", beside.path.display());
                }
                Seal::with(beside.ring)
            }
            _ => return Err(Failure::misconfigured("a store on a server needs a key ring")),
        };
        Ok(Self { store, seal })
    }

    /// Where the session of this id is kept.
    pub(crate) fn address(&self, id: &SessionId) -> Address {
        self.seal.address(id)
    }

    /// What the store calls the session of this id.
    pub(crate) fn key(&self, id: &SessionId) -> StoreKey {
        self.address(id).key
    }
}
