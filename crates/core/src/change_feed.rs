//! [`ChangeFeed`]: other processes' commits, as they happen.

use std::fmt;

use async_trait::async_trait;

use crate::{StoreError, StoreKey, Version};

/// Tells of every commit and remove, whichever process makes it. An optional power of a store.
///
/// # Contract
///
/// - Whatever is committed or removed after `subscribe` has returned is told by `next`, or `next` fails: nothing is left
///   out silently. What came before is not told.
/// - Changes of one key are told in the order in which they happened.
/// - A connection that is dead without saying so is noticed within ten seconds, and `next` fails.
/// - After a failure the subscription is over. Whoever needs another one subscribes anew, and looks at the store again:
///   what happened in between is not told.
#[async_trait]
pub trait ChangeFeed: fmt::Debug + Send + Sync + 'static {
    /// Listens from now on.
    async fn subscribe(&self) -> Result<Box<dyn Changes>, StoreError>;
}

/// A subscription. Dropping it ends it.
#[async_trait]
pub trait Changes: fmt::Debug + Send {
    /// The next change. Dropping the future loses none.
    async fn next(&mut self) -> Result<Change, StoreError>;
}

/// That a record has changed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Change {
    /// Whose.
    pub key: StoreKey,
    /// The version that is there now. `None` if the record was removed.
    pub version: Option<Version>,
}
