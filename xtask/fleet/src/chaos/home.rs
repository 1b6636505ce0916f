//! How every process of a run opens the sessions.

use std::sync::Arc;

use oidc_session::{
    FileStore, KeyRing, Oidc, PostgresStore, Preemptive, Provider, RedisStore, SessionManager, SessionStore,
    SqliteStore, StoreError,
};

use super::line::Setup;
use super::options::{Kind, times};
use crate::Result;
use crate::home::CLIENT_ID;

/// A manager of its own over what everybody shares.
pub(crate) fn open(setup: &Setup, provider: impl Provider, store: impl SessionStore) -> Result<SessionManager> {
    let builder = SessionManager::builder(provider, store)
        .policy(Preemptive::skew(times::SKEW))
        .lease(times::LEASE)
        .store_budget(times::STORE)
        .confirm_after(times::CONFIRM)
        .seal_with(KeyRing::from_json(&setup.keys)?);
    Ok(builder.build()?)
}

/// The provider.
pub(crate) fn provider(setup: &Setup) -> Result<Oidc> {
    let builder = Oidc::builder(&setup.issuer, CLIENT_ID).request_budget(times::REQUEST);
    Ok(if setup.window { builder.reuse_window(times::WINDOW) } else { builder }.build()?)
}

/// The store.
pub(crate) async fn store(setup: &Setup) -> std::result::Result<Arc<dyn SessionStore>, StoreError> {
    let Setup { address, place, .. } = setup;
    Ok(match setup.kind {
        Kind::Sqlite => Arc::new(SqliteStore::open(address).await?),
        Kind::File => Arc::new(FileStore::open(address).await?),
        Kind::Redis => Arc::new(RedisStore::builder(address).prefix(place).connect().await?),
        Kind::Postgres => {
            Arc::new(PostgresStore::builder(address).schema(place).pool_size(times::CONNECTIONS).connect().await?)
        }
    })
}
