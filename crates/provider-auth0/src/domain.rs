//! The domain of a tenant, as people write it.

use oidc_session_core::{ProviderError, ProviderErrorKind};
use oidc_session_provider_oidc::Origin;
use url::{Host, Url};

/// What to do about a domain that leads nowhere.
pub(crate) const ADVICE: &str =
    "use the Domain from the application's settings, such as acme.eu.auth0.com, or the tenant's custom domain";

/// The issuer of `domain`: `https://{domain}/`.
pub(crate) fn issuer(domain: &str) -> Result<Url, ProviderError> {
    let origin = Origin::parse("domain", domain).map_err(|error| error.with_advice(ADVICE))?;
    let issuer = Url::parse(&origin.issuer("/")).map_err(|_| refused("the domain is not a host name"))?;
    // The name of a tenant alone. It would be looked up in the local network.
    if let Some(Host::Domain(name)) = issuer.host()
        && !name.contains('.')
        && name != "localhost"
    {
        return Err(refused("the domain is not a whole one"));
    }
    Ok(issuer)
}

fn refused(detail: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, detail).with_advice(ADVICE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_ends_in_a_slash_however_the_domain_is_written() {
        for (domain, expected) in [
            ("acme.eu.auth0.com", "https://acme.eu.auth0.com/"),
            ("acme.eu.auth0.com/", "https://acme.eu.auth0.com/"),
            (" https://acme.eu.auth0.com\n", "https://acme.eu.auth0.com/"),
            ("https://ACME.eu.auth0.com/", "https://acme.eu.auth0.com/"),
            ("login.acme.example", "https://login.acme.example/"),
            ("localhost:8443", "https://localhost:8443/"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("http://[::1]:8080/", "http://[::1]:8080/"),
            ("http://localhost:8080", "http://localhost:8080/"),
        ] {
            assert_eq!(issuer(domain).unwrap().as_str(), expected, "{domain}");
        }
    }

    #[test]
    fn what_is_not_a_domain_is_refused_with_where_to_find_it() {
        for domain in [
            "",
            "/",
            "acme",
            "acme eu.auth0.com",
            "acme.eu.auth0.com/authorize",
            "https://acme.eu.auth0.com//",
            "acme.eu.auth0.com?x=1",
            "acme.eu.auth0.com#x",
            "me:pw@acme.eu.auth0.com",
            "http://acme.eu.auth0.com",
            "http://127.0.0.1.acme.example",
            "http://192.168.0.1",
            "ftp://127.0.0.1",
            "mailto://acme.eu.auth0.com",
        ] {
            let error = issuer(domain).unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Misconfigured, "{domain}");
            assert_eq!(error.advice(), Some(ADVICE), "{domain}");
            assert!(!error.to_string().contains("pw"), "{error}");
        }
    }
}
