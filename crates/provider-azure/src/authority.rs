//! [`Authority`]: at which host an authorization server is.

use oidc_session_core::{ProviderError, ProviderErrorKind};
use url::{Host, Url};

/// Scheme and host of an authorization server, such as `https://login.microsoftonline.com`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Authority(String);

impl Authority {
    /// The authority at a host that is known to be one.
    pub(crate) fn at(host: &str) -> Self {
        Self(format!("https://{host}"))
    }

    /// Reads a bare host, or a whole URL without a path. `http` is for loopback.
    pub(crate) fn parse(text: &str) -> Result<Self, ProviderError> {
        let address = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let url = Url::parse(&address)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
            .ok_or_else(|| wrong_setting("the host is not one", "write it like login.contoso.com"))?;
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(wrong_setting("the host is reached over http", "write https; http is for loopback"));
        }
        let is_bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !is_bare {
            return Err(wrong_setting(
                "the host is more than a host",
                "leave out what follows it; the path is made here",
            ));
        }
        Ok(Self(url.origin().ascii_serialization()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A setting that cannot be right, and what would be.
pub(crate) fn wrong_setting(detail: &str, advice: &'static str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, detail).with_advice(advice)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_be_written_in_several_ways() {
        for (text, expected) in [
            ("login.contoso.com", "https://login.contoso.com"),
            ("Login.Contoso.com/", "https://login.contoso.com"),
            ("https://login.contoso.com", "https://login.contoso.com"),
            ("https://login.contoso.com:443/", "https://login.contoso.com"),
            ("https://login.contoso.com:8443", "https://login.contoso.com:8443"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://localhost:8080/", "http://localhost:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(Authority::parse(text).unwrap().as_str(), expected, "{text}");
        }
    }

    #[test]
    fn a_wrong_host_names_its_fix() {
        for (text, fix) in [
            ("", "write it like login.contoso.com"),
            ("ftp://login.contoso.com", "write it like login.contoso.com"),
            ("http://login.contoso.com", "write https"),
            ("http://127.0.0.1.contoso.com", "write https"),
            ("login.contoso.com/tenant", "leave out what follows it"),
            ("login.contoso.com?p=B2C_1_x", "leave out what follows it"),
            ("me:pw@login.contoso.com", "leave out what follows it"),
        ] {
            let error = Authority::parse(text).unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
            assert!(error.to_string().contains(fix), "{text}: {error}");
        }
    }
}
