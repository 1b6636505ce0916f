//! [`B2cIssuer`]: who issues the tokens of a policy.

use crate::authority::Authority;
use crate::guid::Guid;
use crate::policy_name::PolicyName;

/// Who issues the tokens of a policy ("Tokens overview": the issuer can be set up in two forms).
#[derive(Clone, Debug)]
pub(crate) struct B2cIssuer {
    pub(crate) authority: Authority,
    /// The id of the tenant, if it was configured.
    pub(crate) tenant: Option<Guid>,
    pub(crate) policy: PolicyName,
}

impl B2cIssuer {
    /// Whether the metadata of the policy may name `published` as its issuer: `https://{host}/{id}/v2.0/`, or
    /// `https://{host}/tfp/{id}/{policy}/v2.0/`.
    pub(crate) fn speaks_for(&self, published: &str) -> bool {
        let Some(path) = published.strip_prefix(self.authority.as_str()) else { return false };
        let segments: Vec<_> = path.split('/').take(7).collect();
        match segments[..] {
            ["", id, "v2.0", ""] => self.is_tenant(id),
            ["", "tfp", id, policy, "v2.0", ""] => self.is_tenant(id) && self.policy.is(policy),
            _ => false,
        }
    }

    fn is_tenant(&self, id: &str) -> bool {
        Guid::parse(id).is_some_and(|id| self.tenant.as_ref().is_none_or(|tenant| *tenant == id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_has_two_forms() {
        let one = "11111111-2222-3333-4444-555555555555";
        let two = "22222222-2222-3333-4444-555555555555";
        let host = "https://contoso.b2clogin.com";
        let policy = PolicyName::parse("B2C_1_signin").unwrap();
        let named = B2cIssuer { authority: Authority::at("contoso.b2clogin.com"), tenant: None, policy };
        let known = B2cIssuer { tenant: Guid::parse(one), ..named.clone() };
        for (issuer, published, expected) in [
            (&named, format!("{host}/{one}/v2.0/"), true),
            (&named, format!("{host}/tfp/{one}/b2c_1_signin/v2.0/"), true),
            (&named, format!("{host}/tfp/{one}/b2c_1_edit/v2.0/"), false),
            (&named, format!("{host}/{one}/v2.0"), false),
            (&named, format!("{host}/contoso.onmicrosoft.com/v2.0/"), false),
            (&named, format!("{host}/{one}/b2c_1_signin/v2.0/"), false),
            (&named, format!("{host}.evil.example/{one}/v2.0/"), false),
            (&named, format!("https://evil.example/{one}/v2.0/"), false),
            (&named, format!("{host}/tfp/{one}/b2c_1_signin/v2.0//more"), false),
            (&known, format!("{host}/{one}/v2.0/"), true),
            (&known, format!("{host}/{two}/v2.0/"), false),
        ] {
            assert_eq!(issuer.speaks_for(&published), expected, "{published}");
        }
    }
}
