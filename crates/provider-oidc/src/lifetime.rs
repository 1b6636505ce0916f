//! [`Lifetime`]: from when until when a signed token counts, by our clock.

use std::time::Duration;

use oidc_session_core::Timestamp;

use crate::claims;
use crate::dialect::Fields;
use crate::unverified::{ClockOff, Unverified};

/// How far the server's clock may be behind ours before its tokens count as expired.
const EXPIRY_TOLERANCE: Duration = Duration::from_secs(60);

/// How far it may be ahead before its tokens count as issued in the future.
const ISSUE_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// No server issues tokens that live shorter. One that does is not evidence against our clock.
const SHORTEST: Duration = Duration::from_secs(60);

/// `iat` and `exp` of a token (RFC 7519 §4.1.4, §4.1.6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Lifetime {
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl Lifetime {
    /// The lifetime that `claims` tell. Both ends are required (OIDC Core §2, Back-Channel Logout §2.4).
    pub(crate) fn of(claims: &Fields) -> Result<Self, Unverified> {
        let required = |name, missing| claims::instant(claims, name)?.ok_or(Unverified::Refused(missing));
        Ok(Self {
            issued_at: required("iat", "it does not say when it was issued")?,
            expires_at: required("exp", "it does not say when it expires")?,
        })
    }

    /// Until when the token is accepted.
    pub(crate) fn accepted_until(self) -> Timestamp {
        self.expires_at + EXPIRY_TOLERANCE
    }

    /// Whether a token that has just come counts at `now`, or else whether it is our clock that is wrong.
    pub(crate) fn check(self, now: Timestamp) -> Result<(), Unverified> {
        if self.issued_at > now + ISSUE_TOLERANCE {
            return Err(Unverified::ClockOff(ClockOff::Slow(self.issued_at.saturating_since(now))));
        }
        if now < self.accepted_until() {
            return Ok(());
        }
        if self.expires_at.saturating_since(self.issued_at) >= SHORTEST {
            return Err(Unverified::ClockOff(ClockOff::Fast(now.saturating_since(self.issued_at))));
        }
        Err(Unverified::Refused("it has expired"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    #[test]
    fn a_token_counts_from_its_issue_to_its_expiry_with_some_tolerance() {
        let off = |off| Err(Unverified::ClockOff(off));
        let seconds = Duration::from_secs;
        for (issued_at, expires_at, expected) in [
            (0, 300, Ok(())),
            (300, 600, Ok(())),
            (301, 600, off(ClockOff::Slow(seconds(301)))),
            (3600, 3900, off(ClockOff::Slow(seconds(3600)))),
            (-300, -59, Ok(())),
            (-360, -60, off(ClockOff::Fast(seconds(360)))),
            (-3600, -3300, off(ClockOff::Fast(seconds(3600)))),
            // Nothing that a clock could explain.
            (-3600, -3599, Err(Unverified::Refused("it has expired"))),
            (0, -3600, Err(Unverified::Refused("it has expired"))),
        ] {
            let at = |seconds| Timestamp::from_unix_seconds(NOW + seconds);
            let lifetime = Lifetime { issued_at: at(issued_at), expires_at: at(expires_at) };
            assert_eq!(lifetime.check(Timestamp::from_unix_seconds(NOW)), expected, "{issued_at} {expires_at}");
        }
    }

    #[test]
    fn absurd_times_overflow_nothing() {
        for (issued_at, expires_at) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (i64::MAX, i64::MAX)] {
            let at = Timestamp::from_unix_seconds;
            for now in [i64::MIN, 0, i64::MAX] {
                let _ = Lifetime { issued_at: at(issued_at), expires_at: at(expires_at) }.check(at(now));
            }
        }
    }
}
