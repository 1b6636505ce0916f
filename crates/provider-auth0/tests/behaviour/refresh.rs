//! What a refresh sends, and what it makes of a good answer.

use std::time::Duration;

use crate::tenant::{AUDIENCE, NOW, Tenant, built, secret, signed};
use oidc_session_core::{
    AccessToken, Merged, Provider as _, RefreshToken, Scopes, Target, Timestamp, TokenAnswer, Violation,
};
use oidc_session_provider_oidc::{ClientAuth, Oidc};
use serde_json::{Value, json};

const REPORTS: &str = "https://reports.acme.example";

async fn refreshed(tenant: &Tenant, provider: &Oidc, target: &Target, answer: Value) -> TokenAnswer {
    tenant.on_token(answer).await;
    provider.refresh(&tenant.session(), target).await.unwrap()
}

#[tokio::test]
async fn a_refresh_names_neither_scope_nor_audience() {
    for (auth, authorization, body) in [
        (ClientAuth::None, None, "grant_type=refresh_token&client_id=CID&refresh_token=v1.hidden-rt-1"),
        (
            ClientAuth::Post(secret()),
            None,
            "grant_type=refresh_token&client_id=CID&client_secret=hidden-secret&refresh_token=v1.hidden-rt-1",
        ),
        (
            ClientAuth::Basic(secret()),
            Some("Basic Q0lEOmhpZGRlbi1zZWNyZXQ="), // CID:hidden-secret
            "grant_type=refresh_token&refresh_token=v1.hidden-rt-1",
        ),
    ] {
        let tenant = Tenant::start().await;
        let auth0 = tenant.auth0().audience(AUDIENCE).organization("org_1a").connection("google-oauth2");
        refreshed(&tenant, &built(auth0, auth), &Target::default(), json!({ "access_token": "at-2" })).await;
        let requests = tenant.requests("/oauth/token").await;
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].headers["content-type"], "application/x-www-form-urlencoded");
        let sent = requests[0].headers.get("authorization").map(|value| value.to_str().unwrap());
        assert_eq!(sent, authorization);
        assert_eq!(tenant.bodies("/oauth/token").await, [body]);
    }
}

#[tokio::test]
async fn another_api_is_named_by_its_audience() {
    for (target, fields) in [
        (Target::resource(REPORTS), "&audience=https%3A%2F%2Freports.acme.example"),
        (
            Target::resource(REPORTS).scopes(Scopes::parse("read:reports list:reports")),
            "&audience=https%3A%2F%2Freports.acme.example&scope=list%3Areports+read%3Areports",
        ),
        (Target::default().scopes(Scopes::parse("openid profile")), "&scope=openid+profile"),
    ] {
        let tenant = Tenant::start().await;
        refreshed(&tenant, &tenant.provider(), &target, json!({ "access_token": "at-2" })).await;
        let expected = format!("grant_type=refresh_token&client_id=CID&refresh_token=v1.hidden-rt-1{fields}");
        assert_eq!(tenant.bodies("/oauth/token").await, [expected]);
    }
}

#[tokio::test]
async fn a_scope_that_was_dropped_without_a_word_is_noticed() {
    let wanted = "openid profile email address phone offline_access online_access read:reports";
    for (granted, lacks_scope) in [
        (Some("read:reports"), false),
        (Some("read:reports write:reports"), false),
        (Some("openid profile offline_access"), true),
        (Some("list:reports"), true),
        (None, false), // nothing said is all granted (RFC 6749 §5.1)
    ] {
        let tenant = Tenant::start().await;
        let target = Target::resource(REPORTS).scopes(Scopes::parse(wanted));
        let mut answer = json!({ "access_token": "at-2", "refresh_token": "v1.rt-2" });
        if let Some(granted) = granted {
            answer["scope"] = json!(granted);
        }
        let answer = refreshed(&tenant, &tenant.provider(), &target, answer).await;
        assert_eq!(answer.lacks_scope, lacks_scope, "{granted:?}");

        let Merged { session, violation } = tenant.session().merge_refresh(answer, &target);
        assert_eq!(violation, lacks_scope.then_some(Violation::Scope));
        // In either case the rotation is recorded.
        assert_eq!(session.tokens.refresh_token, Some(RefreshToken::new("v1.rt-2")));
        assert_eq!(session.tokens_for(&target).is_some(), !lacks_scope);
    }
}

#[tokio::test]
async fn a_token_for_another_api_leaves_that_of_the_sign_in_alone() {
    let tenant = Tenant::start().await;
    let target = Target::resource(REPORTS);
    let answer = refreshed(&tenant, &tenant.provider(), &target, json!({ "access_token": "at-2" })).await;
    let Merged { session, violation } = tenant.session().merge_refresh(answer, &target);
    assert_eq!(violation, None);
    assert_eq!(session.tokens.access_token, tenant.session().tokens.access_token);
    assert_eq!(session.tokens_for(&target).unwrap().access_token, Some(AccessToken::new("at-2")));
}

#[tokio::test]
async fn a_refresh_token_stays_unless_the_answer_brings_another() {
    for (answer, expected) in [
        (json!({ "access_token": "at-2", "expires_in": 86400, "token_type": "Bearer" }), "v1.hidden-rt-1"),
        (json!({ "access_token": "at-2", "refresh_token": "v1.rt-2", "expires_in": 86400 }), "v1.rt-2"),
    ] {
        let tenant = Tenant::start().await;
        let answer = refreshed(&tenant, &tenant.provider(), &Target::default(), answer).await;
        assert_eq!(answer.expires_in, Some(Duration::from_secs(86_400)));
        let Merged { session, violation } = tenant.session().merge_refresh(answer, &Target::default());
        assert_eq!(violation, None);
        assert_eq!(session.tokens.refresh_token, Some(RefreshToken::new(expected)));
    }
}

#[tokio::test]
async fn a_refreshed_id_token_needs_neither_nonce_nor_organization() {
    let tenant = Tenant::start().await;
    let provider = built(tenant.auth0().organization("org_1a"), ClientAuth::None);
    let answer = json!({ "access_token": "at-2", "id_token": tenant.id_token(&json!({})) });
    provider.prepare(&tenant.session()).await.unwrap();
    let answer = refreshed(&tenant, &provider, &Target::default(), answer).await;
    let mut session = tenant.session();
    session.nonce = Some("nonce-1".into());
    session.subject = Some("auth0|1".into());
    assert_eq!(session.merge_refresh(answer, &Target::default()).violation, None);
}

#[tokio::test]
async fn an_access_token_is_read_only_if_it_is_for_an_api_of_the_customers() {
    let end = NOW.as_unix_seconds() + 600;
    for (audience, expected) in [
        (None, None),
        (Some(AUDIENCE), Some(Timestamp::from_unix_seconds(end))),
        (Some("https://acme.eu.auth0.com/api/v2/"), None), // the Management API
    ] {
        let tenant = Tenant::start().await;
        let auth0 = match audience {
            Some(audience) => tenant.auth0().audience(audience),
            None => tenant.auth0(),
        };
        let provider = built(auth0, ClientAuth::None);
        let jwt = signed(&json!({ "exp": end }));
        let answer = refreshed(&tenant, &provider, &Target::default(), json!({ "access_token": jwt })).await;
        assert_eq!(answer.expires_at_hint, expected, "{audience:?}");
        assert_eq!(provider.profile().access_token_readable, expected.is_some());
    }
}
