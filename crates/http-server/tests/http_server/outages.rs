//! What visitors notice of a store that cannot be reached, or is slow at the wrong moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};
use oidc_session_core::{
    Commit, Custody, Expected, HolderId, Lease, Release, Removal, Renewal, SessionStore, StoreError, StoreErrorKind,
    StoreKey, Stored, Timestamp, Version,
};
use oidc_session_store_memory::MemoryStore;
use tokio::sync::Semaphore;

use crate::support::{Browser, Process, World};

/// A store that can be cut off, or hold one commit back.
#[derive(Clone, Debug)]
struct Cut {
    store: Arc<MemoryStore>,
    is_cut: Arc<AtomicBool>,
    /// How many commits go through before one is held. Nought: none is.
    until_held: Arc<AtomicUsize>,
    held: Arc<Semaphore>,
    goes_on: Arc<Semaphore>,
}

impl Cut {
    fn new(world: &World) -> Self {
        Self {
            store: Arc::clone(&world.store),
            is_cut: Arc::default(),
            until_held: Arc::default(),
            held: Arc::new(Semaphore::new(0)),
            goes_on: Arc::new(Semaphore::new(0)),
        }
    }

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
        let before = self.until_held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if before == Ok(1) {
            self.held.add_permits(1);
            self.goes_on.acquire().await.unwrap().forget();
        }
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
    let store = Cut::new(&world);
    let is_cut = Arc::clone(&store.is_cut);
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

#[tokio::test]
async fn a_logout_at_the_server_while_a_sign_in_is_being_stored_is_not_missed() {
    let world = World::new().await;
    let (there, store) = (world.process(), Cut::new(&world));
    let here = world.process_over(store.clone(), |web| web);
    let mut browser = Browser::new();
    let callback = world.begin(&mut browser, &here, "/auth/login").await;
    // Two notes, the one by `sid` and the one by `sub`; then the session itself.
    store.until_held.store(3, Ordering::Relaxed);
    let finishing = tokio::spawn(async move {
        let landed = browser.get(&here, &callback).await;
        (landed, browser)
    });
    store.held.acquire().await.unwrap().forget();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("logout_token={}", world.server.logout_token("web-app", "alice", None));
    let told = Browser::new().send(&there, Method::POST, "/auth/back-channel-logout", &headers, &body).await;
    assert_eq!(told.status, StatusCode::OK);
    store.goes_on.add_permits(1);
    let (landed, browser) = finishing.await.unwrap();
    assert_eq!(landed.status, StatusCode::BAD_REQUEST, "{}", landed.body);
    assert!(browser.session().is_none());
}

#[tokio::test]
async fn a_logout_that_the_store_broke_off_may_be_sent_again() {
    let world = World::new().await;
    let store = Cut::new(&world);
    let process = world.process_over(store.clone(), |web| web);
    let mut browser = world.visitor(&process).await;
    let token = world.server.logout_token("web-app", "alice", None);
    let tell = |process: Process| {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let body = format!("logout_token={token}");
        async move {
            let path = "/auth/back-channel-logout";
            Browser::new().send(&process, Method::POST, path, &headers, &body).await.status
        }
    };
    // After the tombstone, and before all is done.
    store.until_held.store(2, Ordering::Relaxed);
    let broken_off = tokio::spawn(tell(process.clone()));
    store.held.acquire().await.unwrap().forget();
    store.is_cut.store(true, Ordering::Relaxed);
    store.goes_on.add_permits(1);
    assert_eq!(broken_off.await.unwrap(), StatusCode::SERVICE_UNAVAILABLE);

    store.is_cut.store(false, Ordering::Relaxed);
    assert_eq!(tell(process.clone()).await, StatusCode::OK);
    assert_eq!(browser.get(&process, "/open").await.body, "ended: logged_out_elsewhere");
    assert_eq!(tell(process).await, StatusCode::BAD_REQUEST, "it has been acted on");
}
