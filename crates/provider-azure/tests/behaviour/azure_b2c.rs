//! Azure AD B2C: policies, issuers without a policy, answers without an access token.

use std::time::Duration;

use oidc_session_core::{Provider as _, ProviderErrorKind, RefreshExtends, RevocationShape, SignIn as _, Target};
use oidc_session_provider_azure::AzureB2c;
use oidc_session_provider_oidc::Oidc;
use serde_json::json;
use url::Url;

use crate::server::{CLIENT_ID, OTHER_TENANT, Server, TENANT, build, claims, granted, imported, ok, pending};

const BASE: &str = "/contoso.onmicrosoft.com/B2C_1_signin";

fn client(server: &Server) -> Oidc {
    let config = AzureB2c::new("contoso", "B2C_1_signin").unwrap().custom_domain(&server.http.uri()).unwrap();
    build(config.client(CLIENT_ID))
}

async fn start() -> (Server, Oidc, String) {
    let server = Server::start(BASE, &format!("{{host}}/{TENANT}/v2.0/")).await;
    let (provider, issuer) = (client(&server), server.at(&format!("/{TENANT}/v2.0/")));
    (server, provider, issuer)
}

#[tokio::test]
async fn the_issuer_has_the_id_a_slash_and_no_policy_or_all_of_them() {
    for issuer in [format!("{{host}}/{TENANT}/v2.0/"), format!("{{host}}/tfp/{TENANT}/b2c_1_signin/v2.0/")] {
        let server = Server::start(BASE, &issuer).await;
        let provider = client(&server);
        let issuer = issuer.replace("{host}", &server.http.uri());
        let claims = claims(&issuer, json!({ "tfp": "B2C_1_signin" }));
        let session = server.sign_in(&provider, "offline_access", granted(json!({})), claims).await.unwrap();
        assert_eq!(session.issuer, issuer);
        assert_eq!(session.provider_id.as_str(), "azure-b2c");
        assert_eq!(session.provider_data["policy"], "B2C_1_signin");
        assert_eq!(session.provider_data["uid"], "uid-1");
    }
}

#[tokio::test]
async fn metadata_of_another_policy_or_tenant_is_refused() {
    for issuer in [format!("{{host}}/tfp/{TENANT}/b2c_1_edit/v2.0/"), format!("{{host}}/{OTHER_TENANT}/v2.0/")] {
        let server = Server::start(&format!("/{TENANT}/B2C_1_signin"), &issuer).await;
        let config = AzureB2c::new("contoso", "B2C_1_signin").unwrap().tenant_id(TENANT).unwrap();
        let provider = build(config.custom_domain(&server.http.uri()).unwrap().client(CLIENT_ID));
        let error = pending(&provider, "").await.unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Misconfigured, "{issuer}");
        assert_eq!(error.advice(), Some("check the tenant and the policy"));
    }
}

#[tokio::test]
async fn a_session_of_another_policy_is_not_sent_here() {
    let (server, provider, issuer) = start().await;
    let claims = claims(&issuer, json!({ "acr": "b2c_1_signin" }));
    let mut session = server.sign_in(&provider, "offline_access", granted(json!({})), claims).await.unwrap();
    server.refresh(&provider, &session, &Target::default(), ok(granted(json!({})))).await.unwrap();

    session.provider_data.insert("policy".into(), "B2C_1_edit".into());
    let error = provider.refresh(&session, &Target::default()).await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
    assert_eq!(server.token_requests().await.len(), 2);
}

#[tokio::test]
async fn a_policy_in_the_query_of_the_endpoints_stays_there() {
    let (server, _, issuer) = start().await;
    server.publish(&issuer, "?p=b2c_1_signin").await;
    let discovery = server.at(&format!("{BASE}/v2.0/.well-known/openid-configuration?p=b2c_1_signin"));
    let config = AzureB2c::new("contoso", "B2C_1_signin").unwrap().custom_domain(&server.http.uri()).unwrap();
    let provider = build(config.client(CLIENT_ID).discovery_url(Url::parse(&discovery).unwrap()));
    let session = server.sign_in(&provider, "", granted(json!({})), claims(&issuer, json!({}))).await.unwrap();

    assert_eq!(server.token_requests().await[0].url.query(), Some("p=b2c_1_signin"));
    let authorize = pending(&provider, "").await.unwrap().authorization_url;
    assert!(authorize.query().unwrap().starts_with("p=b2c_1_signin&response_type=code"), "{authorize}");
    let logout = provider.end_session_url(&session, None).await.unwrap().unwrap();
    assert!(logout.query().unwrap().starts_with("p=b2c_1_signin&id_token_hint="), "{logout}");
}

#[tokio::test]
async fn a_sign_in_without_an_access_token_is_told_to_ask_for_the_client_id() {
    let (server, provider, issuer) = start().await;
    let answer = json!({ "token_type": "Bearer", "refresh_token": "rt-1", "id_token_expires_in": 3600 });
    let error = server.sign_in(&provider, "offline_access", answer, claims(&issuer, json!({}))).await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::InvalidAnswer);
    let advice = error.advice().unwrap();
    assert!(advice.contains("the client id itself as a scope"), "{advice}");
}

#[tokio::test]
async fn an_answer_of_strings_and_extras_is_read() {
    let (server, provider, issuer) = start().await;
    let session = imported(&issuer);
    let answer = json!({
        "access_token": "at-2", "token_type": "Bearer", "not_before": "1442340812", "expires_in": "3600",
        "expires_on": 1_767_229_200, "resource": CLIENT_ID, "id_token_expires_in": 3600, "profile_info": "eyJ",
        "scope": format!("{CLIENT_ID} offline_access openid"), "refresh_token": "rt-2",
        "refresh_token_expires_in": "76887",
    });
    let answer = server.refresh(&provider, &session, &Target::resource(CLIENT_ID), ok(answer)).await.unwrap();
    assert_eq!(answer.expires_in, Some(Duration::from_secs(3600)));
    assert_eq!(answer.refresh_token_expires_in, Some(Duration::from_secs(76_887)));
    assert!(!answer.lacks_scope);
    assert_eq!(server.last_fields().await["scope"], format!("{CLIENT_ID} offline_access openid"));
}

#[tokio::test]
async fn the_profile_states_the_vendors_defaults() {
    let config = AzureB2c::new("contoso", "B2C_1_signin").unwrap();
    let profile = config.client(CLIENT_ID).build().unwrap().profile().clone();
    assert_eq!(profile.refresh_token_idle_lifetime, Some(Duration::from_secs(14 * 86_400)));
    assert_eq!(profile.refresh_token_absolute_lifetime, Some(Duration::from_secs(90 * 86_400)));
    assert_eq!(profile.refresh_extends, RefreshExtends::Idle);
    assert_eq!(profile.revocation, RevocationShape::None);
    assert!(!profile.access_token_readable);
}
