//! Leases and `keep_until` are wall time, which can be set.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{
    Commit, Expected, HolderId, Lease, Record, Release, SessionStore as _, StoreKey, Stored, Sweep as _, Timestamp,
    Version,
};
use oidc_session_store_file::FileStore;
use oidc_session_testkit::ManualClock;
use tempfile::TempDir;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const ONE: HolderId = HolderId::from_u128(1);
const OTHER: HolderId = HolderId::from_u128(2);
const LEASE: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_clock_set_back_makes_no_lease_last_longer_than_its_time() {
    let scene = Scene::new().await;
    assert!(matches!(scene.lease(ONE).await, Lease::Granted { .. }));
    scene.clock.set_back(HOUR);
    assert_eq!(scene.lease(OTHER).await, Lease::Held { remaining: LEASE });
    scene.clock.advance(LEASE);
    assert_eq!(unsettled(scene.lease(OTHER).await), 1);
}

#[tokio::test]
async fn a_clock_set_back_makes_no_pause_last_longer_than_its_time() {
    let scene = Scene::new().await;
    assert_eq!(unsettled(scene.lease(ONE).await), 0);
    let release = Release { pause: LEASE, unsettled: false };
    scene.store.release(&KEY, ONE, release).await.unwrap();
    scene.clock.set_back(HOUR);
    assert_eq!(scene.lease(OTHER).await, Lease::Paused { remaining: LEASE });
    scene.clock.advance(LEASE);
    assert_eq!(unsettled(scene.lease(OTHER).await), 0);
}

#[tokio::test]
async fn a_clock_set_back_a_little_ends_no_lease() {
    let scene = Scene::new().await;
    assert_eq!(unsettled(scene.lease(ONE).await), 0);
    scene.clock.set_back(Duration::from_secs(1));
    assert!(matches!(scene.lease(OTHER).await, Lease::Held { .. }));
    assert_eq!(unsettled(scene.lease(ONE).await), 0);
}

#[tokio::test]
async fn a_clock_set_forward_ends_a_lease_and_loses_no_commit() {
    let scene = Scene::new().await;
    assert_eq!(unsettled(scene.lease(ONE).await), 0);
    scene.clock.set_forward(HOUR);
    assert_eq!(unsettled(scene.lease(OTHER).await), 1);
    let commit = scene.commit(Expected::At(scene.version)).await;
    assert_eq!(commit, Commit::Done, "the first holder knows the version");
}

#[tokio::test]
async fn a_suspended_machine_keeps_no_lease() {
    let scene = Scene::new().await;
    assert_eq!(unsettled(scene.lease(ONE).await), 0);
    scene.clock.suspend(HOUR);
    assert_eq!(unsettled(scene.lease(OTHER).await), 1);
}

#[tokio::test]
async fn a_record_is_swept_once_its_time_has_passed() {
    let scene = Scene::new().await;
    let keep_until = Some(ManualClock::START + HOUR);
    let commit = scene.commit_until(Expected::At(scene.version), keep_until).await;
    assert_eq!(commit, Commit::Done);
    scene.clock.suspend(HOUR);
    assert_eq!(scene.store.sweep(10).await.unwrap(), 0);
    scene.clock.advance(Duration::from_millis(1));
    assert_eq!(scene.store.sweep(10).await.unwrap(), 1);
}

struct Scene {
    store: FileStore,
    clock: ManualClock,
    version: Version,
    _directory: TempDir,
}

impl Scene {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = ManualClock::new();
        let store =
            FileStore::builder(directory.path().join("sessions")).clock(Arc::new(clock.clone())).open().await.unwrap();
        let scene = Self { store, clock, version: Version::from_u64(1), _directory: directory };
        assert_eq!(scene.commit(Expected::Absent).await, Commit::Done);
        scene
    }

    async fn commit(&self, expected: Expected) -> Commit {
        self.commit_until(expected, None).await
    }

    async fn commit_until(&self, expected: Expected, keep_until: Option<Timestamp>) -> Commit {
        let version = match expected {
            Expected::Absent => self.version,
            Expected::At(version) => Version::from_u64(version.as_u64() + 1),
        };
        let next = Stored { version, record: Record::from_bytes(b"sealed".to_vec()) };
        self.store.commit(&KEY, expected, &next, keep_until).await.unwrap()
    }

    async fn lease(&self, holder: HolderId) -> Lease {
        self.store.try_lease(&KEY, holder, LEASE).await.unwrap()
    }
}

fn unsettled(lease: Lease) -> u32 {
    match lease {
        Lease::Granted { unsettled, .. } => unsettled,
        other => panic!("{other:?}"),
    }
}
