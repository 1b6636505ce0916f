//! How every process of the fleet opens the sessions: the same store, the same keys, the same authorization server.

use std::sync::Arc;
use std::time::Duration;

use oidc_session::{KeyRing, Oidc, PostgresStore, Preemptive, RedisStore, SessionManager, SessionStore, StoreError};

use crate::Result;
use crate::order::Setup;

/// The client, as the embedded authorization server knows it.
pub(crate) const CLIENT_ID: &str = "native-app";

/// A manager of its own over what everybody shares.
pub(crate) async fn open(setup: &Setup) -> Result<SessionManager> {
    let builder = SessionManager::builder(provider(setup)?, store(setup).await?)
        .policy(Preemptive::skew(Duration::from_secs(5)))
        .seal_with(KeyRing::from_json(&setup.keys)?);
    Ok(builder.build()?)
}

/// The provider.
pub(crate) fn provider(setup: &Setup) -> Result<Oidc> {
    Ok(Oidc::builder(&setup.issuer, CLIENT_ID).build()?)
}

async fn store(setup: &Setup) -> std::result::Result<Arc<dyn SessionStore>, StoreError> {
    let place = setup.place.iter();
    if setup.store_url.starts_with("redis") {
        let redis = place.fold(RedisStore::builder(&setup.store_url), |redis, place| redis.prefix(place));
        Ok(Arc::new(redis.connect().await?))
    } else {
        let postgres = place.fold(PostgresStore::builder(&setup.store_url), |postgres, place| postgres.schema(place));
        Ok(Arc::new(postgres.connect().await?))
    }
}
