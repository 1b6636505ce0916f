//! [`BuildError`]: why there is no manager.

use std::time::Duration;

use oidc_session_core::Limits;
use oidc_session_policy::protocol::LeaseTooShort;
use oidc_session_sealing::KeyRingError;
use thiserror::Error;

/// Why there is no manager: something about its settings has to change.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The lease could end while its request or its commit is still under way.
    #[error(transparent)]
    LeaseTooShort(#[from] LeaseTooShort),
    /// Clocks of different machines may disagree by more than this limit of a session.
    #[error("a limit of {limit:?} for a session is too short: clocks may disagree by {:?}", Limits::CLOCK_TOLERANCE)]
    LimitTooShort {
        /// The limit that was asked for.
        limit: Duration,
    },
    /// Others can reach what the store keeps, and there is no key ring to seal it with.
    #[error("a store that others can reach needs a key ring: give it one with seal_with, or say unsealed")]
    KeyRingMissing,
    /// The key ring beside the data cannot be used.
    #[error("the key ring beside the sessions cannot be used")]
    KeyRing(#[from] KeyRingError),
}
