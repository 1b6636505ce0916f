//! [`ClientCertificate`]: what a client shows of itself when a connection is made.

use std::fmt;

use oidc_session_core::{Fingerprint, ProviderError, ProviderErrorKind};
use reqwest::Identity;

/// The certificate of a client that authenticates by [`MutualTls`](crate::ClientAuth::MutualTls), and its private key.
///
/// `Debug` shows neither.
///
/// ```
/// # use oidc_session_core::ProviderErrorKind;
/// # use oidc_session_provider_oidc::{ClientAuth, ClientCertificate};
/// fn auth(certificate: &str, key: &str) -> Result<ClientAuth, oidc_session_core::ProviderError> {
///     Ok(ClientAuth::MutualTls(ClientCertificate::from_pem(format!("{certificate}\n{key}"))?))
/// }
/// assert_eq!(auth("no certificate", "no key").unwrap_err().kind(), ProviderErrorKind::Misconfigured);
/// ```
#[derive(Clone)]
pub struct ClientCertificate {
    identity: Identity,
    fingerprint: Fingerprint,
}

impl ClientCertificate {
    /// A certificate, those that lead to its authority, and its private key, one after the other in `pem`.
    ///
    /// The client's own certificate is the first one. The key is `PRIVATE KEY` (PKCS #8), `RSA PRIVATE KEY` (PKCS #1)
    /// or `EC PRIVATE KEY` (SEC 1), and not encrypted. Fails as `Misconfigured` if any of it is missing or unreadable,
    /// or if the key is not that of the certificate.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, ProviderError> {
        let pem = pem.as_ref();
        let identity = Identity::from_pem(pem).map_err(|error| {
            misconfigured("the PEM of the client certificate is not a certificate and a private key", error)
                .with_advice("give the certificate and its decrypted private key as PEM, one after the other")
        })?;
        // A client that is thrown away: only this looks at the key.
        let client = reqwest::Client::builder().tls_backend_rustls().tls_certs_only([]).identity(identity.clone());
        client.build().map_err(|error| {
            misconfigured("the private key is not usable with the client certificate", error)
                .with_advice("give the private key that the certificate was issued for")
        })?;
        Ok(Self { identity, fingerprint: Fingerprint::of(pem) })
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity.clone()
    }
}

impl PartialEq for ClientCertificate {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for ClientCertificate {}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate([redacted])")
    }
}

fn misconfigured(detail: &str, error: reqwest::Error) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, detail).because(error)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    #[test]
    fn certificate_and_key_come_in_any_order_and_belong_together() {
        let pair = || generate_simple_self_signed(["my-app".to_owned()]).unwrap();
        let (CertifiedKey { cert, signing_key }, other) = (pair(), pair());
        let (cert, key) = (cert.pem(), signing_key.serialize_pem());
        let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        for (pem, accepted) in [
            (format!("{cert}{key}"), true),
            (format!("{key}{cert}{}", other.cert.pem()), true),
            (format!("{cert}{}", other.signing_key.serialize_pem()), false),
            (cert.clone(), false),
            (key.clone(), false),
            (format!("{cert}{encrypted}"), false),
            (format!("{cert}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), false),
            (String::new(), false),
        ] {
            match ClientCertificate::from_pem(&pem) {
                Ok(certificate) => {
                    assert!(accepted, "{pem}");
                    assert_eq!(format!("{certificate:?}"), "ClientCertificate([redacted])");
                }
                Err(error) => {
                    assert!(!accepted, "{error:?}");
                    assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
                    assert!(error.advice().is_some());
                }
            }
        }
    }
}
