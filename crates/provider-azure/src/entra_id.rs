//! [`EntraId`]: tenants of employees and partners.

use oidc_session_core::ProviderError;
use oidc_session_provider_oidc::{Oidc, OidcBuilder};

use crate::Cloud;
use crate::authority::{Authority, wrong_setting};
use crate::domain::domain;
use crate::entra_dialect::EntraDialect;
use crate::guid::Guid;
use crate::issuers::{Issuers, Tenants};

/// Microsoft Entra ID, in the form of its v2.0 endpoints.
///
/// ```
/// use oidc_session_provider_azure::{Cloud, EntraId};
///
/// // One tenant, by its id or a verified domain.
/// let tenant = EntraId::tenant("contoso.onmicrosoft.com")?;
/// // Any organization's users, of two organizations.
/// let partners = EntraId::organizations()
///     .allowed_tenants(["11111111-2222-3333-4444-555555555555", "22222222-3333-4444-5555-666666666666"])?;
/// // A tenant of Azure Government.
/// let government = EntraId::tenant("contoso.onmicrosoft.us")?.cloud(Cloud::UsGovernment);
///
/// let provider = tenant.client("11111111-2222-3333-4444-555555555555").build()?;
/// # Ok::<(), oidc_session_core::ProviderError>(())
/// ```
///
/// A refresh asks for the scope of the sign-in, of one resource: of an API rather than of Microsoft Graph. The access
/// token for each further resource is a [`Target`](oidc_session_core::Target), such as
/// `Target::resource("https://graph.microsoft.com")`.
#[derive(Clone, Debug)]
#[must_use = "this is configuration: make a client of it"]
pub struct EntraId {
    authority: Authority,
    tenant: Tenant,
    allowed: Vec<Guid>,
}

#[derive(Clone, Debug)]
enum Tenant {
    Id(Guid),
    Domain(String),
    Common,
    Organizations,
    Consumers,
}

impl EntraId {
    /// One tenant, named by its id or by a verified domain such as `contoso.onmicrosoft.com`.
    ///
    /// Fails as `Misconfigured` if it is neither.
    pub fn tenant(id_or_domain: &str) -> Result<Self, ProviderError> {
        let tenant = match (Guid::parse(id_or_domain), domain(id_or_domain)) {
            (Some(id), _) => Tenant::Id(id),
            (None, Some(domain)) if domain.contains('.') => Tenant::Domain(domain),
            (None, Some(name)) if matches!(name.as_str(), "common" | "organizations" | "consumers") => {
                let advice = "use EntraId::common, EntraId::organizations or EntraId::consumers";
                return Err(wrong_setting("this names many tenants and not one", advice));
            }
            _ => {
                let advice = "write its id, like 11111111-2222-3333-4444-555555555555, or a verified domain";
                return Err(wrong_setting("the tenant is neither an id nor a domain", advice));
            }
        };
        Ok(Self::of(tenant))
    }

    /// The users of every organization, and personal Microsoft accounts.
    ///
    /// That is anybody: unless the application is for the public, name the tenants with
    /// [`allowed_tenants`](Self::allowed_tenants).
    pub fn common() -> Self {
        Self::of(Tenant::Common)
    }

    /// The users of every organization; see [`common`](Self::common).
    pub fn organizations() -> Self {
        Self::of(Tenant::Organizations)
    }

    /// Personal Microsoft accounts.
    pub fn consumers() -> Self {
        Self::of(Tenant::Consumers)
    }

    /// Of [`common`](Self::common) or [`organizations`](Self::organizations) only these tenants, named by their ids.
    /// Default: all.
    ///
    /// Users of others cannot sign in, and sessions of theirs are no longer refreshed. Fails as `Misconfigured` if one
    /// is not an id, if there is none, or if this is one tenant anyway.
    pub fn allowed_tenants<T: AsRef<str>>(self, ids: impl IntoIterator<Item = T>) -> Result<Self, ProviderError> {
        if !matches!(self.tenant, Tenant::Common | Tenant::Organizations) {
            let advice = "leave the allowed tenants out, or use EntraId::common or EntraId::organizations";
            return Err(wrong_setting("this is one tenant already", advice));
        }
        let allowed: Option<Vec<_>> = ids.into_iter().map(|id| Guid::parse(id.as_ref())).collect();
        match allowed {
            Some(allowed) if allowed.is_empty() => {
                Err(wrong_setting("no tenant is allowed", "name at least one, or leave the allowed tenants out"))
            }
            Some(allowed) => Ok(Self { allowed, ..self }),
            None => Err(wrong_setting(
                "an allowed tenant is not an id",
                "write its id, like 11111111-2222-3333-4444-555555555555: tokens do not tell domains",
            )),
        }
    }

