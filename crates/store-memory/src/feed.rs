//! [`Listeners`]: who hears of changes.

use async_trait::async_trait;
use oidc_session_core::{Change, Changes, StoreError, StoreErrorKind};
use tokio::sync::broadcast;

/// Who hears of changes. Costs nothing until somebody listens.
#[derive(Default)]
pub(crate) struct Listeners(Option<broadcast::Sender<Change>>);

impl Listeners {
    /// How many changes a listener may fall behind before its subscription fails.
    const FURTHEST_BEHIND: usize = 1024;

    pub(crate) fn subscribe(&mut self) -> Box<dyn Changes> {
        let changes = self.0.get_or_insert_with(|| broadcast::channel(Self::FURTHEST_BEHIND).0);
        Box::new(Subscription(Some(changes.subscribe())))
    }

    pub(crate) fn tell(&self, change: Change) {
        if let Some(changes) = &self.0 {
            // Nobody listening is fine.
            let _ = changes.send(change);
        }
    }
}

/// Ends with its first failure: what comes after a gap would look whole.
#[derive(Debug)]
struct Subscription(Option<broadcast::Receiver<Change>>);

#[async_trait]
impl Changes for Subscription {
    async fn next(&mut self) -> Result<Change, StoreError> {
        let over = || StoreError::new(StoreErrorKind::Unavailable, "follow the changes");
        let changes = self.0.as_mut().ok_or_else(over)?;
        let told = changes.recv().await;
        told.map_err(|error| {
            self.0 = None;
            over().because(error)
        })
    }
}
