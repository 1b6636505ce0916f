//! Entra ID: whose tokens are taken, and what is made of them.

use std::time::Duration;

use oidc_session_core::{
    LogoutShape, Provider as _, ProviderErrorKind, RefreshExtends, ReuseReaction, RevocationShape, Rotation, Scopes,
    Target,
};
use oidc_session_provider_azure::EntraId;
use oidc_session_provider_oidc::Oidc;
use serde_json::{Value, json};

use crate::server::{CLIENT_ID, OTHER_TENANT, Server, TENANT, build, claims, granted, id_token, imported, ok, pending};

const TEMPLATE: &str = "{host}/{tenantid}/v2.0";

fn client(server: &Server, config: EntraId) -> Oidc {
    build(config.authority(&server.http.uri()).unwrap().client(CLIENT_ID))
}

fn issuer(server: &Server, tenant: &str) -> String {
    server.at(&format!("/{tenant}/v2.0"))
}

async fn common(config: EntraId) -> (Server, Oidc) {
    let server = Server::start("/common", TEMPLATE).await;
    let provider = client(&server, config);
    (server, provider)
}

async fn one() -> (Server, Oidc) {
    let server = Server::start(&format!("/{TENANT}"), &format!("{{host}}/{TENANT}/v2.0")).await;
    let provider = client(&server, EntraId::tenant(TENANT).unwrap());
    (server, provider)
}

#[tokio::test]
async fn the_issuer_of_many_tenants_is_filled_from_the_token() {
    let (server, provider) = common(EntraId::common()).await;
    let issuer = issuer(&server, TENANT);
    let claims = claims(&issuer, json!({ "tid": TENANT }));
    let session = server.sign_in(&provider, "offline_access", granted(json!({})), claims.clone()).await.unwrap();
    assert_eq!(session.issuer, issuer);
    assert_eq!(server.last_fields().await["scope"], "offline_access openid profile");

    let answer = granted(json!({ "id_token": id_token(&claims) }));
    let answer = server.refresh(&provider, &session, &Target::default(), ok(answer)).await.unwrap();
    assert!(session.merge_refresh(answer, &Target::default()).violation.is_none());
}

#[tokio::test]
async fn a_sign_in_at_many_tenants_asks_for_the_tenant_claim() {
    let (_server, provider) = common(EntraId::common()).await;
    let pending = pending(&provider, "api://app/read").await.unwrap();
    assert_eq!(pending.scopes, Scopes::parse("openid profile api://app/read"));
}

#[tokio::test]
async fn a_token_of_a_tenant_that_is_not_allowed_signs_nobody_in() {
    let config = EntraId::common().allowed_tenants([OTHER_TENANT.to_uppercase()]).unwrap();
    let (server, provider) = common(config).await;
    for (tenant, claimed, expected) in
        [(OTHER_TENANT, OTHER_TENANT, true), (TENANT, TENANT, false), (TENANT, OTHER_TENANT, false)]
    {
        let claims = claims(&issuer(&server, tenant), json!({ "tid": claimed }));
        let signed_in = server.sign_in(&provider, "offline_access", granted(json!({})), claims).await;
        match signed_in {
            Ok(_) => assert!(expected, "{tenant} {claimed}"),
            Err(error) => assert_eq!((error.kind(), expected), (ProviderErrorKind::InvalidAnswer, false)),
        }
    }
    let outside = imported(&issuer(&server, TENANT));
    let error = provider.refresh(&outside, &Target::default()).await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Misconfigured, "its refresh token stays here");
    assert_eq!(server.token_requests().await.len(), 3);
}

#[tokio::test]
async fn a_tenant_named_by_its_domain_issues_by_its_id() {
    let server = Server::start("/contoso.com", &format!("{{host}}/{TENANT}/v2.0")).await;
    let provider = client(&server, EntraId::tenant("contoso.com").unwrap());
    let issuer = issuer(&server, TENANT);
    let session =
        server.sign_in(&provider, "", granted(json!({})), claims(&issuer, json!({ "tid": TENANT }))).await.unwrap();
    assert_eq!(session.issuer, issuer);
    assert_eq!(session.provider_id.as_str(), "entra-id");
}

#[tokio::test]
async fn metadata_of_another_tenant_is_refused_with_what_to_check() {
    let server = Server::start(&format!("/{TENANT}"), &format!("{{host}}/{OTHER_TENANT}/v2.0")).await;
    let provider = client(&server, EntraId::tenant(TENANT).unwrap());
    let error = pending(&provider, "").await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
    assert_eq!(error.advice(), Some("check the tenant, and the cloud it is in"));
}

