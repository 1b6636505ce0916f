//! The address of a host, as people write it.

use oidc_session_core::{ProviderError, ProviderErrorKind};
use oidc_session_provider_oidc::Origin;
use url::Url;

/// A bare host name, or a whole URL with nothing behind the host. `http` is for this very machine.
pub(crate) fn address(written: &str) -> Result<Url, ProviderError> {
    let origin = Origin::parse("address", written)?;
    Url::parse(&origin.issuer("/")).map_err(|_| misconfigured("the address is not a host name"))
}

/// The address of `path` at `base`, whose own path may end in a slash or not.
pub(crate) fn below(base: &Url, path: &str) -> String {
    format!("{}/{path}", base.as_str().trim_end_matches('/'))
}

pub(crate) fn misconfigured(detail: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_be_written_bare_or_as_a_url() {
        for (written, expected) in [
            ("acme.auth.eu-west-1.amazoncognito.com", Some("https://acme.auth.eu-west-1.amazoncognito.com/")),
            ("https://auth.acme.example/", Some("https://auth.acme.example/")),
            ("http://127.0.0.1:9229", Some("http://127.0.0.1:9229/")),
            ("http://localhost:4566", Some("http://localhost:4566/")),
            ("http://[::1]:4566", Some("http://[::1]:4566/")),
            ("http://auth.acme.example", None),
            ("ftp://127.0.0.1", None),
            ("https://auth.acme.example/?tenant=1", None),
            ("https://auth.acme.example/#top", None),
            ("https://me:pw@auth.acme.example", None),
            ("me@auth.acme.example", None),
            ("", None),
            ("not a host", None),
        ] {
            let found = address(written);
            assert_eq!(found.as_ref().ok().map(Url::as_str), expected, "{written}");
            if let Err(error) = found {
                assert_eq!(error.kind(), ProviderErrorKind::Misconfigured, "{written}");
            }
        }
    }
}
