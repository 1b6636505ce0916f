//! [`Authority`]: at which host an authorization server is.

use oidc_session_core::{ProviderError, ProviderErrorKind};
use oidc_session_provider_oidc::Origin;

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
        let origin = Origin::parse("host", text).map_err(|error| match error.advice() {
            Some(_) => error,
            None => error.with_advice("write it like login.contoso.com"),
        })?;
        Ok(Self(origin.issuer("")))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A setting that cannot be right, and what would be.
pub(crate) fn wrong_setting(detail: &str, advice: &'static str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, detail).with_advice(advice)
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
            ("http://login.contoso.com", "leave the scheme out"),
            ("http://127.0.0.1.contoso.com", "leave the scheme out"),
            ("login.contoso.com/tenant", "leave out everything behind it"),
            ("login.contoso.com?p=B2C_1_x", "leave out everything behind it"),
            ("me:pw@login.contoso.com", "user name"),
        ] {
            let error = Authority::parse(text).unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
            assert!(error.to_string().contains(fix), "{text}: {error}");
        }
    }
}