#[tokio::test]
async fn account_and_login_hint_are_kept_and_a_refresh_without_them_keeps_them() {
    let (server, provider) = one().await;
    let claims = claims(&issuer(&server, TENANT), json!({ "tid": TENANT, "login_hint": "O.hint" }));
    let session = server.sign_in(&provider, "offline_access", granted(json!({})), claims).await.unwrap();
    let expected = json!({ "uid": "uid-1", "utid": "utid-1", "login_hint": "O.hint" });
    assert_eq!(Value::from(session.provider_data.clone()), expected);

    let answer = json!({ "access_token": "at-2", "expires_in": 60 });
    let answer = server.refresh(&provider, &session, &Target::default(), ok(answer)).await.unwrap();
    let merged = session.merge_refresh(answer, &Target::default());
    assert!(merged.violation.is_none());
    assert_eq!(Value::from(merged.session.provider_data), expected);
}

#[tokio::test]
async fn lifetimes_of_every_kind_arrive_as_numbers_or_as_text() {
    let (server, provider) = one().await;
    let session = imported(&issuer(&server, TENANT));
    for seconds in [json!(2399), json!("2399")] {
        let answer = json!({
            "access_token": "at-2", "expires_in": seconds, "ext_expires_in": seconds, "refresh_in": seconds,
            "refresh_token_expires_in": seconds, "foci": "1", "not_before": "1", "expires_on": "2",
        });
        let answer = server.refresh(&provider, &session, &Target::default(), ok(answer)).await.unwrap();
        let expected = Some(Duration::from_secs(2399));
        assert_eq!(answer.expires_in, expected);
        assert_eq!(answer.extended_expires_in, expected);
        assert_eq!(answer.refresh_in, expected);
        assert_eq!(answer.refresh_token_expires_in, expected);
    }
}

#[tokio::test]
async fn a_refresh_asks_for_one_resource() {
    let (server, provider) = one().await;
    let mut session = imported(&issuer(&server, TENANT));
    session.requested_scope = Some(Scopes::parse("openid offline_access api://app/read User.Read"));
    let graph = Target::resource("https://graph.microsoft.com");
    for (target, expected) in [
        (Target::default(), "api://app/read offline_access openid profile"),
        (graph.clone(), "https://graph.microsoft.com/.default offline_access openid profile"),
        (
            graph.scopes(Scopes::parse("User.Read")),
            "https://graph.microsoft.com/User.Read offline_access openid profile",
        ),
        (Target::resource("api://b"), "api://b/.default offline_access openid profile"),
    ] {
        server.refresh(&provider, &session, &target, ok(granted(json!({})))).await.unwrap();
        let fields = server.last_fields().await;
        assert_eq!(fields["scope"], expected);
        assert!(!fields.contains_key("resource"), "v2.0 names resources in scopes");
    }
}

#[tokio::test]
async fn the_scope_of_an_imported_session_is_what_was_granted() {
    let (server, provider) = one().await;
    let mut session = imported(&issuer(&server, TENANT));
    session.tokens.scope = Some(Scopes::parse("api://app/read"));
    server.refresh(&provider, &session, &Target::default(), ok(granted(json!({})))).await.unwrap();
    assert_eq!(server.last_fields().await["scope"], "api://app/read offline_access openid profile");
}

#[tokio::test]
async fn a_granted_scope_counts_in_any_spelling_but_must_be_there() {
    let (server, provider) = one().await;
    let session = imported(&issuer(&server, TENANT));
    let target = Target::resource("api://app").scopes(Scopes::parse("read"));
    for (scope, lacks) in [("api://app/Read api://app/more", false), ("api://app/more", true)] {
        let answer = granted(json!({ "scope": scope }));
        let answer = server.refresh(&provider, &session, &target, ok(answer)).await.unwrap();
        assert_eq!(answer.lacks_scope, lacks, "{scope}");
    }
}

#[tokio::test]
async fn the_profile_states_what_the_vendor_documents() {
    let profile = EntraId::common().client(CLIENT_ID).build().unwrap().profile().clone();
    assert_eq!(profile.rotation, Rotation::Always);
    assert_eq!(profile.reuse_reaction, ReuseReaction::Accepts);
    assert_eq!(profile.refresh_token_idle_lifetime, Some(Duration::from_secs(90 * 86_400)));
    assert_eq!(profile.refresh_token_absolute_lifetime, None);
    assert_eq!(profile.refresh_extends, RefreshExtends::Idle);
    assert_eq!(profile.revocation, RevocationShape::None);
    assert_eq!(profile.logout, LogoutShape::RpInitiated);
    assert!(profile.hints_early_refresh && !profile.access_token_readable);
}
