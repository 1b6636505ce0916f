//! External ID: another host in the issuer than in the address, and otherwise Entra ID.

use oidc_session_core::{ProviderErrorKind, Target};
use oidc_session_provider_azure::ExternalId;
use oidc_session_provider_oidc::Oidc;
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::server::{CLIENT_ID, OTHER_TENANT, Server, TENANT, build, claims, granted, imported, pending};

const DOMAIN: &str = "contoso.onmicrosoft.com";

fn own_issuer(tenant: &str) -> String {
    format!("https://{tenant}.ciamlogin.com/{tenant}/v2.0")
}

fn client(server: &Server, tenant: &str) -> Oidc {
    let config = ExternalId::new("contoso", tenant).unwrap().custom_domain(&server.http.uri()).unwrap();
    build(config.client(CLIENT_ID))
}

#[tokio::test]
async fn the_issuer_has_a_host_of_its_own() {
    for (base, tenant) in [(DOMAIN, DOMAIN), (TENANT, TENANT)] {
        let server = Server::start(&format!("/{base}"), &own_issuer(TENANT)).await;
        let provider = client(&server, tenant);
        let claims = claims(&own_issuer(TENANT), json!({ "tid": TENANT }));
        let session = server.sign_in(&provider, "offline_access", granted(json!({})), claims).await.unwrap();
        assert_eq!(session.issuer, own_issuer(TENANT));
        assert_eq!(session.provider_id.as_str(), "entra-external-id");
        assert_eq!(session.provider_data["utid"], "utid-1");
    }
}

#[tokio::test]
async fn a_custom_domain_may_be_the_issuer_too() {
    let server = Server::start(&format!("/{TENANT}"), &format!("{{host}}/{TENANT}/v2.0")).await;
    let provider = client(&server, TENANT);
    assert!(pending(&provider, "").await.is_ok());
}

#[tokio::test]
async fn another_tenant_is_refused() {
    for issuer in [own_issuer(OTHER_TENANT), format!("https://{OTHER_TENANT}.ciamlogin.com/{TENANT}/v2.0")] {
        let server = Server::start(&format!("/{TENANT}"), &issuer).await;
        let error = pending(&client(&server, TENANT), "").await.unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Misconfigured, "{issuer}");
        assert_eq!(error.advice(), Some("check the subdomain and the tenant"));
    }
}

#[tokio::test]
async fn refusals_are_read_as_those_of_entra_id() {
    let server = Server::start(&format!("/{TENANT}"), &own_issuer(TENANT)).await;
    let provider = client(&server, TENANT);
    let body = json!({ "error": "invalid_grant", "error_codes": [700_082] });
    let answer = ResponseTemplate::new(400).set_body_json(body);
    let session = imported(&own_issuer(TENANT));
    let error = server.refresh(&provider, &session, &Target::default(), answer).await.unwrap_err();
    assert_eq!((error.kind(), error.vendor_code()), (ProviderErrorKind::Rejected, Some("AADSTS700082")));
}