    /// The cloud that the tenant is in. Default: [`Cloud::Public`].
    pub fn cloud(self, cloud: Cloud) -> Self {
        Self { authority: Authority::at(cloud.host()), ..self }
    }

    /// Another host than that of a [`Cloud`]: a bare host name, or a whole `http` URL for an emulator on loopback.
    ///
    /// Fails as `Misconfigured` if it is anything else.
    pub fn authority(self, host: &str) -> Result<Self, ProviderError> {
        Ok(Self { authority: Authority::parse(host)?, ..self })
    }

    /// Starts building the provider for one app registration, named by its application (client) id.
    pub fn client(&self, client_id: impl Into<String>) -> OidcBuilder {
        let issuer = format!("{}/{}/v2.0", self.authority.as_str(), self.tenant.name());
        Oidc::builder(&issuer, client_id).dialect(self.dialect())
    }

    fn of(tenant: Tenant) -> Self {
        Self { authority: Authority::at(Cloud::default().host()), tenant, allowed: Vec::new() }
    }

    fn dialect(&self) -> EntraDialect {
        let many = |personal_accounts| Tenants::Many { allowed: self.allowed.clone(), personal_accounts };
        let tenants = match &self.tenant {
            Tenant::Id(id) => Tenants::One(id.clone()),
            Tenant::Domain(_) => Tenants::Named,
            Tenant::Consumers => Guid::parse(Guid::PERSONAL_ACCOUNTS).map_or(Tenants::Named, Tenants::One),
            Tenant::Common => many(true),
            Tenant::Organizations => many(false),
        };
        EntraDialect {
            provider_id: "entra-id",
            issuers: Issuers { authority: self.authority.clone(), tenants, own_hosts: false },
            check_address: "check the tenant, and the cloud it is in",
        }
    }
}

impl Tenant {
    /// Its place in addresses.
    fn name(&self) -> &str {
        match self {
            Self::Id(id) => id.as_str(),
            Self::Domain(domain) => domain,
            Self::Common => "common",
            Self::Organizations => "organizations",
            Self::Consumers => "consumers",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "11111111-2222-3333-4444-555555555555";

    #[test]
    fn a_wrong_setting_names_its_fix() {
        for (result, fix) in [
            (EntraId::tenant(""), "write its id"),
            (EntraId::tenant("contoso"), "a verified domain"),
            (EntraId::tenant("{11111111-2222-3333-4444-555555555555}"), "write its id"),
            (EntraId::tenant("contoso.com/v2.0"), "write its id"),
            (EntraId::tenant("https://login.microsoftonline.com/contoso.com"), "write its id"),
            (EntraId::tenant("Common"), "EntraId::common"),
            (EntraId::common().allowed_tenants(["contoso.com"]), "write its id"),
            (EntraId::common().allowed_tenants::<&str>([]), "name at least one"),
            (EntraId::consumers().allowed_tenants([ID]), "leave the allowed tenants out"),
            (EntraId::tenant(ID).unwrap().allowed_tenants([ID]), "leave the allowed tenants out"),
            (EntraId::common().authority("login.contoso.com/common"), "leave out everything behind it"),
        ] {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), oidc_session_core::ProviderErrorKind::Misconfigured);
            assert!(error.to_string().contains(fix), "{error}");
        }
    }

    #[test]
    fn the_address_names_cloud_and_tenant() {
        for (config, issuer) in [
            (EntraId::tenant(&ID.to_uppercase()).unwrap(), format!("https://login.microsoftonline.com/{ID}/v2.0")),
            (EntraId::tenant("Contoso.com").unwrap(), "https://login.microsoftonline.com/contoso.com/v2.0".into()),
            (EntraId::common(), "https://login.microsoftonline.com/common/v2.0".into()),
            (EntraId::organizations(), "https://login.microsoftonline.com/organizations/v2.0".into()),
            (EntraId::consumers(), "https://login.microsoftonline.com/consumers/v2.0".into()),
            (EntraId::common().cloud(Cloud::UsGovernment), "https://login.microsoftonline.us/common/v2.0".into()),
            (EntraId::common().cloud(Cloud::China), "https://login.partner.microsoftonline.cn/common/v2.0".into()),
            (EntraId::common().authority("login.example").unwrap(), "https://login.example/common/v2.0".into()),
        ] {
            let provider = config.client("my-app").build().unwrap();
            let shown = format!("{provider:?}");
            assert!(shown.contains(&format!("issuer: \"{issuer}\"")), "{shown}");
        }
    }

    #[test]
    fn personal_accounts_have_a_tenant() {
        assert!(matches!(EntraId::consumers().dialect().issuers.tenants, Tenants::One(_)));
    }
}
