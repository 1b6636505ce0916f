//! [`Client`]: a registration at the authorization server.

use std::fmt;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey};
use url::{Host, Url};

use super::opaque::Digest;

/// A client the server knows: its id, how it authenticates if it does, and where it may be sent back to.
///
/// Until a redirect URI is registered, the client has the path `/callback` on every loopback address; until a post-logout
/// redirect URI is, the path `/`. A registered loopback URI, such as `http://127.0.0.1/back`, stands for itself on every
/// port (RFC 8252 §7.3); every other URI matches exactly.
///
/// ```
/// use oidc_session_testkit::Client;
///
/// let client = Client::confidential("billing", "secret").redirect_uri("https://billing.example/callback".parse()?);
/// assert_eq!(client.id(), "billing");
/// # Ok::<(), url::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Client {
    id: String,
    credential: Credential,
    redirect_uris: Vec<Url>,
    post_logout_redirect_uris: Vec<Url>,
}

/// How a client authenticates.
#[derive(Clone)]
enum Credential {
    None,
    /// It sends its secret.
    Secret(Digest),
    /// It signs with its secret.
    SharedKey(DecodingKey),
    /// It signs with its private key, by this algorithm if the key says so.
    PublicKey(DecodingKey, Option<Algorithm>),
}

impl Client {
    /// A client that cannot keep a secret: it must use PKCE, and may not authenticate.
    pub fn public(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            credential: Credential::None,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
        }
    }

    /// A client that must authenticate, with `client_secret_basic` or `client_secret_post`.
    pub fn confidential(id: impl Into<String>, secret: impl AsRef<str>) -> Self {
        Self { credential: Credential::Secret(Digest::of(secret.as_ref())), ..Self::public(id) }
    }

    /// A client that must authenticate with `client_secret_jwt`: it signs assertions with its secret (OIDC Core 9).
    pub fn client_secret_jwt(id: impl Into<String>, secret: impl AsRef<str>) -> Self {
        let key = DecodingKey::from_secret(secret.as_ref().as_bytes());
        Self { credential: Credential::SharedKey(key), ..Self::public(id) }
    }

    /// A client that must authenticate with `private_key_jwt`: it signs assertions with the private key to this public
    /// one, a JWK (RFC 7517) in JSON. If the JWK has an `alg`, assertions must be signed by it.
    ///
    /// Fails if that is not a public key for signatures.
    pub fn private_key_jwt(id: impl Into<String>, jwk: &str) -> Result<Self, InvalidKey> {
        let jwk: Jwk = serde_json::from_str(jwk).map_err(|_| InvalidKey)?;
        if matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_)) {
            return Err(InvalidKey);
        }
        let key = DecodingKey::from_jwk(&jwk).map_err(|_| InvalidKey)?;
        let algorithm = jwk.common.key_algorithm.map(Algorithm::try_from).transpose().map_err(|_| InvalidKey)?;
        Ok(Self { credential: Credential::PublicKey(key, algorithm), ..Self::public(id) })
    }

    /// Registers a redirect URI.
    #[must_use]
    pub fn redirect_uri(mut self, uri: Url) -> Self {
        self.redirect_uris.push(uri);
        self
    }

    /// Registers a URI to return to after logout.
    #[must_use]
    pub fn post_logout_redirect_uri(mut self, uri: Url) -> Self {
        self.post_logout_redirect_uris.push(uri);
        self
    }

    /// The client id.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn is_public(&self) -> bool {
        matches!(self.credential, Credential::None)
    }

    pub(super) fn has_secret(&self, presented: &str) -> bool {
        matches!(self.credential, Credential::Secret(secret) if secret == Digest::of(presented))
    }

    /// The key for assertions signed by `algorithm`, if the client signs any that way.
    pub(super) fn assertion_key(&self, algorithm: Algorithm) -> Option<&DecodingKey> {
        // Never by the word of the assertion alone: a public key is not to be taken for a shared one.
        let symmetric = matches!(algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512);
        match &self.credential {
            Credential::SharedKey(key) if symmetric => Some(key),
            Credential::PublicKey(key, expected) if !symmetric && expected.is_none_or(|it| it == algorithm) => {
                Some(key)
            }
            _ => None,
        }
    }

    pub(super) fn may_redirect_to(&self, uri: &Url) -> bool {
        is_registered(&self.redirect_uris, "/callback", uri)
    }

    pub(super) fn may_return_to(&self, uri: &Url) -> bool {
        is_registered(&self.post_logout_redirect_uris, "/", uri)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("id", &self.id).field("public", &self.is_public()).finish_non_exhaustive()
    }
}

