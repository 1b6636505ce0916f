//! [`HandshakeFailure`]: what a failed TLS handshake proves, and what to do about it.

use std::error::Error;
use std::io;

use oidc_session_core::{ProviderError, ProviderErrorKind};
use rustls::{AlertDescription, CertificateError};

/// Why two sides did not agree on a connection, as far as TLS says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HandshakeFailure {
    /// Nobody we trust vouches for the server's certificate.
    ServerUnknown,
    /// The server's certificate is not valid now, or not for this address.
    ServerInvalid,
    /// The server wants a certificate of the client.
    CertificateMissing,
    /// The server does not accept the client's certificate.
    CertificateRefused,
}

impl HandshakeFailure {
    /// The failure behind `error`, if it is one.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<rustls::Error>() {
                return Self::read(error);
            }
            cause = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
                // An `io::Error` passes over what it wraps when it is asked for its source.
                Some(wrapped) => Some(wrapped),
                None => error.source(),
            };
        }
        None
    }

    fn read(error: &rustls::Error) -> Option<Self> {
        match error {
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => Some(Self::ServerUnknown),
            rustls::Error::InvalidCertificate(_) => Some(Self::ServerInvalid),
            rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => Some(Self::CertificateMissing),
            rustls::Error::AlertReceived(
                AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied,
            ) => Some(Self::CertificateRefused),
            _ => None,
        }
    }

    /// What it means. In each case nothing was processed: in TLS 1.3 a client may send before the server has judged its
    /// certificate, but one that ends the handshake over it never reads what was sent (RFC 8446 §4.4.2.4).
    pub(crate) fn into_error(self) -> ProviderError {
        let (kind, detail, advice) = match self {
            Self::ServerUnknown => (
                ProviderErrorKind::NotSent,
                "the server's certificate comes from an unknown authority",
                "trust the authority with `root_certificate`, if it is your own",
            ),
            Self::ServerInvalid => (
                ProviderErrorKind::NotSent,
                "the server's certificate is not valid",
                "check the host name, this machine's clock, and the server's certificate",
            ),
            Self::CertificateMissing => (
                ProviderErrorKind::Misconfigured,
                "the server wants a client certificate",
                "authenticate with ClientAuth::MutualTls",
            ),
            Self::CertificateRefused => (
                ProviderErrorKind::Misconfigured,
                "the server does not accept the client certificate",
                "check that the certificate has not expired, and that the server knows it or its authority",
            ),
        };
        ProviderError::new(kind, detail).with_advice(advice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_found_under_whatever_wraps_it() {
        let failure = || rustls::Error::AlertReceived(AlertDescription::CertificateExpired);
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, failure()));
        for error in [Box::new(failure()) as Box<dyn Error>, Box::new(wrapped)] {
            assert_eq!(HandshakeFailure::of(&*error), Some(HandshakeFailure::CertificateRefused));
        }
    }

    #[test]
    fn what_may_come_later_proves_nothing() {
        for alert in [AlertDescription::CloseNotify, AlertDescription::InternalError, AlertDescription::DecodeError] {
            assert_eq!(HandshakeFailure::of(&rustls::Error::AlertReceived(alert)), None, "{alert:?}");
        }
        assert_eq!(HandshakeFailure::of(&io::Error::from(io::ErrorKind::ConnectionReset)), None);
    }
}
