//! [`OpenStore`]: an open store, and the seal of its records.

use std::sync::Arc;

use oidc_session_core::{List, SessionId, SessionState, SessionStore as _, StoreKey, Sweep, Walk, Walked};
use oidc_session_sealing::Seal;

use crate::context::Context;
use crate::failure::Failure;
use crate::key_source::KeySource;
use crate::store_url::StoreUrl;

/// An open store, and the seal of its records.
#[derive(Clone, Debug)]
pub(crate) struct OpenStore {
    pub(crate) store: Arc<dyn List>,
    pub(crate) seal: Seal,
}

/// An open store of any kind.
#[derive(Clone, Debug)]
pub(crate) struct AnyStore {
    pub(crate) list: Arc<dyn List>,
    /// `None` if the server itself drops what has passed its time.
    pub(crate) sweep: Option<Arc<dyn Sweep>>,
}

impl AnyStore {
    /// A store that is swept.
    pub(crate) fn swept<S: List + Sweep>(store: S) -> Self {
        let store = Arc::new(store);
        Self { list: store.clone(), sweep: Some(store) }
    }
}

impl OpenStore {
    /// Opens a store, and finds the keys of its records.
    pub(crate) async fn open(url: StoreUrl, keys: &KeySource, context: &Context) -> Result<Self, Failure> {
        let store = url.open().await?.list;
        if let Some(ring) = keys.missing_file(&store.custody())
            && holds_sealed(&*store).await
            // Whoever stores the first session at this moment has made the ring before.
            && keys.missing_file(&store.custody()).is_some()
        {
            let ring = ring.display();
            return Err(Failure::misconfigured(format!("the sessions of this store are sealed, and {ring} is missing"))
                .reason("no_key_ring")
                .hint(format!(
                    "put their key ring back, or name it with --keys FILE; to do without these sessions: oidc-session keys generate {ring}"
                )));
        }
        let seal = keys.seal(&store.custody(), context.clock.now(), context.output)?;
        Ok(Self { store, seal })
    }

    /// Whether there is a session of this id that was stored before there was a key ring.
    pub(crate) async fn holds_it_unsealed(&self, id: &SessionId) -> Result<bool, Failure> {
        if self.seal.key_ring().is_none() {
            return Ok(false);
        }
        let Some(stored) = self.store.load(&id.store_key()).await? else { return Ok(false) };
        Ok(matches!(stored.record.decode(), Ok(SessionState::Active(_))))
    }

    /// What the store calls the session of this id.
    pub(crate) fn key(&self, id: &SessionId) -> StoreKey {
        self.seal.address(id).key
    }
}

/// Whether there is a record that takes a key ring to be read. What cannot be read at all is told when it is needed.
async fn holds_sealed(store: &dyn List) -> bool {
    let mut records = Walk::over(store);
    while let Ok(Some(walked)) = records.next().await {
        if let Walked::Record { stored, .. } = walked
            && stored.record.sealed_payload().is_some()
        {
            return true;
        }
    }
    false
}
