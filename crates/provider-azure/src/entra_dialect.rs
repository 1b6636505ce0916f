//! [`EntraDialect`]: how Entra ID and External ID differ from plain OIDC.

use std::time::Duration;

use oidc_session_core::{
    ProviderId, ProviderProfile, RefreshExtends, ReuseReaction, RevocationShape, Rotation, Scopes, Session,
    SessionData, Target,
};
use oidc_session_provider_oidc::{
    AssertionAudience, DeviceStatus, Diagnosis, Dialect, ErrorAnswer, Fields, RevocableToken,
};
use url::Url;

use crate::issuers::Issuers;
use crate::{client_info, refusal, resource_scope};

/// "Refresh tokens in the Microsoft identity platform": 90 days, for all but single-page apps.
const REFRESH_TOKEN_IDLE_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How Entra ID and External ID differ from plain OIDC.
#[derive(Clone, Debug)]
pub(crate) struct EntraDialect {
    pub(crate) provider_id: &'static str,
    pub(crate) issuers: Issuers,
    pub(crate) check_address: &'static str,
}

impl Dialect for EntraDialect {
    fn profile(&self) -> ProviderProfile {
        let mut profile = ProviderProfile::new(ProviderId::new(self.provider_id));
        profile.rotation = Rotation::Always;
        profile.reuse_reaction = ReuseReaction::Accepts;
        profile.refresh_token_idle_lifetime = Some(REFRESH_TOKEN_IDLE_LIFETIME);
        profile.refresh_extends = RefreshExtends::Idle;
        profile.revocation = RevocationShape::None;
        profile.hints_early_refresh = true;
        profile
    }

    fn speaks_for(&self, _issuer: &str, published: &str) -> bool {
        self.issuers.speaks_for(published)
    }

    fn issuer_of(&self, published: &str, claims: &Fields) -> Option<String> {
        self.issuers.issuer_of(published, claims)
    }

    fn answers_as(&self, published: &str, iss: &str) -> bool {
        self.issuers.owns(published, iss)
    }

    fn owns(&self, published: &str, session: &Session) -> bool {
        self.issuers.owns(published, &session.issuer)
    }

    fn key_signs_for(&self, jwk: &Fields, _published: &str, issuer: &str) -> bool {
        self.issuers.key_signs_for(jwk, issuer)
    }

    fn scopes_to_request(&self, wanted: &Scopes) -> Scopes {
        // Without `profile` an ID token lacks `tid`, which tells whose it is.
        if self.issuers.are_many() { resource_scope::with(wanted, "profile") } else { wanted.clone() }
    }

    fn code_fields(&self, requested: &Scopes) -> Vec<(&'static str, String)> {
        token_fields(&resource_scope::one_resource(requested))
    }

    fn reaches(&self, _session: &Session, _target: &Target) -> Result<(), &'static str> {
        // A refresh token is good for every permission that was consented to, not only for what the sign-in asked for.
        Ok(())
    }

    fn refresh_fields(&self, session: &Session, target: &Target) -> Vec<(&'static str, String)> {
        // Without `offline_access` no refresh token comes back, without `openid` no ID token.
        let scope = resource_scope::refreshed(session, target);
        token_fields(&resource_scope::with(&scope, "openid profile offline_access"))
    }

    fn assertion_audience(&self) -> AssertionAudience {
        AssertionAudience::TokenEndpoint
    }

    fn revocable(&self, _session: &Session) -> Option<RevocableToken> {
        None
    }

    fn end_session_url(
        &self,
        endpoint: Option<&Url>,
        session: &Session,
        post_logout_redirect_uri: Option<&Url>,
    ) -> Option<Url> {
        let mut url = endpoint?.clone();
        // Of several accounts in one browser, this is the one to sign out, without asking.
        if let Some(hint) = client_info::login_hint(&session.provider_data) {
            url.query_pairs_mut().append_pair("logout_hint", hint);
        }
        if let Some(uri) = post_logout_redirect_uri {
            url.query_pairs_mut().append_pair("post_logout_redirect_uri", uri.as_str());
        }
        Some(url)
    }

    fn classify(&self, answer: &ErrorAnswer) -> Diagnosis {
        refusal::diagnosis(answer)
    }

    fn refused_sign_in(&self, answer: &ErrorAnswer) -> Option<Diagnosis> {
        refusal::refused_sign_in(answer)
    }

    fn device_status(&self, answer: &ErrorAnswer) -> Option<DeviceStatus> {
        match answer.error() {
            "authorization_declined" => Some(DeviceStatus::Denied),
            // A code that the server does not know, or no longer.
            "bad_verification_code" => Some(DeviceStatus::Expired),
            _ => DeviceStatus::by_standard(answer),
        }
    }

    fn grants(&self, wanted: &Scopes, granted: &Scopes) -> bool {
        resource_scope::grants(wanted, granted)
    }

    fn keep(&self, answer: &Fields, claims: Option<&Fields>) -> SessionData {
        client_info::keep(answer, claims)
    }

    fn check_address(&self) -> &'static str {
        self.check_address
    }

    fn ask_for_refresh_token(&self, requested: &Scopes) -> &'static str {
        match requested.contains("offline_access") {
            true => "give the app registration the permission offline_access, and consent to it",
            false => "ask for the scope offline_access",
        }
    }
}

/// What every token request carries.
pub(crate) fn token_fields(scope: &Scopes) -> Vec<(&'static str, String)> {
    let (name, value) = client_info::ASK;
    vec![("scope", scope.to_string()), (name, value.to_owned())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::Authority;
    use crate::issuers::Tenants;

    #[test]
    fn a_poll_has_words_of_its_own() {
        let dialect = EntraDialect {
            provider_id: "entra-id",
            issuers: Issuers {
                authority: Authority::at("login.microsoftonline.com"),
                tenants: Tenants::Named,
                own_hosts: false,
            },
            check_address: "",
        };
        for (code, expected) in [
            ("authorization_declined", Some(DeviceStatus::Denied)),
            ("bad_verification_code", Some(DeviceStatus::Expired)),
            ("authorization_pending", Some(DeviceStatus::Pending)),
            ("slow_down", Some(DeviceStatus::SlowDown)),
            ("expired_token", Some(DeviceStatus::Expired)),
            ("invalid_grant", None),
        ] {
            assert_eq!(dialect.device_status(&ErrorAnswer::new(400, code)), expected, "{code}");
        }
        assert_eq!(dialect.assertion_audience(), AssertionAudience::TokenEndpoint);
    }
}
