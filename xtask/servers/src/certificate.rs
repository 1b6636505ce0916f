//! Certificates for a server on loopback.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use crate::Result;

/// The certificate of `localhost` and 127.0.0.1, its key, and the authority that made it, all in PEM.
#[derive(Clone)]
pub(crate) struct Certificate {
    pub(crate) authority: String,
    chain: String,
    key: String,
}

impl Certificate {
    /// A new authority with a new certificate.
    pub(crate) fn generate() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "test servers");
        let authority_key = KeyPair::generate()?;
        let authority = params.self_signed(&authority_key)?;

        let mut server = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let chain = server.signed_by(&key, &Issuer::from_params(&params, &authority_key))?;
        Ok(Self { authority: authority.pem(), chain: chain.pem(), key: key.serialize_pem() })
    }

    /// Writes `ca.pem`, `server.pem` and `server.key`, which only their owner may read.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join("ca.pem"), &self.authority)?;
        fs::write(folder.join("server.pem"), &self.chain)?;
        let mut key = File::options().write(true).create_new(true).mode(0o600).open(folder.join("server.key"))?;
        key.write_all(self.key.as_bytes())
    }
}
