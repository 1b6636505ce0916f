//! [`Issuers`]: who may issue tokens, for one tenant or for many.

use oidc_session_provider_oidc::Fields;
use serde_json::Value;

use crate::authority::Authority;
use crate::guid::Guid;

/// What stands for the tenant in the issuer of a server for many (Microsoft identity platform, "Access tokens").
const TENANT_TEMPLATE: &str = "{tenantid}";

/// Who may issue tokens at one address of Entra ID or External ID.
#[derive(Clone, Debug)]
pub(crate) struct Issuers {
    pub(crate) authority: Authority,
    pub(crate) tenants: Tenants,
    /// Whether a tenant may also name itself at a host of its own, `{id}.ciamlogin.com`, as External ID does.
    pub(crate) own_hosts: bool,
}

/// Which tenants that are.
#[derive(Clone, Debug)]
pub(crate) enum Tenants {
    /// One, with this id.
    One(Guid),
    /// One whose id only the metadata tells: it was configured by its domain.
    Named,
    /// Those of an address that serves many.
    Many {
        /// If not empty, only these.
        allowed: Vec<Guid>,
        /// Whether that of personal accounts is among them.
        personal_accounts: bool,
    },
}

impl Issuers {
    /// Whether the metadata found there may name `published` as its issuer.
    pub(crate) fn speaks_for(&self, published: &str) -> bool {
        match &self.tenants {
            Tenants::Many { .. } => published == self.at_authority(TENANT_TEMPLATE),
            Tenants::One(id) => self.is_issuer(published, id),
            Tenants::Named => tenant_of(published).is_some_and(|id| self.is_issuer(published, &id)),
        }
    }

    /// The issuer of a token with these claims.
    pub(crate) fn issuer_of(&self, published: &str, claims: &Fields) -> Option<String> {
        let text = |name| claims.get(name).and_then(Value::as_str);
        let issuer = text("iss")?;
        let tenant = text("tid");
        let is_allowed = match &self.tenants {
            // The tenant is decided upon by its claim, and the issuer must agree with it.
            Tenants::Many { .. } => self.admits(tenant?) && issuer == published.replace(TENANT_TEMPLATE, tenant?),
            Tenants::One(_) | Tenants::Named => {
                let own = tenant_of(published);
                issuer == published && tenant.is_none_or(|tenant| own.is_some_and(|own| own.as_str() == tenant))
            }
        };
        is_allowed.then(|| issuer.to_owned())
    }

    /// Whether a session of `issuer` belongs here.
    pub(crate) fn owns(&self, published: &str, issuer: &str) -> bool {
        match &self.tenants {
            Tenants::Many { .. } => tenant_of(issuer).is_some_and(|tenant| {
                self.admits(tenant.as_str()) && issuer == published.replace(TENANT_TEMPLATE, tenant.as_str())
            }),
            Tenants::One(_) | Tenants::Named => issuer == published,
        }
    }

    /// Whether a published key may sign for `issuer`: keys of a server for many may be limited to one tenant's.
    pub(crate) fn key_signs_for(&self, jwk: &Fields, issuer: &str) -> bool {
        let Some(limit) = jwk.get("issuer") else { return true };
        let (Some(limit), Some(tenant)) = (limit.as_str(), tenant_of(issuer)) else { return false };
        let limit = limit.replace(TENANT_TEMPLATE, tenant.as_str());
        // Of a tenant that has two hosts nobody says which one its keys name.
        if self.own_hosts { tenant_of(&limit) == Some(tenant) } else { limit == issuer }
    }

    /// Whether the address serves many tenants.
    pub(crate) fn are_many(&self) -> bool {
        matches!(self.tenants, Tenants::Many { .. })
    }

    fn admits(&self, tenant: &str) -> bool {
        match &self.tenants {
            Tenants::Many { allowed, personal_accounts } => {
                Guid::parse(tenant).is_some_and(|id| id.as_str() == tenant)
                    && (*personal_accounts || tenant != Guid::PERSONAL_ACCOUNTS)
                    && (allowed.is_empty() || allowed.iter().any(|id| id.as_str() == tenant))
            }
            Tenants::One(_) | Tenants::Named => false,
        }
    }

    fn is_issuer(&self, published: &str, id: &Guid) -> bool {
        let id = id.as_str();
        published == self.at_authority(id)
            || self.own_hosts && published == format!("https://{id}.ciamlogin.com/{id}/v2.0")
    }

    fn at_authority(&self, tenant: &str) -> String {
        format!("{}/{tenant}/v2.0", self.authority.as_str())
    }
}

