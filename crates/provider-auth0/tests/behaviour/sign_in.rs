//! From the authorization request to a session.

use std::collections::BTreeMap;

use crate::tenant::{AUDIENCE, NOW, Tenant, built, secret};
use oidc_session_core::ProviderErrorKind::{InvalidAnswer, Misconfigured};
use oidc_session_core::{
    PendingSignIn, Provider as _, ProviderError, Scopes, Session, SignIn as _, SignInRequest, Timestamp,
};
use oidc_session_provider_auth0::Auth0;
use oidc_session_provider_oidc::{ClientAuth, Dialect as _, Oidc};
use serde_json::{Value, json};
use url::Url;

fn request() -> SignInRequest {
    SignInRequest::new(Url::parse("https://app.acme.example/callback").unwrap(), Scopes::parse("offline_access"))
}

fn callback(pending: &PendingSignIn) -> Url {
    let mut url = pending.redirect_uri.clone();
    url.query_pairs_mut().append_pair("code", "code-1").append_pair("state", &pending.state);
    url
}

/// A whole sign-in whose ID token has the nonce and `claims`.
async fn sign_in(tenant: &Tenant, provider: &Oidc, claims: Value) -> Result<Session, ProviderError> {
    let pending = provider.authorization_request(request()).await?;
    let mut claims = claims;
    claims["nonce"] = json!(pending.nonce);
    let answer = json!({
        "access_token": "at-1", "refresh_token": "v1.rt-1", "id_token": tenant.id_token(&claims), "expires_in": 86400,
        "scope": "openid offline_access", "token_type": "Bearer",
    });
    tenant.on_token(answer).await;
    let callback = callback(&pending);
    provider.exchange(pending, &callback).await
}

#[tokio::test]
async fn the_authorization_request_names_what_the_tenant_needs_to_know() {
    let tenant = Tenant::start().await;
    let auth0 = tenant.auth0().audience(AUDIENCE).organization("org_1a").connection("google-oauth2");
    let pending = built(auth0, ClientAuth::None).authorization_request(request()).await.unwrap();
    let challenge = pending.authorization_url.query_pairs().find(|(name, _)| name == "code_challenge").unwrap().1;
    assert_eq!(
        pending.authorization_url.as_str(),
        format!(
            "{}authorize?response_type=code&client_id=CID\
             &redirect_uri=https%3A%2F%2Fapp.acme.example%2Fcallback&scope=offline_access+openid&state={}&nonce={}\
             &code_challenge={challenge}&code_challenge_method=S256\
             &audience=https%3A%2F%2Fapi.acme.example&organization=org_1a&connection=google-oauth2",
            tenant.issuer(),
            pending.state,
            pending.nonce,
        )
    );
}

#[tokio::test]
async fn what_is_not_set_is_not_sent_and_a_sign_in_has_the_last_word() {
    let tenant = Tenant::start().await;
    let bare = built(tenant.auth0(), ClientAuth::None).authorization_request(request()).await.unwrap();
    let query: BTreeMap<_, _> = bare.authorization_url.query_pairs().into_owned().collect();
    for name in ["audience", "organization", "connection"] {
        assert!(!query.contains_key(name), "{name}");
    }

    let mut request = request();
    request.parameters = vec![("audience".into(), "https://other.acme.example".into())];
    request.parameters.push(("invitation".into(), "ticket-1".into()));
    let pending = tenant.provider().authorization_request(request).await.unwrap();
    let query: Vec<_> = pending.authorization_url.query_pairs().into_owned().collect();
    let audiences: Vec<_> = query.iter().filter(|(name, _)| name == "audience").map(|(_, value)| value).collect();
    assert_eq!(audiences, ["https://other.acme.example"]);
    assert!(query.contains(&("invitation".into(), "ticket-1".into())));
}

#[test]
fn a_device_asks_for_the_audience_and_nothing_else() {
    let tenant = Auth0::new("acme.eu.auth0.com").unwrap();
    assert_eq!(tenant.device_parameters(), []);
    let tenant = tenant.audience(AUDIENCE).organization("org_1a").connection("google-oauth2");
    assert_eq!(tenant.device_parameters(), [("audience", AUDIENCE.to_owned())]);
}

#[tokio::test]
async fn a_code_becomes_a_session_of_the_issuer_with_its_slash() {
    let tenant = Tenant::start().await;
    let provider = built(tenant.auth0().audience(AUDIENCE), ClientAuth::Post(secret()));
    let session = sign_in(&tenant, &provider, json!({})).await.unwrap();
    assert_eq!(session.provider_id.as_str(), "auth0");
    assert_eq!(session.issuer, tenant.issuer());
    assert!(session.issuer.ends_with('/'));
    assert_eq!(session.subject.as_deref(), Some("auth0|1"));
    assert_eq!(session.ends_at, None);
    provider.prepare(&session).await.unwrap();

    let bodies = tenant.bodies("/oauth/token").await;
    let (body, verifier) = bodies[0].rsplit_once('=').unwrap();
    assert_eq!(
        body,
        "grant_type=authorization_code&client_id=CID&client_secret=hidden-secret&code=code-1\
         &redirect_uri=https%3A%2F%2Fapp.acme.example%2Fcallback&code_verifier"
    );
    assert!(verifier.len() >= 43);
    assert_eq!(tenant.requests("/.well-known/openid-configuration").await.len(), 1);
}

