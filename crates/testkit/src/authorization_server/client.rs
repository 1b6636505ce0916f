//! [`Client`]: a registration at the authorization server.

use std::fmt;

use url::{Host, Url};

use super::opaque::Digest;

/// A client the server knows: its id, its secret if it has one, and where it may be sent back to.
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
    secret: Option<Digest>,
    redirect_uris: Vec<Url>,
    post_logout_redirect_uris: Vec<Url>,
}

impl Client {
    /// A client that cannot keep a secret: it must use PKCE, and may not authenticate.
    pub fn public(id: impl Into<String>) -> Self {
        Self { id: id.into(), secret: None, redirect_uris: Vec::new(), post_logout_redirect_uris: Vec::new() }
    }

    /// A client that must authenticate, with `client_secret_basic` or `client_secret_post`.
    pub fn confidential(id: impl Into<String>, secret: impl AsRef<str>) -> Self {
        Self { secret: Some(Digest::of(secret.as_ref())), ..Self::public(id) }
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
        self.secret.is_none()
    }

    pub(super) fn has_secret(&self, presented: &str) -> bool {
        self.secret == Some(Digest::of(presented))
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
