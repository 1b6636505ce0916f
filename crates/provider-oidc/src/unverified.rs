//! [`Unverified`]: why a signed token does not count.

use std::fmt;
use std::time::Duration;

use oidc_session_core::{ProviderError, ProviderErrorKind};

/// Why a signed token does not count. Shows no claim, so that none gets into an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unverified {
    /// It is signed with a key that we do not have. The server may have rotated its keys.
    UnknownKey,
    /// It is not signed with the key that it names. The server may have given an old name to a new key.
    WrongSignature,
    /// It is wrong.
    Refused(&'static str),
    /// Its times make sense, but not by our clock.
    ClockOff(ClockOff),
}

/// How far this machine's clock is off, going by a token that was issued just now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ClockOff {
    /// The token is from our future.
    Slow(Duration),
    /// The token expired before it came.
    Fast(Duration),
}

impl Unverified {
    /// Whether it may be our keys that are wrong: then others are worth a look.
    pub(crate) fn suspects_keys(self) -> bool {
        matches!(self, Self::UnknownKey | Self::WrongSignature)
    }

    /// The error of a caller that cannot go on without `token`, such as "the ID token".
    pub(crate) fn into_error(self, token: &str) -> ProviderError {
        let error = ProviderError::new(ProviderErrorKind::InvalidAnswer, format!("{token} is not usable: {self}"));
        match self {
            Self::ClockOff(_) => error.with_advice("set the clock of this machine, best by NTP"),
            Self::UnknownKey | Self::WrongSignature | Self::Refused(_) => error,
        }
    }
}

impl fmt::Display for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey => f.write_str("no published key fits its signature"),
            Self::WrongSignature => f.write_str("its signature does not verify"),
            Self::Refused(reason) => f.write_str(reason),
            Self::ClockOff(ClockOff::Slow(by)) => {
                write!(f, "it was issued in the future; the clock of this machine is probably slow by {}", roughly(*by))
            }
            Self::ClockOff(ClockOff::Fast(by)) => {
                f.write_str("it has expired already; unless it was held up on the way, ")?;
                write!(f, "the clock of this machine is probably fast by {}", roughly(*by))
            }
        }
    }
}

/// A time as people tell it.
fn roughly(time: Duration) -> String {
    let minutes = time.as_secs().saturating_add(30) / 60;
    let (number, unit) = match minutes {
        0..=89 => (minutes, "minute"),
        90..=2879 => ((minutes + 30) / 60, "hour"),
        _ => ((minutes + 720) / 1440, "day"),
    };
    format!("about {number} {unit}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_told_with_its_fix() {
        let hour = Duration::from_secs(3600);
        for (off, told) in [(ClockOff::Slow(hour), "slow by about 60 minutes"), (ClockOff::Fast(hour), "fast by about")]
        {
            let shown = Unverified::ClockOff(off).into_error("the ID token").to_string();
            assert!(shown.contains("the clock of this machine"), "{shown}");
            assert!(shown.contains(told), "{shown}");
            assert!(shown.ends_with(": set the clock of this machine, best by NTP"), "{shown}");
        }
        let shown = Unverified::Refused("it has expired").into_error("the ID token").to_string();
        assert_eq!(shown, "the ID token is not usable: it has expired");
    }

    #[test]
    fn times_are_told_roughly() {
        for (seconds, told) in [
            (61, "about 1 minute"),
            (301, "about 5 minutes"),
            (3600, "about 60 minutes"),
            (2 * 3600 - 20, "about 2 hours"),
            (24 * 3600, "about 24 hours"),
            (3 * 24 * 3600 + 5, "about 3 days"),
        ] {
            assert_eq!(roughly(Duration::from_secs(seconds)), told);
        }
        assert!(roughly(Duration::MAX).ends_with(" days"));
    }
}
