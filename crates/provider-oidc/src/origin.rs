//! [`Origin`]: the host of an authorization server, as people type it.

use oidc_session_core::{ProviderError, ProviderErrorKind};
use url::Url;

use crate::channel::is_loopback;

/// The host of an authorization server, as people type it into a setting: `acme.example` or `https://acme.example/`.
///
/// Vendors make their issuers from it. A whole `http` URL is accepted for this very machine only, which is where
/// emulators and tests run.
///
/// ```
/// use oidc_session_provider_oidc::Origin;
///
/// let origin = Origin::parse("domain", "acme.eu.auth0.com")?;
/// assert_eq!(origin.issuer("/"), "https://acme.eu.auth0.com/");
/// assert_eq!(origin.host(), "acme.eu.auth0.com");
/// assert!(Origin::parse("domain", "https://acme.eu.auth0.com/authorize").is_err());
/// # Ok::<(), oidc_session_core::ProviderError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin(Url);

impl Origin {
    /// Reads the setting called `name`, which is only named in errors.
    ///
    /// Fails as `Misconfigured` if it is not a host name, or a URL with more than a host.
    pub fn parse(name: &str, text: &str) -> Result<Self, ProviderError> {
        let text = text.trim();
        let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let url = Url::parse(&whole).map_err(|_| refused(name, "is not a host name"))?;
        match url.scheme() {
            _ if url.host().is_none() => return Err(refused(name, "is not a host name")),
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => {
                return Err(
                    refused(name, "uses http, which is for this machine only").with_advice("leave the scheme out")
                );
            }
            _ => return Err(refused(name, "is not a host name")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused(name, "contains a user name or a password: leave them out"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(refused(name, "is more than a host").with_advice("leave out everything behind it"));
        }
        Ok(Self(url))
    }

    /// The host name.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The issuer at `path`, which begins with a slash or is empty; byte for byte, so a slash at its end counts.
    pub fn issuer(&self, path: &str) -> String {
        format!("{}{path}", self.0.as_str().trim_end_matches('/'))
    }
}

fn refused(name: &str, why: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, format!("the {name} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_understood() {
        for (text, issuer) in [
            ("acme.example", "https://acme.example"),
            (" acme.example ", "https://acme.example"),
            ("https://acme.example/", "https://acme.example"),
            ("acme.example:8443", "https://acme.example:8443"),
            ("http://127.0.0.1:99", "http://127.0.0.1:99"),
            ("http://localhost:99/", "http://localhost:99"),
            ("http://[::1]:99/", "http://[::1]:99"),
        ] {
            assert_eq!(Origin::parse("domain", text).unwrap().issuer(""), issuer, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_host_is_refused_by_name() {
        for (text, why) in [
            ("", "is not a host name"),
            ("a b", "is not a host name"),
            ("ftp://acme.example", "is not a host name"),
            ("http://acme.example", "leave the scheme out"),
            ("acme.example/oauth2/default", "leave out everything behind it"),
            ("https://acme.example/?a=b", "leave out everything behind it"),
            ("https://user:pw@acme.example", "user name"),
        ] {
            let error = Origin::parse("domain", text).unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
            assert!(error.to_string().starts_with("the domain ") && error.to_string().contains(why), "{text}: {error}");
        }
    }
}
