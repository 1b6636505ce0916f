//! How long this process leaves a failing authorization server alone.

use std::time::Duration;

use crate::Jitter;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// The pause after so many failures in a row: one second, doubling to a minute, spread by half of itself.
///
/// ```
/// use std::time::Duration;
/// use oidc_session_policy::{Jitter, back_off};
///
/// assert_eq!(back_off(1, Jitter::NONE), Duration::from_secs(1));
/// assert_eq!(back_off(4, Jitter::NONE), Duration::from_secs(8));
/// assert_eq!(back_off(1_000, Jitter::NONE), Duration::from_secs(60));
/// ```
pub fn back_off(failures: u32, jitter: Jitter) -> Duration {
    let doublings = failures.saturating_sub(1).min(6);
    let pause = (FIRST * 2_u32.pow(doublings)).min(LONGEST);
    pause + jitter.part_of(pause / 2)
}
