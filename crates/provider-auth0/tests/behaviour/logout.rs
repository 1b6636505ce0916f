//! Revocation, and the end of the tenant's own session.

use crate::tenant::{Tenant, assert_shows_nothing_hidden, built, secret};
use oidc_session_core::ProviderErrorKind::Misconfigured;
use oidc_session_core::{Provider as _, Revocation, SignIn as _};
use oidc_session_provider_auth0::Auth0;
use oidc_session_provider_oidc::ClientAuth;
use serde_json::json;
use url::Url;
use wiremock::ResponseTemplate;

const RETURN_TO: &str = "https://app.acme.example/bye";

async fn end_session_url(tenant: &Tenant, auth0: Auth0, return_to: Option<&str>) -> String {
    let return_to = return_to.map(|uri| Url::parse(uri).unwrap());
    let provider = built(auth0, ClientAuth::None);
    let url = provider.end_session_url(&tenant.session(), return_to.as_ref()).await.unwrap().unwrap();
    url.as_str().strip_prefix(&tenant.issuer()).unwrap().to_owned()
}

#[tokio::test]
async fn the_refresh_token_is_revoked() {
    for (auth, body) in [
        (ClientAuth::None, "client_id=CID&token=v1.hidden-rt-1&token_type_hint=refresh_token"),
        (
            ClientAuth::Post(secret()),
            "client_id=CID&client_secret=hidden-secret&token=v1.hidden-rt-1&token_type_hint=refresh_token",
        ),
    ] {
        let tenant = Tenant::start().await;
        tenant.on("POST", "/oauth/revoke", ResponseTemplate::new(200)).await;
        let provider = built(tenant.auth0(), auth);
        assert_eq!(provider.revoke(&tenant.session()).await.unwrap(), Revocation::Done);
        assert_eq!(tenant.bodies("/oauth/revoke").await, [body]);
    }
}

#[tokio::test]
async fn an_access_token_is_never_sent_to_be_revoked() {
    let tenant = Tenant::start().await;
    tenant.on("POST", "/oauth/revoke", ResponseTemplate::new(200)).await;
    let mut session = tenant.session();
    session.tokens.refresh_token = None;
    assert_eq!(tenant.provider().revoke(&session).await.unwrap(), Revocation::Unsupported);
    assert!(tenant.bodies("/oauth/revoke").await.is_empty());
}

#[tokio::test]
async fn a_revocation_that_was_refused_did_not_happen() {
    for (status, body) in [
        (400, json!({ "error": "invalid_request", "error_description": "hidden" })),
        (401, json!({ "error": "invalid_client", "error_description": "hidden" })),
        (401, json!({ "error": "access_denied", "error_description": "Unauthorized" })),
    ] {
        let tenant = Tenant::start().await;
        tenant.on("POST", "/oauth/revoke", ResponseTemplate::new(status).set_body_json(body)).await;
        let error = tenant.provider().revoke(&tenant.session()).await.unwrap_err();
        assert_eq!(error.kind(), Misconfigured, "{status}");
        assert_shows_nothing_hidden(&error);
    }
}

#[tokio::test]
async fn a_tenant_that_publishes_where_sessions_end_is_asked_there() {
    let tenant = Tenant::start().await;
    assert_eq!(
        end_session_url(&tenant, tenant.auth0(), Some(RETURN_TO)).await,
        "oidc/logout?id_token_hint=hidden.id.token&client_id=CID\
         &post_logout_redirect_uri=https%3A%2F%2Fapp.acme.example%2Fbye"
    );
    assert_eq!(
        end_session_url(&tenant, tenant.auth0().federated(), None).await,
        "oidc/logout?id_token_hint=hidden.id.token&client_id=CID&federated"
    );
}

#[tokio::test]
async fn without_an_id_token_the_session_is_named_by_its_sid() {
    let tenant = Tenant::start().await;
    let mut session = tenant.session();
    session.tokens.id_token = None;
    session.sid = Some("sid-1".into());
    let url = tenant.provider().end_session_url(&session, None).await.unwrap().unwrap();
    assert_eq!(url.query(), Some("client_id=CID&logout_hint=sid-1"));
}

#[tokio::test]
async fn any_other_tenant_and_whoever_wants_it_ends_sessions_at_v2_logout() {
    let (new, old) = (Tenant::start().await, Tenant::publishing(json!({})).await);
    for (tenant, auth0) in [(&old, old.auth0()), (&old, old.auth0().v2_logout()), (&new, new.auth0().v2_logout())] {
        assert_eq!(
            end_session_url(tenant, auth0.clone(), Some(RETURN_TO)).await,
            "v2/logout?client_id=CID&returnTo=https%3A%2F%2Fapp.acme.example%2Fbye"
        );
        assert_eq!(end_session_url(tenant, auth0.federated(), None).await, "v2/logout?client_id=CID&federated");
    }
}
