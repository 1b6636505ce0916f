//! [`ExternalId`]: tenants of customers.

use oidc_session_core::ProviderError;
use oidc_session_provider_oidc::{Oidc, OidcBuilder};

use crate::authority::{Authority, wrong_setting};
use crate::domain::domain;
use crate::entra_dialect::EntraDialect;
use crate::guid::Guid;
use crate::issuers::{Issuers, Tenants};

/// Microsoft Entra External ID: a tenant of customers.
///
/// ```
/// use oidc_session_provider_azure::ExternalId;
///
/// let provider = ExternalId::new("contoso", "contoso.onmicrosoft.com")?
///     .client("11111111-2222-3333-4444-555555555555")
///     .build()?;
/// # Ok::<(), oidc_session_core::ProviderError>(())
/// ```
///
/// Its metadata is at `{subdomain}.ciamlogin.com`, while its tokens name `{tenant id}.ciamlogin.com` as their issuer.
/// Both are expected here.
#[derive(Clone, Debug)]
#[must_use = "this is configuration: make a client of it"]
pub struct ExternalId {
    authority: Authority,
    tenant: String,
    id: Option<Guid>,
}

impl ExternalId {
    /// The tenant at `{subdomain}.ciamlogin.com`, named by its id or by its domain, such as `contoso.onmicrosoft.com`.
    ///
    /// With the id, no other tenant's tokens are ever taken for its own. Fails as `Misconfigured` if one is not what it
    /// should be.
    pub fn new(subdomain: &str, tenant: &str) -> Result<Self, ProviderError> {
        let subdomain = domain(subdomain)
            .map(|name| name.strip_suffix(".ciamlogin.com").map(str::to_owned).unwrap_or(name))
            .filter(|name| !name.contains('.'))
            .ok_or_else(|| {
                wrong_setting(
                    "the subdomain is not one",
                    "write what stands before .ciamlogin.com; give another host to custom_domain",
                )
            })?;
        let id = Guid::parse(tenant);
        let tenant = match (&id, domain(tenant)) {
            (Some(id), _) => id.as_str().to_owned(),
            (None, Some(domain)) if domain.contains('.') => domain,
            _ => {
                let advice = "write its id, like 11111111-2222-3333-4444-555555555555, or contoso.onmicrosoft.com";
                return Err(wrong_setting("the tenant is neither an id nor a domain", advice));
            }
        };
        Ok(Self { authority: Authority::at(&format!("{subdomain}.ciamlogin.com")), tenant, id })
    }

    /// The custom URL domain of the tenant: a bare host name, or a whole `http` URL for an emulator on loopback.
    ///
    /// Fails as `Misconfigured` if it is anything else.
    pub fn custom_domain(self, host: &str) -> Result<Self, ProviderError> {
        Ok(Self { authority: Authority::parse(host)?, ..self })
    }

    /// Starts building the provider for one app registration, named by its application (client) id.
    pub fn client(&self, client_id: impl Into<String>) -> OidcBuilder {
        let issuer = format!("{}/{}/v2.0", self.authority.as_str(), self.tenant);
        let tenants = self.id.clone().map_or(Tenants::Named, Tenants::One);
        Oidc::builder(&issuer, client_id).dialect(EntraDialect {
            provider_id: "entra-external-id",
            issuers: Issuers { authority: self.authority.clone(), tenants, own_hosts: true },
            check_address: "check the subdomain and the tenant",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_names_subdomain_and_tenant() {
        let id = "11111111-2222-3333-4444-555555555555";
        for (config, issuer) in [
            (ExternalId::new("Contoso", id), format!("https://contoso.ciamlogin.com/{id}/v2.0")),
            (
                ExternalId::new("contoso.ciamlogin.com", "contoso.onmicrosoft.com"),
                "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/v2.0".into(),
            ),
            (
                ExternalId::new("contoso", id).and_then(|config| config.custom_domain("login.contoso.com")),
                format!("https://login.contoso.com/{id}/v2.0"),
            ),
        ] {
            let shown = format!("{:?}", config.unwrap().client("my-app").build().unwrap());
            assert!(shown.contains(&format!("issuer: \"{issuer}\"")), "{shown}");
        }
    }

    #[test]
    fn a_wrong_setting_names_its_fix() {
        for (result, fix) in [
            (ExternalId::new("", "contoso.onmicrosoft.com"), "what stands before .ciamlogin.com"),
            (ExternalId::new("login.contoso.com", "contoso.onmicrosoft.com"), "custom_domain"),
            (ExternalId::new("contoso", "contoso"), "write its id"),
            (ExternalId::new("contoso", "contoso.com/x"), "write its id"),
        ] {
            let error = result.unwrap_err();
            assert!(error.to_string().contains(fix), "{error}");
        }
    }
}
