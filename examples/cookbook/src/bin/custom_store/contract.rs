//! The contract of a session store, kept by this one. Time passes when a test says so.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_testkit::ManualClock;
use oidc_session_testkit::store_contract::Backend;

use crate::store::TableStore;

oidc_session_testkit::store_contract!(Table::new());

struct Table {
    store: TableStore,
    clock: ManualClock,
}

impl Table {
    fn new() -> Self {
        let clock = ManualClock::new();
        Self { store: TableStore::new(Arc::new(clock.clone())), clock }
    }
}

impl Backend for Table {
    type Store = TableStore;

    async fn open(&self) -> TableStore {
        self.store.clone()
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}