#[tokio::test]
async fn a_domain_that_speaks_for_another_is_refused_with_where_to_find_the_right_one() {
    let tenant = Tenant::publishing(json!({ "issuer": "other" })).await;
    let error = tenant.provider().authorization_request(request()).await.unwrap_err();
    assert_eq!(error.kind(), Misconfigured);
    assert!(error.advice().unwrap().contains("Domain from the application's settings"), "{error}");
}

#[tokio::test]
async fn a_session_ends_when_its_enterprise_connection_says_so() {
    let at = NOW.as_unix_seconds() + 3600;
    let end = Some(Timestamp::from_unix_seconds(at));
    for (claim, expected) in [
        (json!(at), end),
        (json!(at as f64 + 0.5), end),
        (json!(i64::MAX), Some(Timestamp::from_unix_seconds(i64::MAX))),
        (json!(0), None),
        (json!(-1), None),
        (json!("soon"), None),
        (json!(null), None),
    ] {
        let tenant = Tenant::start().await;
        let session = sign_in(&tenant, &tenant.provider(), json!({ "session_expiry": claim })).await.unwrap();
        assert_eq!(session.ends_at, expected, "{claim}");
    }
}

#[tokio::test]
async fn a_sign_in_to_another_organization_is_refused() {
    let both = json!({ "org_id": "org_1a", "org_name": "acme" });
    for (organization, claims, is_admitted) in [
        ("org_1a", both.clone(), true),
        ("Acme", both.clone(), true),
        ("org_2b", both.clone(), false),
        ("other", both.clone(), false),
        ("org_1a", json!({}), false),
        ("acme", json!({ "org_id": "acme" }), false),
    ] {
        let tenant = Tenant::start().await;
        let provider = built(tenant.auth0().organization(organization), ClientAuth::None);
        let session = sign_in(&tenant, &provider, claims.clone()).await;
        match session {
            Ok(_) => assert!(is_admitted, "{organization} {claims}"),
            Err(error) => {
                assert!(!is_admitted, "{organization} {claims}: {error}");
                assert_eq!(error.kind(), InvalidAnswer);
                assert!(error.to_string().contains("organization"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn the_organization_is_kept_with_the_session() {
    let tenant = Tenant::start().await;
    let session = sign_in(&tenant, &tenant.provider(), json!({ "org_id": "org_1a" })).await.unwrap();
    assert_eq!(session.provider_data.get("org_id"), Some(&json!("org_1a")));
    let tenant = Tenant::start().await;
    let session = sign_in(&tenant, &tenant.provider(), json!({ "org_id": { "odd": 1 } })).await.unwrap();
    assert!(session.provider_data.is_empty());
}

#[tokio::test]
async fn a_session_without_a_refresh_token_says_what_to_set_where() {
    let tenant = Tenant::start().await;
    let (with_api, without) = (tenant.provider(), built(tenant.auth0(), ClientAuth::None));
    for (provider, requested, expected) in [
        (&with_api, "openid", "ask for the scope offline_access"),
        (&with_api, "openid offline_access", "Allow Offline Access"),
        (&with_api, "openid offline_access", "grant type Refresh Token"),
        (&with_api, "openid offline_access", "refresh token rotation"),
        (&with_api, "openid online_access", "Online Refresh Tokens"),
        (&without, "openid offline_access", "grant type Refresh Token"),
    ] {
        let mut session = tenant.session();
        session.requested_scope = Some(Scopes::parse(requested));
        assert_eq!(provider.refresh_token_advice(&session), None);
        session.tokens.refresh_token = None;
        let advice = provider.refresh_token_advice(&session).unwrap();
        assert!(advice.contains(expected), "{requested}: {advice}");
    }
    // Without an API there is no switch of an API's to turn.
    let mut session = tenant.session();
    session.requested_scope = Some(Scopes::parse("openid offline_access"));
    session.tokens.refresh_token = None;
    assert!(!without.refresh_token_advice(&session).unwrap().contains("Allow Offline Access"));
}

#[tokio::test]
async fn a_sign_in_without_an_access_token_asks_for_the_audience() {
    let tenant = Tenant::start().await;
    let provider = built(tenant.auth0(), ClientAuth::None);
    let pending = provider.authorization_request(request()).await.unwrap();
    tenant.on_token(json!({ "id_token": tenant.id_token(&json!({ "nonce": pending.nonce })) })).await;
    let callback = callback(&pending);
    let error = provider.exchange(pending, &callback).await.unwrap_err();
    assert!(error.advice().unwrap().contains("audience"), "{error}");
}
