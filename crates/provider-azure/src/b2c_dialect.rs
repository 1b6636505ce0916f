//! [`B2cDialect`]: how Azure AD B2C differs from plain OIDC.

use std::time::Duration;

use oidc_session_core::{
    ProviderId, ProviderProfile, RefreshExtends, RevocationShape, Rotation, Scopes, Session, SessionData, Target,
};
use oidc_session_provider_oidc::{AssertionAudience, Diagnosis, Dialect, ErrorAnswer, Fields, RevocableToken};
use serde_json::Value;

use crate::b2c_issuer::B2cIssuer;
use crate::entra_dialect::token_fields;
use crate::{b2c_refusal, client_info, policy_name, resource_scope};

/// "Configure tokens": the vendor's defaults, which each policy may change.
const REFRESH_TOKEN_IDLE_LIFETIME: Duration = Duration::from_secs(14 * 24 * 60 * 60);
const REFRESH_TOKEN_SLIDING_WINDOW: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The name under which a session keeps its policy.
const POLICY: &str = "policy";

/// How Azure AD B2C differs from plain OIDC.
#[derive(Clone, Debug)]
pub(crate) struct B2cDialect {
    pub(crate) issuer: B2cIssuer,
}

impl Dialect for B2cDialect {
    fn profile(&self) -> ProviderProfile {
        let mut profile = ProviderProfile::new(ProviderId::new("azure-b2c"));
        profile.rotation = Rotation::Always;
        profile.refresh_token_idle_lifetime = Some(REFRESH_TOKEN_IDLE_LIFETIME);
        profile.refresh_token_absolute_lifetime = Some(REFRESH_TOKEN_SLIDING_WINDOW);
        profile.refresh_extends = RefreshExtends::Idle;
        profile.revocation = RevocationShape::None;
        profile
    }

    fn speaks_for(&self, _issuer: &str, published: &str) -> bool {
        self.issuer.speaks_for(published)
    }

    fn owns(&self, published: &str, session: &Session) -> bool {
        // A refresh token sent to another policy than its own is refused as if it were gone.
        let policy = session.provider_data.get(POLICY).and_then(Value::as_str);
        session.issuer == published && policy.is_none_or(|policy| self.issuer.policy.is(policy))
    }

    fn code_fields(&self, requested: &Scopes) -> Vec<(&'static str, String)> {
        token_fields(&resource_scope::one_resource(requested))
    }

    fn reaches(&self, _session: &Session, _target: &Target) -> Result<(), &'static str> {
        // A refresh token is good for every permission that was consented to, not only for what the sign-in asked for.
        Ok(())
    }

    fn refresh_fields(&self, session: &Session, target: &Target) -> Vec<(&'static str, String)> {
        let scope = resource_scope::refreshed(session, target);
        token_fields(&resource_scope::with(&scope, "openid offline_access"))
    }

    fn assertion_audience(&self) -> AssertionAudience {
        AssertionAudience::TokenEndpoint
    }

    fn revocable(&self, _session: &Session) -> Option<RevocableToken> {
        None
    }

    fn classify(&self, answer: &ErrorAnswer) -> Diagnosis {
        b2c_refusal::diagnosis(answer)
    }

    fn refused_sign_in(&self, answer: &ErrorAnswer) -> Option<Diagnosis> {
        b2c_refusal::refused_sign_in(answer)
    }

    fn grants(&self, wanted: &Scopes, granted: &Scopes) -> bool {
        resource_scope::grants(wanted, granted)
    }

    fn keep(&self, answer: &Fields, claims: Option<&Fields>) -> SessionData {
        let mut kept = client_info::keep(answer, claims);
        if let Some(claims) = claims {
            let claimed = ["tfp", "acr"].into_iter().filter_map(|name| claims.get(name)?.as_str());
            let policy = claimed.into_iter().find(|claim| policy_name::looks_like_one(claim));
            // A custom policy may leave both out. It is the one that was asked, all the same.
            kept.insert(POLICY.to_owned(), policy.unwrap_or(self.issuer.policy.as_str()).into());
        }
        kept
    }

    fn check_address(&self) -> &'static str {
        "check the tenant and the policy"
    }

    fn ask_for_refresh_token(&self, requested: &Scopes) -> &'static str {
        match requested.contains("offline_access") {
            true => "give the app registration the permission offline_access, and consent to it",
            false => "ask for the scope offline_access",
        }
    }

    fn ask_for_access_token(&self) -> &'static str {
        "ask for a scope of the API to be called, or for the client id itself as a scope"
    }
}

#[cfg(test)]
mod tests {
    use oidc_session_core::{Timestamp, TokenSet};
    use serde_json::json;

    use super::*;
    use crate::authority::Authority;
    use crate::policy_name::PolicyName;

    const ISSUER: &str = "https://contoso.b2clogin.com/11111111-2222-3333-4444-555555555555/v2.0/";

    fn dialect() -> B2cDialect {
        let policy = PolicyName::parse("B2C_1_signin").unwrap();
        B2cDialect { issuer: B2cIssuer { authority: Authority::at("contoso.b2clogin.com"), tenant: None, policy } }
    }

    #[test]
    fn the_policy_is_kept_from_whichever_claim_has_it() {
        for (claims, expected) in [
            (json!({ "tfp": "B2C_1_signin", "acr": "b2c_1_other" }), "B2C_1_signin"),
            (json!({ "acr": "b2c_1_signin" }), "b2c_1_signin"),
            (json!({ "acr": "urn:mfa" }), "B2C_1_signin"),
            (json!({ "tfp": 7 }), "B2C_1_signin"),
            (json!({}), "B2C_1_signin"),
        ] {
            let kept = dialect().keep(&Fields::new(), claims.as_object());
            assert_eq!(kept[POLICY], expected, "{claims}");
        }
        assert!(dialect().keep(&Fields::new(), None).is_empty(), "an answer without an ID token changes nothing");
    }

    #[test]
    fn a_session_of_another_policy_is_not_ours() {
        let now = Timestamp::from_unix_seconds(0);
        let mut session = Session::new(ProviderId::new("azure-b2c"), ISSUER, "my-app", TokenSet::new(now, now));
        assert!(dialect().owns(ISSUER, &session), "an imported session knows no policy");
        for (policy, expected) in [("b2c_1_SIGNIN", true), ("B2C_1_edit", false)] {
            session.provider_data.insert(POLICY.into(), policy.into());
            assert_eq!(dialect().owns(ISSUER, &session), expected, "{policy}");
        }
        session.provider_data.insert(POLICY.into(), "B2C_1_signin".into());
        assert!(!dialect().owns("https://contoso.b2clogin.com/other/v2.0/", &session));
    }
}
