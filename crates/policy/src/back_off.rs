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

#[cfg(test)]
mod tests {
    use oidc_session_core::StoreKey;

    use super::*;

    #[test]
    fn pauses_double_to_a_minute_and_are_spread_by_half_of_themselves() {
        let seconds = |failures| back_off(failures, Jitter::NONE).as_secs_f64();
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7, 8, u32::MAX].map(seconds), [1., 1., 2., 4., 8., 16., 32., 60., 60., 60.]);
        let mut key = [0; 32];
        key[3] = 0x80;
        let half = Jitter::of(&StoreKey::from_bytes(key));
        assert_eq!(back_off(1, half), Duration::from_millis(1_250));
        assert_eq!(back_off(8, half), Duration::from_secs(75));
    }
}
