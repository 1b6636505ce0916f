//! [`UserPoolDialect`]: how user pools differ from plain OIDC.

use std::time::Duration;

use oidc_session_core::{
    LogoutShape, ProviderId, ProviderProfile, RefreshExtends, Revocation, RevocationShape, Rotation, Scopes, Session,
    Target,
};
use oidc_session_provider_oidc::{Diagnosis, Dialect, EncodedRequest, ErrorAnswer, Fields, RevocableToken};
use serde_json::Value;
use url::Url;

use crate::address::below;
use crate::api::{self, Api};
use crate::exception::Exception;
use crate::user_pool::UserPool;
use crate::{endpoint_refusal, exception};

/// How long a refresh token lives after the sign-in, unless the app client says otherwise.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// One user pool, and one app client's settings.
#[derive(Clone, Debug)]
pub(crate) struct UserPoolDialect {
    pub(crate) pool: UserPool,
    pub(crate) has_updated_issuer: bool,
    pub(crate) login_domain: Option<Url>,
    /// The grace period, if the app client rotates refresh tokens.
    pub(crate) grace: Option<Duration>,
    /// Set if refreshes go through the user pools API.
    pub(crate) api: Option<Api>,
}

impl Dialect for UserPoolDialect {
    fn profile(&self) -> ProviderProfile {
        let mut profile = ProviderProfile::new(ProviderId::new("cognito"));
        profile.reuse_window = self.grace.filter(|grace| !grace.is_zero());
        profile.rotation = if self.grace.is_some() { Rotation::Always } else { Rotation::Configured };
        // A successor lives for what is left of the first one's time.
        profile.refresh_extends = RefreshExtends::Nothing;
        profile.refresh_token_absolute_lifetime = Some(DEFAULT_LIFETIME);
        profile.access_token_readable = true;
        profile.revocation = RevocationShape::RefreshToken;
        profile.logout = LogoutShape::Vendor;
        profile
    }

    fn discovery_url(&self, _issuer: &str) -> String {
        self.pool.discovery_url(self.has_updated_issuer).to_owned()
    }

    fn speaks_for(&self, _issuer: &str, published: &str) -> bool {
        self.pool.is_named(published)
    }

    fn issuer_of(&self, _published: &str, claims: &Fields) -> Option<String> {
        let iss = claims.get("iss").and_then(Value::as_str)?;
        self.pool.is_named(iss).then(|| self.pool.issuer().to_owned())
    }

    // The one issuer only. A session that carried the other would fail the comparison with its next ID token, which
    // is read as the one.
    fn owns(&self, _published: &str, session: &Session) -> bool {
        session.issuer == self.pool.issuer()
    }

    fn scopes_to_request(&self, wanted: &Scopes) -> Scopes {
        let known: Vec<_> = wanted.iter().filter(|scope| *scope != "offline_access").collect();
        Scopes::parse(&known.join(" "))
    }

    fn token_endpoint(&self) -> Option<Url> {
        self.api.as_ref().map(|_| self.pool.api().clone())
    }

    fn encode_refresh(&self, session: &Session, fields: &[(&'static str, String)]) -> Option<EncodedRequest> {
        self.api.as_ref().map(|api| api.refresh(self.pool.api(), session, fields))
    }

    fn encode_revocation(&self, session: &Session, fields: &[(&'static str, String)]) -> Option<EncodedRequest> {
        self.api.as_ref().map(|api| api.revocation(self.pool.api(), session, fields))
    }

    fn decode_answer(&self, answer: Fields) -> Fields {
        api::standard_names(answer)
    }

    fn reaches(&self, _session: &Session, _target: &Target) -> Result<(), &'static str> {
        Err("a user pool gives one access token per session: ask for every scope at the sign-in")
    }

    fn revocable(&self, session: &Session) -> Option<RevocableToken> {
        session.tokens.refresh_token.as_ref().map(|_| RevocableToken::RefreshToken)
    }

    fn end_session_url(
        &self,
        endpoint: Option<&Url>,
        session: &Session,
        post_logout_redirect_uri: Option<&Url>,
    ) -> Option<Url> {
        let back = post_logout_redirect_uri?;
        let mut url = match (endpoint, &self.login_domain) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, Some(domain)) => Url::parse(&below(domain, "logout")).ok()?,
            (None, None) => return None,
        };
        url.query_pairs_mut().append_pair("client_id", &session.client_id).append_pair("logout_uri", back.as_str());
        Some(url)
    }

    fn classify(&self, answer: &ErrorAnswer) -> Diagnosis {
        match Exception::of(answer) {
            Some(exception) => exception::diagnosis(&exception, answer),
            None => endpoint_refusal::diagnosis(answer),
        }
    }

    fn revoked(&self, answer: &ErrorAnswer) -> Option<Revocation> {
        let is_unsupported = match Exception::of(answer) {
            Some(exception) => {
                matches!(exception.kind, "UnsupportedOperationException" | "UnsupportedTokenTypeException")
            }
            // A request without a token is answered with `invalid_request`, too, but none is sent.
            None => matches!(answer.error(), "unsupported_token_type" | "invalid_request"),
        };
        is_unsupported.then_some(Revocation::Unsupported)
    }

    fn check_address(&self) -> &'static str {
        "check the user pool id and its Region, and that the pool exists"
    }

    fn ask_for_endpoints(&self) -> &'static str {
        "give the user pool a domain: without one it has no endpoints for signing in"
    }

    fn ask_for_rotation(&self) -> &'static str {
        "turn on refresh token rotation for the app client, or leave out rotation_grace"
    }

    fn ask_for_refresh_token(&self, _requested: &Scopes) -> &'static str {
        "allow the app client the authorization code grant: Cognito issues refresh tokens with it, and knows no scope \
         offline_access"
    }

    fn ask_for_access_token(&self) -> &'static str {
        "allow the app client the authorization code grant and the scopes that are asked for"
    }
}
