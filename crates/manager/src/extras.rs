//! [`Extras`]: what only few sessions have.

use std::sync::OnceLock;

use tokio::sync::broadcast;

use crate::SessionEvent;
use crate::last_use::LastUse;

/// What only few sessions have, apart from what all have.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    /// Those who listen.
    pub(crate) events: OnceLock<broadcast::Sender<SessionEvent>>,
    /// The last use, of a session with an idle limit.
    pub(crate) last_use: LastUse,
}
