//! How an Auth0 tenant differs from plain OIDC.

use std::time::Duration;

use oidc_session_core::{
    AccessToken, LogoutShape, ProviderId, ProviderProfile, RefreshExtends, ReuseReaction, RevocationShape, Rotation,
    Scopes, Session, SessionData, Target, Timestamp,
};
use oidc_session_provider_oidc::{
    AssertionAudience, DeviceStatus, Diagnosis, Dialect, ErrorAnswer, Fields, PlainOidc, RevocableToken,
};
use serde_json::Value;
use url::Url;

use crate::organization::{self, ORG_ID};
use crate::{Auth0, domain, refusal};

const NAME_THE_AUDIENCE: &str =
    "name the API to be called as the audience: without one, access tokens are opaque and good for /userinfo only";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Dialect for Auth0 {
    fn profile(&self) -> ProviderProfile {
        let mut profile = ProviderProfile::new(ProviderId::new("auth0"));
        profile.reuse_window = self.rotation_leeway;
        profile.rotation = Rotation::Configured;
        profile.reuse_reaction = ReuseReaction::RevokesFamily;
        profile.refresh_token_idle_lifetime = Some(30 * DAY);
        profile.refresh_token_absolute_lifetime = Some(30 * DAY);
        profile.refresh_extends = RefreshExtends::Idle;
        profile.access_token_readable = self.reads_access_tokens();
        profile.revocation = match self.revocation_deletes_grant {
            true => RevocationShape::EveryGrant,
            false => RevocationShape::RefreshToken,
        };
        profile.logout = if self.v2_logout { LogoutShape::Vendor } else { LogoutShape::RpInitiated };
        profile
    }

    fn admits(&self, claims: &Fields) -> Result<(), &'static str> {
        match &self.organization {
            Some(organization) if !organization::is_of(organization, claims) => Err("it is of another organization"),
            _ => Ok(()),
        }
    }

    fn authorization_parameters(&self) -> Vec<(&'static str, String)> {
        [("audience", &self.audience), ("organization", &self.organization), ("connection", &self.connection)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?)))
            .collect()
    }

    fn device_parameters(&self) -> Vec<(&'static str, String)> {
        self.audience.iter().map(|audience| ("audience", audience.clone())).collect()
    }

    /// Nothing for the sign-in's own access token: without `audience` and `scope` they stay as they were. Another API is
    /// named by its audience (Multi-Resource Refresh Tokens).
    fn reaches(&self, _session: &Session, _target: &Target) -> Result<(), &'static str> {
        // The application's multi-resource policy decides, not the sign-in.
        Ok(())
    }

    fn refresh_fields(&self, _session: &Session, target: &Target) -> Vec<(&'static str, String)> {
        let audience = target.resource_indicator().map(|audience| ("audience", audience.to_owned()));
        let scope = (!target.scope().is_empty()).then(|| ("scope", target.scope().to_string()));
        audience.into_iter().chain(scope).collect()
    }

    /// The tenant's or custom domain with its slash (Authenticate with Private Key JWT): the issuer as published.
    fn assertion_audience(&self) -> AssertionAudience {
        AssertionAudience::Issuer
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
        let mut url = match endpoint.filter(|_| !self.v2_logout) {
            Some(endpoint) => rp_initiated_logout(endpoint, session, post_logout_redirect_uri)?,
            None => self.v2_logout_url(&session.client_id, post_logout_redirect_uri)?,
        };
        if self.federated {
            url.query_pairs_mut().append_key_only("federated");
        }
        Some(url)
    }

    fn classify(&self, answer: &ErrorAnswer) -> Diagnosis {
        refusal::diagnose(answer)
    }

    fn refused_sign_in(&self, answer: &ErrorAnswer) -> Option<Diagnosis> {
        refusal::unknown_audience(answer)
    }

    fn device_status(&self, answer: &ErrorAnswer) -> Option<DeviceStatus> {
        refusal::device_status(answer)
    }

    /// Scopes that the application's policy does not allow are dropped without a word.
    fn grants(&self, wanted: &Scopes, granted: &Scopes) -> bool {
        const NO_PERMISSION: [&str; 7] =
            ["openid", "profile", "email", "address", "phone", "offline_access", "online_access"];
        wanted.iter().all(|scope| granted.contains(scope) || NO_PERMISSION.contains(&scope))
    }

    /// `session_expiry`, set by enterprise connections, in Unix seconds: fixed at the sign-in, and the client's to
    /// enforce (Session Expiry for Enterprise Connections).
    fn ends_at(&self, claims: &Fields) -> Option<Timestamp> {
        let seconds = claims.get("session_expiry")?;
        let seconds = seconds.as_i64().or_else(|| seconds.as_f64().map(|seconds| seconds as i64))?;
        (seconds > 0).then(|| Timestamp::from_unix_seconds(seconds))
    }

    fn keep(&self, _answer: &Fields, claims: Option<&Fields>) -> SessionData {
        let organization = claims.and_then(|claims| claims.get(ORG_ID)).filter(|id| id.is_string());
        organization.map(|id| (ORG_ID.to_owned(), Value::clone(id))).into_iter().collect()
    }

    fn check_address(&self) -> &'static str {
        domain::ADVICE
    }

    fn ask_for_refresh_token(&self, requested: &Scopes) -> &'static str {
        if requested.contains("online_access") {
            "set the application up for Online Refresh Tokens"
        } else if !requested.contains("offline_access") {
            "ask for the scope offline_access"
        } else if self.audience.is_some() {
            "turn on Allow Offline Access in the settings of the API, and the grant type Refresh Token in those of the \
             application; a single-page application also needs refresh token rotation"
        } else {
            "turn on the grant type Refresh Token in the settings of the application; a single-page application also \
             needs refresh token rotation"
        }
    }

    fn ask_for_access_token(&self) -> &'static str {
        NAME_THE_AUDIENCE
    }

    /// A tenant may have a Default Audience, so the absence of one here proves nothing. An opaque token does.
    fn ask_for_audience(&self, access_token: &AccessToken) -> Option<&'static str> {
        let is_signed = access_token.expose().split('.').count() == 3;
        (self.audience.is_none() && !is_signed).then_some(NAME_THE_AUDIENCE)
    }

    fn ask_for_rotation(&self) -> &'static str {
        "turn on Refresh Token Rotation in the settings of the application, or leave out rotation_leeway"
    }
}

impl Auth0 {
    /// With an audience, access tokens are JWTs for an API of the customer's. Those of the Management API are Auth0's own
    /// affair.
    fn reads_access_tokens(&self) -> bool {
        self.audience.as_ref().is_some_and(|audience| !audience.ends_with(".auth0.com/api/v2/"))
    }

    /// `GET /v2/logout` (Log Users Out of Auth0). A domain always has room for it.
    fn v2_logout_url(&self, client_id: &str, return_to: Option<&Url>) -> Option<Url> {
        let mut url = self.issuer.join("v2/logout").ok()?;
        url.query_pairs_mut().append_pair("client_id", client_id);
        if let Some(return_to) = return_to {
            url.query_pairs_mut().append_pair("returnTo", return_to.as_str());
        }
        Some(url)
    }
}

/// Without a hint at the session, the user is asked to confirm; the `sid` is as good a hint as an ID token.
fn rp_initiated_logout(endpoint: &Url, session: &Session, return_to: Option<&Url>) -> Option<Url> {
    let mut url = PlainOidc.end_session_url(Some(endpoint), session, return_to)?;
    if let (None, Some(sid)) = (&session.tokens.id_token, &session.sid) {
        url.query_pairs_mut().append_pair("logout_hint", sid);
    }
    Some(url)
}
