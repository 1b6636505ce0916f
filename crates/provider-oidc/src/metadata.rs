//! [`Metadata`]: what an authorization server publishes about itself.

use oidc_session_core::{ProviderError, ProviderErrorKind};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::Dialect;
use crate::channel::Channel;

/// The part of the metadata that we use (OIDC Discovery §3, RFC 8414 §2), checked.
///
/// Not `openidconnect`'s type: that one wants every list of the specification to be there and understood, and a typing
/// error in one we never look at must not keep anybody from signing in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Metadata {
    /// Who the document says it is about. The dialect took it for the configured issuer.
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: Option<Url>,
    pub(crate) token_endpoint: Url,
    pub(crate) jwks_uri: Url,
    pub(crate) revocation_endpoint: Option<Url>,
    pub(crate) end_session_endpoint: Option<Url>,
    pub(crate) device_authorization_endpoint: Option<Url>,
    pub(crate) pushed_authorization_request_endpoint: Option<Url>,
    pub(crate) require_pushed_authorization_requests: bool,
    pub(crate) userinfo_endpoint: Option<Url>,
    /// Whether every authorization response names its issuer (RFC 9207).
    pub(crate) names_issuer: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    jwks_uri: String,
    revocation_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    pushed_authorization_request_endpoint: Option<String>,
    require_pushed_authorization_requests: Option<bool>,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: Option<bool>,
    #[serde(default)]
    mtls_endpoint_aliases: Value,
}

impl Metadata {
    /// Reads a metadata document. If its issuer is not `issuer` to the dialect, it speaks for somebody else.
    ///
    /// A client of `mutual_tls` sees the addresses where the server asks for certificates.
    pub(crate) fn read(
        document: &[u8],
        issuer: &str,
        dialect: &dyn Dialect,
        channel: Channel,
        mutual_tls: bool,
    ) -> Result<Self, ProviderError> {
        let mut document: Document = serde_json::from_slice(document).map_err(|_| {
            refused("the discovery document is not one, or lacks an address").with_advice(dialect.check_address())
        })?;
        if !dialect.speaks_for(issuer, &document.issuer) {
            return Err(foreign(issuer, &document.issuer, dialect));
        }
        if mutual_tls {
            document.use_aliases();
        }
        let optional = |name, address: Option<String>| {
            let address = address.filter(|address| !address.is_empty());
            address.map(|address| channel.endpoint(name, &address)).transpose()
        };
        Ok(Self {
            issuer: document.issuer,
            authorization_endpoint: optional("authorization_endpoint", document.authorization_endpoint)?,
            token_endpoint: match optional("token_endpoint", document.token_endpoint)?
                .or_else(|| dialect.token_endpoint())
            {
                Some(endpoint) => endpoint,
                None => {
                    return Err(refused("the discovery document names no token_endpoint")
                        .with_advice(dialect.ask_for_endpoints()));
                }
            },
            jwks_uri: channel.endpoint("jwks_uri", &document.jwks_uri)?,
            revocation_endpoint: optional("revocation_endpoint", document.revocation_endpoint)?,
            end_session_endpoint: optional("end_session_endpoint", document.end_session_endpoint)?,
            device_authorization_endpoint: optional(
                "device_authorization_endpoint",
                document.device_authorization_endpoint,
            )?,
            pushed_authorization_request_endpoint: optional(
                "pushed_authorization_request_endpoint",
                document.pushed_authorization_request_endpoint,
            )?,
            require_pushed_authorization_requests: document.require_pushed_authorization_requests.unwrap_or(false),
            userinfo_endpoint: optional("userinfo_endpoint", document.userinfo_endpoint)?,
            names_issuer: document.authorization_response_iss_parameter_supported.unwrap_or(false),
        })
    }
}

impl Document {
    /// Puts the addresses for mutual TLS in the place of the others (RFC 8705 §5). What has no alias stays.
    fn use_aliases(&mut self) {
        for (name, endpoint) in [
            ("token_endpoint", &mut self.token_endpoint),
            ("revocation_endpoint", &mut self.revocation_endpoint),
            ("device_authorization_endpoint", &mut self.device_authorization_endpoint),
            ("pushed_authorization_request_endpoint", &mut self.pushed_authorization_request_endpoint),
            ("userinfo_endpoint", &mut self.userinfo_endpoint),
        ] {
            let alias = self.mtls_endpoint_aliases.get(name).and_then(Value::as_str);
            if let Some(alias) = alias.filter(|alias| !alias.is_empty()) {
                *endpoint = Some(alias.to_owned());
            }
        }
    }
}

