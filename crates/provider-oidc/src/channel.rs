//! [`Channel`]: over which addresses tokens may travel.

use oidc_session_core::{ProviderError, ProviderErrorKind};
use url::{Host, Url};

/// How an issuer and everything that belongs to it is reached. The issuer's own scheme decides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Channel {
    /// `https` only. An endpoint that falls back to `http` is refused, even on loopback.
    Tls,
    /// A development server: `http` to this very machine, or `https`.
    Loopback,
}

impl Channel {
    /// The channel of an issuer.
    pub(crate) fn of(issuer: &Url) -> Result<Self, ProviderError> {
        if issuer.query().is_some() || issuer.fragment().is_some() {
            return Err(refused("the issuer has a query or a fragment: leave it out"));
        }
        let channel = if issuer.scheme() == "http" { Self::Loopback } else { Self::Tls };
        channel.check(issuer, "issuer")?;
        Ok(channel)
    }

    /// The address of the endpoint called `name`, if tokens may travel there.
    pub(crate) fn endpoint(self, name: &'static str, address: &str) -> Result<Url, ProviderError> {
        let url = Url::parse(address).map_err(|_| refused(format!("the {name} is not a URL")))?;
        self.check(&url, name)?;
        Ok(url)
    }

    fn check(self, url: &Url, name: &'static str) -> Result<(), ProviderError> {
        let allowed = match (url.scheme(), self) {
            ("https", _) => true,
            ("http", Self::Loopback) => is_loopback(url),
            _ => false,
        };
        if !allowed {
            return Err(refused(format!("the {name} does not use https; http is for an issuer on loopback")));
        }
        // An HTTP client would send these as credentials of its own.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused(format!("the {name} contains a user name or a password: leave them out")));
        }
        Ok(())
    }
}

/// Whether an address is of this very machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

fn refused(detail: impl Into<String>) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_for_loopback_only() {
        for (issuer, expected) in [
            ("https://login.example", Some(Channel::Tls)),
            ("http://127.0.0.1:8080/realm", Some(Channel::Loopback)),
            ("http://127.8.9.10", Some(Channel::Loopback)),
            ("http://[::1]:8080", Some(Channel::Loopback)),
            ("http://localhost", Some(Channel::Loopback)),
            ("http://login.example", None),
            ("http://127.0.0.1.login.example", None),
            ("http://localhost.login.example", None),
            ("http://192.168.0.1", None),
            ("ftp://127.0.0.1", None),
            ("https://login.example?tenant=1", None),
            ("https://me:pw@login.example", None),
        ] {
            assert_eq!(Channel::of(&Url::parse(issuer).unwrap()).ok(), expected, "{issuer}");
        }
    }

    #[test]
    fn an_endpoint_is_never_weaker_than_its_issuer() {
        assert!(Channel::Tls.endpoint("token_endpoint", "https://elsewhere.example/t").is_ok());
        assert!(Channel::Tls.endpoint("token_endpoint", "http://127.0.0.1/t").is_err());
        assert!(Channel::Loopback.endpoint("token_endpoint", "http://127.0.0.1/t").is_ok());
        assert!(Channel::Loopback.endpoint("token_endpoint", "http://login.example/t").is_err());
        assert!(Channel::Loopback.endpoint("token_endpoint", "/relative").is_err());
    }
}
