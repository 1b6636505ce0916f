//! [`DeviceStatus`]: what an error answer to a device's poll means.

use crate::ErrorAnswer;

/// What an error answer to a device's poll means (RFC 8628 §3.5).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum DeviceStatus {
    /// The subject has not finished.
    Pending,
    /// The subject has not finished, and the polls come too often: five seconds more between them from now on.
    SlowDown,
    /// The subject or the server said no.
    Denied,
    /// The code has expired: start anew.
    Expired,
}

impl DeviceStatus {
    /// What the standard says about the answer's code, whatever its HTTP status: vendors differ in that.
    pub fn by_standard(answer: &ErrorAnswer) -> Option<Self> {
        match answer.error() {
            "authorization_pending" => Some(Self::Pending),
            "slow_down" => Some(Self::SlowDown),
            "access_denied" => Some(Self::Denied),
            "expired_token" => Some(Self::Expired),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_line_does_not_matter() {
        for status in [400, 403, 428, 429] {
            let answered = |code| DeviceStatus::by_standard(&ErrorAnswer::new(status, code));
            assert_eq!(answered("authorization_pending"), Some(DeviceStatus::Pending));
            assert_eq!(answered("slow_down"), Some(DeviceStatus::SlowDown));
            assert_eq!(answered("access_denied"), Some(DeviceStatus::Denied));
            assert_eq!(answered("expired_token"), Some(DeviceStatus::Expired));
            assert_eq!(answered("invalid_grant"), None);
        }
    }
}
