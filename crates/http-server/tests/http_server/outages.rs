//! What visitors notice of a store that cannot be reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};
use oidc_session_core::{
    Commit, Custody, Expected, HolderId, Lease, Release, Removal, Renewal, SessionStore, StoreError, StoreErrorKind,
    StoreKey, Stored, Timestamp, Version,
};
use oidc_session_store_memory::MemoryStore;

use crate::support::{Browser, World};

/// A store that can be cut off.
#[derive(Clone, Debug)]
struct Cut {
    store: Arc<MemoryStore>,
    is_cut: Arc<AtomicBool>,
}

impl Cut {
    fn reached(&self) -> Result<&MemoryStore, StoreError> {
        if self.is_cut.load(Ordering::Relaxed) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "reach the store"));
        }
        Ok(&self.store)
    }
}

#[async_trait]
impl SessionStore for Cut {
    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        self.reached()?.load(key).await
    }

    async fn commit(
        &self,
        key: &StoreKey,
        expected: Expected,
        next: &Stored,
        keep_until: Option<Timestamp>,
    ) -> Result<Commit, StoreError> {
        self.reached()?.commit(key, expected, next, keep_until).await
    }

    async fn remove(&self, key: &StoreKey, expected: Version) -> Result<Removal, StoreError> {
        self.reached()?.remove(key, expected).await
    }

    async fn try_lease(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Lease, StoreError> {
        self.reached()?.try_lease(key, holder, ttl).await
    }

    async fn renew(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Renewal, StoreError> {
        self.reached()?.renew(key, holder, ttl).await
    }

    async fn release(&self, key: &StoreKey, holder: HolderId, release: Release) -> Result<(), StoreError> {
        self.reached()?.release(key, holder, release).await
    }

    fn custody(&self) -> Custody {
        Custody::Process
    }
}

#[tokio::test]
async fn a_store_that_is_away_logs_nobody_out_by_accident_and_nobody_by_halves() {
    let world = World::new().await;
    let is_cut = Arc::new(AtomicBool::new(false));
    let store = Cut { store: Arc::clone(&world.store), is_cut: Arc::clone(&is_cut) };
    let process = world.process_over(store, |web| web);
    let mut browser = world.visitor(&process).await;
    let mut stranger = Browser::new();
    let callback = world.begin(&mut stranger, &process, "/auth/login").await;
    let token = world.server.logout_token("web-app", "alice", None);
    let tell = async || {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let body = format!("logout_token={token}");
        Browser::new().send(&process, Method::POST, "/auth/back-channel-logout", &headers, &body).await.status
    };

    is_cut.store(true, Ordering::Relaxed);
    assert_eq!(browser.get(&process, "/private").await.status, StatusCode::OK, "what is known still serves");
    let refused = browser.post(&process, "/auth/logout").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(browser.session().is_some(), "it takes the cookie to try again");
    assert_eq!(tell().await, StatusCode::SERVICE_UNAVAILABLE);
    let failed = stranger.get(&process, &callback).await;
    assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(stranger.session().is_none(), "no cookie for a session that is nowhere");

    is_cut.store(false, Ordering::Relaxed);
    assert_eq!(tell().await, StatusCode::OK, "what was not carried out may be sent again");
    assert_eq!(browser.get(&process, "/open").await.body, "ended: logged_out_elsewhere");
}
