//! [`AzureB2c`]: one policy of a tenant of customers.

use oidc_session_core::ProviderError;
use oidc_session_provider_oidc::{Oidc, OidcBuilder};

use crate::authority::{Authority, wrong_setting};
use crate::b2c_dialect::B2cDialect;
use crate::b2c_issuer::B2cIssuer;
use crate::domain::domain;
use crate::guid::Guid;
use crate::policy_name::PolicyName;

/// Azure AD B2C: one user flow or custom policy of a tenant.
///
/// ```
/// use oidc_session_provider_azure::AzureB2c;
///
/// let provider = AzureB2c::new("contoso", "B2C_1_signin")?
///     .client("11111111-2222-3333-4444-555555555555")
///     .build()?;
/// # Ok::<(), oidc_session_core::ProviderError>(())
/// ```
///
/// A refresh token can be used at the policy that issued it, and at no other. So each policy is a provider of its own,
/// and sessions remember theirs.
#[derive(Clone, Debug)]
#[must_use = "this is configuration: make a client of it"]
pub struct AzureB2c {
    authority: Authority,
    tenant: String,
    id: Option<Guid>,
    policy: PolicyName,
}

impl AzureB2c {
    /// The policy `policy`, such as `B2C_1_signin`, of the tenant `{tenant}.onmicrosoft.com`.
    ///
    /// Fails as `Misconfigured` if one is not what it should be.
    pub fn new(tenant: &str, policy: &str) -> Result<Self, ProviderError> {
        let tenant = domain(tenant)
            .map(|name| name.strip_suffix(".onmicrosoft.com").map(str::to_owned).unwrap_or(name))
            .filter(|name| !name.contains('.') && Guid::parse(name).is_none())
            .ok_or_else(|| {
                wrong_setting(
                    "the tenant is not the name of one",
                    "write what stands before .onmicrosoft.com; give its id to tenant_id, its domain to custom_domain",
                )
            })?;
        let authority = Authority::at(&format!("{tenant}.b2clogin.com"));
        Ok(Self { authority, tenant, id: None, policy: PolicyName::parse(policy)? })
    }

    /// The id of the tenant, which then stands in its addresses instead of the name, and in its issuer as no other.
    ///
    /// Fails as `Misconfigured` if it is not an id.
    pub fn tenant_id(self, id: &str) -> Result<Self, ProviderError> {
        let id = Guid::parse(id).ok_or_else(|| {
            wrong_setting("the tenant id is not one", "write it like 11111111-2222-3333-4444-555555555555")
        })?;
        Ok(Self { id: Some(id), ..self })
    }

    /// The custom domain of the tenant: a bare host name, or a whole `http` URL for an emulator on loopback.
    ///
    /// Fails as `Misconfigured` if it is anything else.
    pub fn custom_domain(self, host: &str) -> Result<Self, ProviderError> {
        Ok(Self { authority: Authority::parse(host)?, ..self })
    }

    /// Starts building the provider for one app registration, named by its application (client) id.
    pub fn client(&self, client_id: impl Into<String>) -> OidcBuilder {
        let tenant = match &self.id {
            Some(id) => id.as_str().to_owned(),
            None => format!("{}.onmicrosoft.com", self.tenant),
        };
        let issuer = format!("{}/{tenant}/{}/v2.0", self.authority.as_str(), self.policy.as_str());
        let (authority, tenant, policy) = (self.authority.clone(), self.id.clone(), self.policy.clone());
        Oidc::builder(&issuer, client_id).dialect(B2cDialect { issuer: B2cIssuer { authority, tenant, policy } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "11111111-2222-3333-4444-555555555555";

    #[test]
    fn the_address_names_tenant_and_policy() {
        let new = |tenant| AzureB2c::new(tenant, "B2C_1_signin");
        for (config, issuer) in [
            (new("Contoso"), "https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_signin/v2.0".to_owned()),
            (
                new("contoso.onmicrosoft.com"),
                "https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_signin/v2.0".into(),
            ),
            (
                new("contoso").and_then(|config| config.tenant_id(ID)?.custom_domain("login.contoso.com")),
                format!("https://login.contoso.com/{ID}/B2C_1_signin/v2.0"),
            ),
        ] {
            let shown = format!("{:?}", config.unwrap().client("my-app").build().unwrap());
            assert!(shown.contains(&format!("issuer: \"{issuer}\"")), "{shown}");
        }
    }

    #[test]
    fn a_wrong_setting_names_its_fix() {
        for (result, fix) in [
            (AzureB2c::new("", "B2C_1_signin"), "what stands before .onmicrosoft.com"),
            (AzureB2c::new("login.contoso.com", "B2C_1_signin"), "custom_domain"),
            (AzureB2c::new(ID, "B2C_1_signin"), "tenant_id"),
            (AzureB2c::new("contoso", "signin"), "B2C_1_"),
            (AzureB2c::new("contoso", "B2C_1_a/../b"), "B2C_1_"),
            (AzureB2c::new("contoso", "B2C_1_a").and_then(|config| config.tenant_id("contoso")), "write it like"),
        ] {
            let error = result.unwrap_err();
            assert!(error.to_string().contains(fix), "{error}");
        }
    }
}
