//! The store contract, on a clock that moves when the contract says so.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_store_memory::MemoryStore;
use oidc_session_testkit::ManualClock;
use oidc_session_testkit::store_contract::Backend;

oidc_session_testkit::store_contract!(Memory::new(), list, sweep, feed);

struct Memory {
    store: MemoryStore,
    clock: ManualClock,
}

impl Memory {
    fn new() -> Self {
        let clock = ManualClock::new();
        Self { store: MemoryStore::with_clock(Arc::new(clock.clone())), clock }
    }
}

impl Backend for Memory {
    type Store = MemoryStore;

    async fn open(&self) -> MemoryStore {
        self.store.clone()
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}
