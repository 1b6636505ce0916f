//! [`KeepFresh`]: what a program holds as long as it wants a session kept fresh.

use std::fmt;
use std::sync::Arc;

use super::register::{Place, Register};
use crate::shared::Shared;

/// Keeps one access token of a session fresh as long as it lives: see
/// [`keep_fresh`](crate::SessionHandle::keep_fresh).
///
/// Dropping it stops that at once. A refresh that is under way by then goes on until it is stored.
#[must_use = "the session is kept fresh only as long as this lives"]
pub struct KeepFresh {
    /// As a handle does, a guard keeps what it needs alive.
    _shared: Arc<Shared>,
    register: Arc<Register>,
    place: Place,
}

impl KeepFresh {
    pub(super) fn new(shared: Arc<Shared>, register: Arc<Register>, place: Place) -> Self {
        Self { _shared: shared, register, place }
    }
}

impl Drop for KeepFresh {
    fn drop(&mut self) {
        self.register.remove(self.place);
    }
}

impl fmt::Debug for KeepFresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepFresh").finish_non_exhaustive()
    }
}
