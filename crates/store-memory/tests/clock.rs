//! Leases are monotonic time, `keep_until` is wall time.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{Expected, HolderId, Lease, Record, SessionStore as _, StoreKey, Stored, Sweep as _, Version};
use oidc_session_store_memory::MemoryStore;
use oidc_session_testkit::ManualClock;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_record_is_swept_once_its_time_has_passed() {
    let (store, clock) = store_and_clock();
    let keep_until = Some(ManualClock::START + HOUR);
    let commit = store.commit(&KEY, Expected::Absent, &first(), keep_until).await;
    assert!(commit.is_ok());
    clock.suspend(HOUR);
    assert!(matches!(store.sweep(10).await, Ok(0)));
    clock.advance(Duration::from_millis(1));
    assert!(matches!(store.sweep(10).await, Ok(1)));
}

#[tokio::test]
async fn setting_the_wall_clock_ends_no_lease() {
    let (store, clock) = store_and_clock();
    let commit = store.commit(&KEY, Expected::Absent, &first(), None).await;
    assert!(commit.is_ok());
    let lease = store.try_lease(&KEY, HolderId::from_u128(1), HOUR).await;
    assert!(matches!(lease, Ok(Lease::Granted { .. })));
    clock.set_forward(HOUR * 2);
    let lease = store.try_lease(&KEY, HolderId::from_u128(2), HOUR).await;
    assert!(matches!(lease, Ok(Lease::Held { .. })));
}

fn store_and_clock() -> (MemoryStore, ManualClock) {
    let clock = ManualClock::new();
    (MemoryStore::with_clock(Arc::new(clock.clone())), clock)
}

fn first() -> Stored {
    Stored { version: Version::from_u64(1), record: Record::from_bytes(b"sealed".to_vec()) }
}