/// A key that nobody can check assertions with.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a public JWK for signatures")]
pub struct InvalidKey;

fn is_registered(registered: &[Url], default_path: &str, uri: &Url) -> bool {
    if registered.is_empty() {
        return is_loopback(uri) && uri.path() == default_path && uri.query().is_none() && is_plain(uri);
    }
    registered.iter().any(|known| {
        known == uri || (is_loopback(known) && is_loopback(uri) && with_port_of(known, uri).as_ref() == Some(known))
    })
}

/// `http` on a loopback address. Not `localhost`: a name may resolve to anything (RFC 8252 §8.3).
fn is_loopback(uri: &Url) -> bool {
    uri.scheme() == "http"
        && match uri.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(_)) | None => false,
        }
}

fn is_plain(uri: &Url) -> bool {
    uri.username().is_empty() && uri.password().is_none() && uri.fragment().is_none()
}

fn with_port_of(known: &Url, uri: &Url) -> Option<Url> {
    let mut moved = uri.clone();
    moved.set_port(known.port()).ok()?;
    Some(moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(url: &str) -> Url {
        url.parse().unwrap()
    }

    #[test]
    fn only_loopback_addresses_may_change_their_port() {
        let client = Client::public("native-app")
            .redirect_uri(url("http://127.0.0.1/back"))
            .redirect_uri(url("http://[::1]/back"))
            .redirect_uri(url("http://localhost:8000/back"))
            .redirect_uri(url("https://app.example/back"));
        for (uri, allowed) in [
            ("http://127.0.0.1/back", true),
            ("http://127.0.0.1:49152/back", true),
            ("http://[::1]:49152/back", true),
            ("http://localhost:8000/back", true),
            ("http://localhost:8001/back", false),
            ("https://app.example/back", true),
            ("https://app.example:8443/back", false),
            ("https://127.0.0.1:49152/back", false),
            ("http://127.0.0.2:49152/back", false),
            ("http://127.0.0.1:49152/elsewhere", false),
            ("http://127.0.0.1:49152/back?more", false),
            ("http://mallory@127.0.0.1:49152/back", false),
            ("https://app.example.evil.example/back", false),
        ] {
            assert_eq!(client.may_redirect_to(&url(uri)), allowed, "{uri}");
        }
    }

    #[test]
    fn a_client_without_registered_uris_has_the_loopback_ones() {
        let client = Client::public("native-app");
        assert!(client.may_redirect_to(&url("http://127.0.0.1:1234/callback")));
        assert!(client.may_redirect_to(&url("http://[::1]:1234/callback")));
        assert!(!client.may_redirect_to(&url("http://127.0.0.1:1234/")));
        assert!(!client.may_redirect_to(&url("https://app.example/callback")));
        assert!(client.may_return_to(&url("http://127.0.0.1:1234/")));
    }

    #[test]
    fn the_secret_is_checked_and_never_printed() {
        let client = Client::confidential("web-app", "hunter2");
        assert!(client.has_secret("hunter2") && !client.has_secret("hunter3"));
        assert!(!Client::public("native-app").has_secret(""));
        assert!(!format!("{client:?}").contains("hunter2"));
    }
}