/// The tenant in an issuer.
fn tenant_of(issuer: &str) -> Option<Guid> {
    issuer.split('/').find_map(Guid::parse)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ONE: &str = "11111111-2222-3333-4444-555555555555";
    const TWO: &str = "22222222-2222-3333-4444-555555555555";
    const HOST: &str = "https://login.microsoftonline.com";
    const TEMPLATE: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

    fn issuers(tenants: Tenants) -> Issuers {
        Issuers { authority: Authority::at("login.microsoftonline.com"), tenants, own_hosts: false }
    }

    fn id(text: &str) -> Guid {
        Guid::parse(text).unwrap()
    }

    fn many(allowed: &[&str]) -> Issuers {
        issuers(Tenants::Many { allowed: allowed.iter().copied().map(id).collect(), personal_accounts: true })
    }

    fn customers() -> Issuers {
        Issuers { authority: Authority::at("contoso.ciamlogin.com"), tenants: Tenants::Named, own_hosts: true }
    }

    fn of_tenant(tenant: &str) -> String {
        format!("{HOST}/{tenant}/v2.0")
    }

    fn fields(value: Value) -> Fields {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn the_metadata_speaks_for_its_own_tenants_only() {
        for (name, issuers, published, expected) in [
            ("the id", issuers(Tenants::One(id(ONE))), of_tenant(ONE), true),
            ("another id", issuers(Tenants::One(id(ONE))), of_tenant(TWO), false),
            ("the template for one tenant", issuers(Tenants::One(id(ONE))), TEMPLATE.into(), false),
            ("a trailing slash", issuers(Tenants::One(id(ONE))), format!("{}/", of_tenant(ONE)), false),
            ("version 1", issuers(Tenants::One(id(ONE))), format!("https://sts.windows.net/{ONE}/"), false),
            ("a domain's id", issuers(Tenants::Named), of_tenant(ONE), true),
            ("a domain without id", issuers(Tenants::Named), of_tenant("contoso.com"), false),
            ("a domain at another host", issuers(Tenants::Named), format!("https://evil.example/{ONE}/v2.0"), false),
            ("the template", many(&[]), TEMPLATE.into(), true),
            ("one tenant for many", many(&[]), of_tenant(ONE), false),
            ("no other host", issuers(Tenants::Named), format!("https://{ONE}.ciamlogin.com/{ONE}/v2.0"), false),
            ("a customer tenant's host", customers(), format!("https://{ONE}.ciamlogin.com/{ONE}/v2.0"), true),
            ("the same host", customers(), format!("https://contoso.ciamlogin.com/{ONE}/v2.0"), true),
            ("two ids", customers(), format!("https://{TWO}.ciamlogin.com/{ONE}/v2.0"), false),
        ] {
            assert_eq!(issuers.speaks_for(&published), expected, "{name}");
        }
    }

    #[test]
    fn the_template_is_filled_from_the_tenant_claim() {
        let claims = |iss: &str, tid: Value| fields(json!({ "iss": iss, "tid": tid }));
        let one = of_tenant(ONE);
        let organizations = issuers(Tenants::Many { allowed: Vec::new(), personal_accounts: false });
        let personal = of_tenant(Guid::PERSONAL_ACCOUNTS);
        for (name, issuers, claims, expected) in [
            ("agreeing", many(&[]), claims(&one, json!(ONE)), true),
            ("allowed", many(&[TWO, ONE]), claims(&one, json!(ONE)), true),
            ("not allowed", many(&[TWO]), claims(&one, json!(ONE)), false),
            ("disagreeing", many(&[]), claims(&one, json!(TWO)), false),
            ("without tenant", many(&[]), fields(json!({ "iss": one })), false),
            ("the template itself", many(&[]), claims(TEMPLATE, json!("{tenantid}")), false),
            ("a path", many(&[]), claims(&of_tenant("x/y"), json!("x/y")), false),
            ("version 1", many(&[]), claims(&format!("https://sts.windows.net/{ONE}/"), json!(ONE)), false),
            ("a person", many(&[]), claims(&personal, json!(Guid::PERSONAL_ACCOUNTS)), true),
            ("a person at work", organizations, claims(&personal, json!(Guid::PERSONAL_ACCOUNTS)), false),
        ] {
            assert_eq!(issuers.issuer_of(TEMPLATE, &claims).is_some(), expected, "{name}");
        }
    }

    #[test]
    fn one_tenant_issues_for_itself_only() {
        let issuers = issuers(Tenants::Named);
        let own = of_tenant(ONE);
        for (claims, expected) in [
            (json!({ "iss": own }), true),
            (json!({ "iss": own, "tid": ONE }), true),
            (json!({ "iss": own, "tid": TWO }), false),
            (json!({ "iss": of_tenant(TWO), "tid": TWO }), false),
            (json!({ "tid": ONE }), false),
        ] {
            assert_eq!(issuers.issuer_of(&own, &fields(claims.clone())).is_some(), expected, "{claims}");
        }
    }

    #[test]
    fn a_session_belongs_to_an_allowed_tenant() {
        for (issuers, published, issuer, expected) in [
            (many(&[]), TEMPLATE, of_tenant(ONE), true),
            (many(&[TWO]), TEMPLATE, of_tenant(ONE), false),
            (many(&[]), TEMPLATE, TEMPLATE.into(), false),
            (many(&[]), TEMPLATE, format!("https://evil.example/{ONE}/v2.0"), false),
            (issuers(Tenants::Named), &of_tenant(ONE), of_tenant(ONE), true),
            (issuers(Tenants::Named), &of_tenant(ONE), of_tenant(TWO), false),
        ] {
            assert_eq!(issuers.owns(published, &issuer), expected, "{issuers:?} {issuer}");
        }
    }

    #[test]
    fn a_key_may_be_limited_to_a_tenant() {
        let personal = of_tenant(Guid::PERSONAL_ACCOUNTS);
        for (jwk, expected) in [
            (json!({}), true),
            (json!({ "issuer": TEMPLATE }), true),
            (json!({ "issuer": of_tenant(ONE) }), true),
            (json!({ "issuer": personal }), false),
            (json!({ "issuer": "https://login.microsoftonline.us/{tenantid}/v2.0" }), false),
            (json!({ "issuer": 7 }), false),
        ] {
            assert_eq!(many(&[]).key_signs_for(&fields(jwk.clone()), &of_tenant(ONE)), expected, "{jwk}");
        }
        let at_own_host = format!("https://{ONE}.ciamlogin.com/{ONE}/v2.0");
        for (limit, expected) in [(TEMPLATE.to_owned(), true), (of_tenant(ONE), true), (of_tenant(TWO), false)] {
            let jwk = fields(json!({ "issuer": limit }));
            assert_eq!(customers().key_signs_for(&jwk, &at_own_host), expected, "{limit}");
        }
    }
}
