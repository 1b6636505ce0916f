//! [`Place`]: where an entry is in the table by id.

use std::fmt;
use std::sync::Weak;

use crate::cache::Cache;
use crate::entry::Entry;
use crate::slot::Slot;

/// Where an entry is in the table by id, so that it can change what is shown there.
#[derive(Default)]
pub(crate) struct Place {
    cache: Weak<Cache>,
    hash: u64,
}

impl Place {
    pub(crate) fn new(cache: Weak<Cache>, hash: u64) -> Self {
        Self { cache, hash }
    }

    /// Changes the slot of `entry`, whose place this is. Nobody looks at it meanwhile.
    pub(crate) fn change(&self, entry: &Entry, change: impl FnOnce(&mut Slot)) {
        if let Some(cache) = self.cache.upgrade() {
            cache.change(self.hash, entry, change);
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.hash).finish()
    }
}