/// The error of a document about `published`, which does not speak for `issuer`. Issuers are the same byte for byte.
fn foreign(issuer: &str, published: &str, dialect: &dyn Dialect) -> ProviderError {
    let detail = if published.strip_suffix('/') == Some(issuer) {
        "the discovery document names the issuer with a trailing slash, which the settings leave out"
    } else if issuer.strip_suffix('/') == Some(published) {
        "the discovery document names the issuer without the trailing slash, which the settings add"
    } else {
        "the discovery document names another issuer"
    };
    refused(detail).with_advice(dialect.check_address())
}

fn refused(detail: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://login.example/";

    fn document() -> Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://login.example/authorize",
            "token_endpoint": "https://login.example/token",
            "jwks_uri": "https://keys.example/jwks",
        })
    }

    fn read(document: &Value) -> Result<Metadata, ProviderError> {
        read_for(document, false)
    }

    fn read_for(document: &Value, mutual_tls: bool) -> Result<Metadata, ProviderError> {
        Metadata::read(document.to_string().as_bytes(), ISSUER, &crate::PlainOidc, Channel::Tls, mutual_tls)
    }

    #[test]
    fn a_client_with_a_certificate_uses_the_addresses_for_it() {
        let mut document = document();
        document["revocation_endpoint"] = json!("https://login.example/revoke");
        document["mtls_endpoint_aliases"] = json!({
            "token_endpoint": "https://mtls.login.example/token",
            "revocation_endpoint": "",
            "device_authorization_endpoint": "https://mtls.login.example/device",
            "pushed_authorization_request_endpoint": "https://mtls.login.example/par",
            "userinfo_endpoint": 7,
        });
        let (plain, mutual) = (read(&document).unwrap(), read_for(&document, true).unwrap());
        let url = |address| Url::parse(address).unwrap();
        assert_eq!(plain.token_endpoint, url("https://login.example/token"));
        assert_eq!(plain.device_authorization_endpoint, None);
        assert_eq!(mutual.token_endpoint, url("https://mtls.login.example/token"));
        assert_eq!(mutual.revocation_endpoint, Some(url("https://login.example/revoke")));
        assert_eq!(mutual.device_authorization_endpoint, Some(url("https://mtls.login.example/device")));
        assert_eq!(mutual.pushed_authorization_request_endpoint, Some(url("https://mtls.login.example/par")));
        assert_eq!(mutual.userinfo_endpoint, None);
        assert_eq!(mutual.authorization_endpoint, plain.authorization_endpoint);

        document["mtls_endpoint_aliases"]["token_endpoint"] = json!("http://mtls.login.example/token");
        assert!(read(&document).is_ok(), "nobody goes there");
        assert_eq!(read_for(&document, true).unwrap_err().kind(), ProviderErrorKind::Misconfigured);
    }

    #[test]
    fn what_is_not_used_may_be_missing_or_odd() {
        let mut document = document();
        document["mtls_endpoint_aliases"] = json!("none");
        document["response_types_supported"] = json!("code");
        document["revocation_endpoint"] = json!("");
        document["end_session_endpoint"] = json!(null);
        let metadata = read(&document).unwrap();
        assert_eq!(metadata.token_endpoint.as_str(), "https://login.example/token");
        assert_eq!(metadata.revocation_endpoint, None);
        assert_eq!(metadata.end_session_endpoint, None);
        assert!(!metadata.names_issuer);
    }

    #[test]
    fn the_issuer_matches_byte_for_byte() {
        for issuer in ["https://login.example", "https://LOGIN.example/", "https://login.example:443/"] {
            let mut document = document();
            document["issuer"] = json!(issuer);
            assert_eq!(read(&document).unwrap_err().kind(), ProviderErrorKind::Misconfigured, "{issuer}");
        }
    }

    #[test]
    fn no_endpoint_may_fall_back_to_http() {
        for name in
            ["authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint", "end_session_endpoint"]
        {
            let mut document = document();
            document[name] = json!("http://login.example/x");
            let error = read(&document).unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Misconfigured, "{name}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn addresses_we_cannot_do_without_are_required() {
        for name in ["issuer", "token_endpoint", "jwks_uri"] {
            let mut document = document();
            document.as_object_mut().unwrap().remove(name);
            assert_eq!(read(&document).unwrap_err().kind(), ProviderErrorKind::Misconfigured, "{name}");
        }
    }
}
