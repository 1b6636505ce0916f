//! [`discovery_document`]: what a server publishes about itself, and its keys.

use oidc_session_core::ProviderErrorKind;
use serde_json::json;
use url::Url;

use super::secret::{assert_quiet, with_secrets};
use crate::PlainOidc;
use crate::channel::{Channel, is_loopback};
use crate::key_set::KeySet;
use crate::metadata::Metadata;

const ISSUER: &str = "https://login.example";

/// Reads `bytes` as metadata and as a key set: no token travels in the clear, or to somebody else's server.
pub fn discovery_document(bytes: &[u8]) {
    for document in with_secrets(bytes) {
        for channel in [Channel::Tls, Channel::Loopback] {
            for mutual_tls in [false, true] {
                published(&document, channel, mutual_tls);
            }
        }
        if let Some(set) = KeySet::read(&document) {
            assert!(set.keys.len() <= 100);
        }
    }
}

fn published(document: &[u8], channel: Channel, mutual_tls: bool) {
    match Metadata::read(document, ISSUER, &PlainOidc, channel, mutual_tls) {
        Ok(metadata) => {
            assert_eq!(metadata.issuer, ISSUER);
            endpoints(&metadata).into_iter().flatten().for_each(|endpoint| is_safe(endpoint, channel));
            let again = Metadata::read(&written(&metadata), ISSUER, &PlainOidc, channel, mutual_tls);
            assert!(again.is_ok_and(|again| again == metadata));
        }
        Err(error) => {
            assert_quiet(&error);
            assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
        }
    }
}

fn endpoints(metadata: &Metadata) -> [Option<&Url>; 8] {
    [
        Some(&metadata.token_endpoint),
        Some(&metadata.jwks_uri),
        metadata.authorization_endpoint.as_ref(),
        metadata.revocation_endpoint.as_ref(),
        metadata.end_session_endpoint.as_ref(),
        metadata.device_authorization_endpoint.as_ref(),
        metadata.pushed_authorization_request_endpoint.as_ref(),
        metadata.userinfo_endpoint.as_ref(),
    ]
}

fn is_safe(endpoint: &Url, channel: Channel) {
    let in_the_clear = endpoint.scheme() == "http" && channel == Channel::Loopback && is_loopback(endpoint);
    assert!(endpoint.scheme() == "https" || in_the_clear, "{endpoint}");
    assert!(endpoint.username().is_empty() && endpoint.password().is_none(), "{endpoint}");
    assert!(endpoint.has_host(), "{endpoint}");
}

/// The metadata as a server would publish them.
fn written(metadata: &Metadata) -> Vec<u8> {
    json!({
        "issuer": metadata.issuer,
        "authorization_endpoint": metadata.authorization_endpoint,
        "token_endpoint": metadata.token_endpoint,
        "jwks_uri": metadata.jwks_uri,
        "revocation_endpoint": metadata.revocation_endpoint,
        "end_session_endpoint": metadata.end_session_endpoint,
        "device_authorization_endpoint": metadata.device_authorization_endpoint,
        "pushed_authorization_request_endpoint": metadata.pushed_authorization_request_endpoint,
        "require_pushed_authorization_requests": metadata.require_pushed_authorization_requests,
        "userinfo_endpoint": metadata.userinfo_endpoint,
        "authorization_response_iss_parameter_supported": metadata.names_issuer,
    })
    .to_string()
    .into_bytes()
}
