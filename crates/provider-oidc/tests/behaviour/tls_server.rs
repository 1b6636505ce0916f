//! An authorization server over TLS, with a certificate authority of its own.

use std::sync::{Arc, Mutex};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A certificate authority that nobody else knows.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate, and the key it was issued for.
pub(crate) struct Certified {
    pub(crate) certificate: CertificateDer<'static>,
    /// Both, one after the other.
    pub(crate) pem: String,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// What a program has to trust.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub(crate) fn issue(&self, name: &str) -> Certified {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Certified {
            pem: format!("{}{}", certificate.pem(), key.serialize_pem()),
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        }
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        Arc::new(roots)
    }
}

/// A request that got through.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) body: String,
    /// What the client showed of itself.
    pub(crate) certificate: Option<CertificateDer<'static>>,
}

/// Serves an authorization server's endpoints at `https://127.0.0.1`; grants every refresh.
pub(crate) struct TlsServer {
    issuer: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl TlsServer {
    /// Shows `own`, and takes only clients that `clients` vouches for, if it is given.
    pub(crate) async fn start(own: Certified, clients: Option<&Authority>) -> Self {
        Self::start_with(own, clients, rustls::ALL_VERSIONS, json!({})).await
    }

    /// The same over `versions`, and publishing `changes`.
    pub(crate) async fn start_with(
        own: Certified,
        clients: Option<&Authority>,
        versions: &[&'static SupportedProtocolVersion],
        changes: Value,
    ) -> Self {
        let cryptography = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&cryptography)).with_protocol_versions(versions);
        let builder = match clients {
            None => builder.unwrap().with_no_client_auth(),
            Some(authority) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(authority.roots(), cryptography);
                builder.unwrap().with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let config = builder.with_single_cert(vec![own.certificate], own.key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("https://{}", listener.local_addr().unwrap());
        let server = Self { issuer: issuer.clone(), received: Arc::default() };
        let (acceptor, received) = (TlsAcceptor::from(Arc::new(config)), Arc::clone(&server.received));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(acceptor.clone(), stream, metadata(&issuer, &changes), Arc::clone(&received)));
            }
        });
        server
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.received().into_iter().map(|request| request.path).collect()
    }
}

fn metadata(issuer: &str, changes: &Value) -> Value {
    let mut metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "pushed_authorization_request_endpoint": format!("{issuer}/par"),
    });
    for (name, value) in changes.as_object().unwrap() {
        metadata[name] = value.clone();
    }
    metadata
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, metadata: Value, received: Arc<Mutex<Vec<Received>>>) {
    let mut stream = match acceptor.accept(stream).into_fallible().await {
        Ok(stream) => stream,
        Err((_, mut stream)) => {
            // To close with unread bytes would reset the connection, and the alert might never arrive.
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
            return;
        }
    };
    let certificate = stream.get_ref().1.peer_certificates().map(|chain| chain[0].clone());
    let Some((path, body)) = read(&mut stream).await else {
        return;
    };
    let answer = match path.as_str() {
        "/.well-known/openid-configuration" => metadata,
        "/jwks" => json!({ "keys": [] }),
        "/token" => json!({ "access_token": "secret-at-2", "refresh_token": "secret-rt-2" }),
        "/par" => json!({ "request_uri": "urn:secret" }),
        _ => json!({}),
    };
    received.lock().unwrap().push(Received { path, body, certificate });
    let answer = answer.to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
    let _ = stream.write_all(format!("{head}{answer}").as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// The path and the body of a request.
async fn read(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Option<(String, String)> {
    let mut text = String::new();
    loop {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).await.ok().filter(|length| *length > 0)?;
        text.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            let path = head.split(' ').nth(1).unwrap().to_owned();
            return Some((path, body.to_owned()));
        }
    }
}
