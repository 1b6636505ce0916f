//! [`ResourceOrigin`]: a server that may be sent access tokens.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// A server that may be sent access tokens: scheme, host and port, and nothing else.
///
/// `https` only; `http` is for this very machine. What is sent elsewhere, be it another port or a subdomain, carries no token.
///
/// ```
/// use oidc_session_http_client::ResourceOrigin;
///
/// let origin: ResourceOrigin = "https://API.example:443".parse()?;
/// assert_eq!(origin.to_string(), "https://api.example");
/// assert!("http://api.example".parse::<ResourceOrigin>().is_err());
/// assert!("https://api.example/v1".parse::<ResourceOrigin>().is_err());
/// # Ok::<(), oidc_session_http_client::InvalidOrigin>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResourceOrigin {
    scheme: Scheme,
    host: String,
    port: u16,
}

/// Why a text is not the origin of a resource server. It does not quote the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidOrigin(&'static str);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scheme {
    Http,
    Https,
}

/// Where a request goes, as its client has it.
#[derive(Clone, Copy)]
pub(crate) enum Address<'a> {
    #[cfg_attr(not(feature = "reqwest"), expect(dead_code, reason = "only that client has such addresses"))]
    Url(&'a Url),
    #[cfg_attr(not(feature = "tower"), expect(dead_code, reason = "only that client has such addresses"))]
    Uri(&'a http::Uri),
}

impl ResourceOrigin {
    /// The origin of `url`, whatever its path.
    ///
    /// # Errors
    ///
    /// It is neither an `https` URL nor an `http` one of this machine, or it has a user name or a password.
    pub fn of(url: &Url) -> Result<Self, InvalidOrigin> {
        let host = url.host().ok_or(InvalidOrigin("has no host"))?;
        let scheme = match url.scheme() {
            "https" => Scheme::Https,
            "http" if is_loopback(&host) => Scheme::Http,
            "http" => return Err(InvalidOrigin("uses http, which is for this machine only")),
            _ => return Err(InvalidOrigin("is not an https URL")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidOrigin("has a user name or a password"));
        }
        Ok(Self { scheme, host: host.to_string(), port: url.port().unwrap_or(scheme.default_port()) })
    }

    /// Whether a request to `address` goes there. The host is compared in the one form that `Url` gives it: an address
    /// in any other form does not fit, and gets no token.
    pub(crate) fn is_of(&self, address: Address<'_>) -> bool {
        let (scheme, host, port) = match address {
            Address::Url(url) => (url.scheme(), url.host_str(), url.port()),
            Address::Uri(uri) => {
                let port = uri.port_u16();
                // What stands behind a host and is no number is nobody's port.
                let host = uri.authority().filter(|all| port.is_some() || all.as_str().ends_with(all.host()));
                (uri.scheme_str().unwrap_or_default(), host.map(http::uri::Authority::host), port)
            }
        };
        let is_scheme = scheme.eq_ignore_ascii_case(self.scheme.as_str());
        let is_host = host.is_some_and(|host| host.eq_ignore_ascii_case(&self.host));
        is_scheme && is_host && port.unwrap_or(self.scheme.default_port()) == self.port
    }
}

impl Address<'_> {
    /// The address as a URL, for what is signed.
    #[cfg(feature = "dpop")]
    pub(crate) fn to_url(self) -> Option<Url> {
        match self {
            Self::Url(url) => Some(url.clone()),
            Self::Uri(uri) => Url::parse(&uri.to_string()).ok(),
        }
    }
}

impl Scheme {
    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
    }
}

impl FromStr for ResourceOrigin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let url = Url::parse(text).map_err(|_| InvalidOrigin("is not a URL"))?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidOrigin("is more than scheme, host and port"));
        }
        Self::of(&url)
    }
}

impl fmt::Display for ResourceOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port == self.scheme.default_port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the origin of a resource server {}", self.0)
    }
}

impl Error for InvalidOrigin {}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> ResourceOrigin {
        text.parse().unwrap()
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for text in ["https://api.example", "https://API.Example:443/", "https://api.example/"] {
            assert_eq!(origin(text).to_string(), "https://api.example");
        }
        assert_eq!(origin("http://[::1]:8080").to_string(), "http://[::1]:8080");
        assert_eq!(origin("https://bücher.example").to_string(), "https://xn--bcher-kva.example");
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "",
            "api.example",
            "ftp://api.example",
            "http://api.example",
            "http://127.0.0.1.nip.example",
            "http://localhost.example",
            "https://api@evil.example",
            "https://api.example/v1",
            "https://api.example/?q",
            "https://api.example/#f",
            "data:text/plain,x",
        ] {
            assert!(text.parse::<ResourceOrigin>().is_err(), "{text}");
        }
        let error = "https://secret@evil.example".parse::<ResourceOrigin>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }

    #[test]
    fn an_address_fits_its_own_origin_only_in_either_form() {
        let api = origin("https://api.example");
        for (address, fits) in [
            ("https://api.example/v1?q=1", true),
            ("https://API.EXAMPLE:443/", true),
            ("HTTPS://api.example/", true),
            ("https://somebody@api.example/", true),
            ("http://api.example/", false),
            ("http://api.example:443/", false),
            ("https://api.example:8443/", false),
            ("https://api.example./", false),
            ("https://v1.api.example/", false),
            ("https://api.example.evil.example/", false),
            ("https://api.example@evil.example/", false),
            ("https://api.example:443@evil.example/", false),
            ("https://evil.example/https://api.example/", false),
            ("https://evil.example/#@api.example", false),
        ] {
            assert_eq!(api.is_of(Address::Url(&Url::parse(address).unwrap())), fits, "{address}");
            if let Ok(uri) = address.parse::<http::Uri>() {
                assert_eq!(api.is_of(Address::Uri(&uri)), fits, "{address}");
            }
        }
    }

    #[test]
    fn a_uri_without_a_host_fits_nothing() {
        for uri in ["/v1", "api.example", "api.example:443", "*", "https://api.example:/", "https://api.example:99999/"]
        {
            let fits = uri.parse().is_ok_and(|uri| origin("https://api.example").is_of(Address::Uri(&uri)));
            assert!(!fits, "{uri}");
        }
    }

    #[test]
    fn what_a_parser_of_urls_would_make_of_it_does_not_count_for_a_uri() {
        // A URL parser takes a backslash for a slash, and these numbers for 127.0.0.1.
        assert!("https://evil.example\\@api.example/".parse::<http::Uri>().is_err());
        let local = origin("http://127.0.0.1:80");
        for uri in ["http://127.1/", "http://0x7f.0.0.1/", "http://2130706433/"] {
            assert!(!local.is_of(Address::Uri(&uri.parse().unwrap())), "{uri}");
        }
    }
}
