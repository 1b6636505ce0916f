//! [`Certificates`]: whom TLS trusts, and who the program is.

use oidc_session_core::StoreError;
use redis::{Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, TlsCertificates};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::error::{from_redis, misconfigured};

const CONNECT: &str = "connect to Redis";

/// In PEM.
#[derive(Clone, Default)]
pub(crate) struct Certificates {
    pub(crate) authorities: Option<Vec<u8>>,
    /// The chain and the key.
    pub(crate) own: Option<(Vec<u8>, Vec<u8>)>,
}

impl Certificates {
    /// Says why, if there are any where none belong.
    pub(crate) fn refuse(&self, why: &'static str) -> Result<(), StoreError> {
        let none = self.authorities.is_none() && self.own.is_none();
        if none { Ok(()) } else { Err(misconfigured(CONNECT, why)) }
    }
}

/// A client for `address`.
pub(crate) fn client(address: ConnectionInfo, certificates: &Certificates) -> Result<Client, StoreError> {
    let client = match settings(Some(address.addr()), certificates)? {
        Some(settings) => Client::build_with_tls(address, settings),
        None => Client::open(address),
    };
    client.map_err(|error| from_redis(CONNECT, &error))
}

/// The settings of TLS, if `address` is one that is spoken to with TLS.
pub(crate) fn settings(
    address: Option<&ConnectionAddr>,
    certificates: &Certificates,
) -> Result<Option<TlsCertificates>, StoreError> {
    let Some(address @ ConnectionAddr::TcpTls { .. }) = address else {
        certificates.refuse("certificates are for rediss:// URLs only")?;
        return Ok(None);
    };
    install_provider_for(address);
    if certificates.authorities.as_deref().is_some_and(has_no_certificate) {
        return Err(misconfigured(CONNECT, "there is no PEM certificate in what is to be trusted"));
    }
    if certificates.own.as_ref().is_some_and(|(chain, _)| has_no_certificate(chain)) {
        return Err(misconfigured(CONNECT, "there is no PEM certificate in the client's chain"));
    }
    let own = certificates.own.clone();
    Ok(Some(TlsCertificates {
        client_tls: own.map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key }),
        root_cert: certificates.authorities.clone(),
    }))
}

/// The `redis` crate asks rustls for the cryptography of the process, and rustls panics if the program was compiled with
/// two kinds of it and chose none. A choice that the program has made stays.
pub(crate) fn install_provider_for(address: &ConnectionAddr) {
    if matches!(address, ConnectionAddr::TcpTls { .. }) && CryptoProvider::get_default().is_none() {
        let _ = aws_lc_rs::default_provider().install_default(); // Somebody else may have been faster.
    }
}

fn has_no_certificate(pem: &[u8]) -> bool {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).next().is_none()
}
