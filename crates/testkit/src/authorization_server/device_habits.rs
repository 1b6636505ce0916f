//! [`DeviceHabits`]: in which words a server speaks the device flow.

use super::protocol_error::ProtocolError;

/// How the device flow (RFC 8628) looks at different vendors.
///
/// | | pending | slow down | denied | expired | unknown code | other |
/// |---|---|---|---|---|---|---|
/// | [`Standard`](Self::Standard) | 400 | 400 | 400 | 400 | 400 `invalid_grant` | |
/// | [`Auth0`](Self::Auth0) | 403 | 429 | 403 | 403, once, then `invalid_grant` | 403 | |
/// | [`Google`](Self::Google) | 428 | 403 | 403 | 400 | 400 | `verification_url` for `verification_uri`, and no complete one |
/// | [`Entra`](Self::Entra) | 400 | 400 | 400 `authorization_declined` | 400 | 400 `bad_verification_code` | a `message`, and no complete URI |
///
/// Sources: RFC 8628 §3.5; Auth0, "Call your API using the device authorization flow"; Google, "OAuth 2.0 for TV and
/// limited-input device applications"; Microsoft identity platform, "OAuth 2.0 device authorization grant".
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum DeviceHabits {
    /// As RFC 8628 has it.
    #[default]
    Standard,
    /// As Auth0 does it.
    Auth0,
    /// As Google does it.
    Google,
    /// As Microsoft Entra ID does it.
    Entra,
}

impl DeviceHabits {
    pub(super) fn pending(self) -> ProtocolError {
        let pending = ProtocolError::new("authorization_pending", "nobody has decided yet");
        match self {
            Self::Auth0 => pending.with_status(403),
            Self::Google => pending.with_status(428),
            Self::Standard | Self::Entra => pending,
        }
    }

    pub(super) fn slow_down(self) -> ProtocolError {
        let slow_down = ProtocolError::new("slow_down", "the client polls too often");
        match self {
            Self::Auth0 => slow_down.with_status(429),
            Self::Google => slow_down.with_status(403),
            Self::Standard | Self::Entra => slow_down,
        }
    }

    pub(super) fn denied(self) -> ProtocolError {
        let denied = ProtocolError::new("access_denied", "the subject refused");
        match self {
            Self::Auth0 | Self::Google => denied.with_status(403),
            Self::Entra => ProtocolError::new("authorization_declined", "the subject refused"),
            Self::Standard => denied,
        }
    }

    pub(super) fn expired(self) -> ProtocolError {
        let expired = ProtocolError::new("expired_token", "the device code has expired");
        if self == Self::Auth0 { expired.with_status(403) } else { expired }
    }

    pub(super) fn unknown(self) -> ProtocolError {
        let unknown = ProtocolError::invalid_grant("the device code is unknown, or was already used");
        match self {
            Self::Auth0 => unknown.with_status(403),
            Self::Entra => ProtocolError::new("bad_verification_code", unknown.description()),
            Self::Standard | Self::Google => unknown,
        }
    }

    /// Whether an expired code is forgotten as soon as the client was told.
    pub(super) fn forgets_expired(self) -> bool {
        self == Self::Auth0
    }
}
