//! Every request, whole.

use oidc_session_core::{ClientSecret, Provider as _, Revocation, Session, SignIn as _, Target};
use oidc_session_provider_azure::{AzureB2c, EntraId};
use oidc_session_provider_oidc::{ClientAuth, Oidc};
use serde_json::json;
use url::Url;
use wiremock::Request;

use crate::server::{CLIENT_ID, Server, TENANT, build, claims, granted, ok, pending};

const SCOPES: &str = "openid offline_access api://app/read";

async fn entra() -> (Server, Oidc, Session) {
    let server = Server::start(&format!("/{TENANT}"), &format!("{{host}}/{TENANT}/v2.0")).await;
    let config = EntraId::tenant(TENANT).unwrap().authority(&server.http.uri()).unwrap();
    let provider = build(config.client(CLIENT_ID).client_auth(ClientAuth::Post(ClientSecret::new("pw"))));
    let claims = claims(&server.at(&format!("/{TENANT}/v2.0")), json!({ "tid": TENANT, "login_hint": "O.hint 1" }));
    let session = server.sign_in(&provider, SCOPES, granted(json!({})), claims).await.unwrap();
    (server, provider, session)
}

async fn b2c() -> (Server, Oidc, Session) {
    let server = Server::start("/contoso.onmicrosoft.com/B2C_1_signin", &format!("{{host}}/{TENANT}/v2.0/")).await;
    let config = AzureB2c::new("contoso", "B2C_1_signin").unwrap().custom_domain(&server.http.uri()).unwrap();
    let provider = build(config.client(CLIENT_ID));
    let scopes = format!("openid offline_access {CLIENT_ID}");
    let claims = claims(&server.at(&format!("/{TENANT}/v2.0/")), json!({ "tfp": "B2C_1_signin" }));
    let session = server.sign_in(&provider, &scopes, granted(json!({})), claims).await.unwrap();
    (server, provider, session)
}

/// The query of an authorization request: what is random is shown as its name.
async fn authorize(provider: &Oidc, scopes: &str) -> (String, String) {
    let pending = pending(provider, scopes).await.unwrap();
    let url = pending.authorization_url;
    let shown = url.query_pairs().map(|(name, value)| match &*name {
        "state" | "nonce" | "code_challenge" => format!("{name}=<{name}>"),
        _ => format!("{name}={value}"),
    });
    (url.path().to_owned(), shown.collect::<Vec<_>>().join("\n"))
}

/// A request as text: path and query, headers in alphabetical order, body one field a line.
fn shown(request: &Request) -> String {
    let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut headers: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "host" | "content-length" | "user-agent"))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    let body = url::form_urlencoded::parse(&request.body).map(|(name, value)| match &*name {
        "code_verifier" => "code_verifier=<code_verifier>".to_owned(),
        _ => format!("{name}={value}"),
    });
    let body = body.collect::<Vec<_>>().join("\n");
    format!("{} {}{query}\n{}\n\n{body}", request.method, request.url.path(), headers.join("\n"))
}

#[tokio::test]
async fn entra_id_authorize() {
    let (_server, provider, _) = entra().await;
    let (path, query) = authorize(&provider, SCOPES).await;
    assert_eq!(path, format!("/{TENANT}/oauth2/v2.0/authorize"));
    assert_eq!(
        query,
        format!(
            "response_type=code\nclient_id={CLIENT_ID}\nredirect_uri=http://127.0.0.1:9/cb\n\
             scope=api://app/read offline_access openid\nstate=<state>\nnonce=<nonce>\n\
             code_challenge=<code_challenge>\ncode_challenge_method=S256"
        )
    );
}

#[tokio::test]
async fn entra_id_code() {
    let (server, _, _) = entra().await;
    assert_eq!(
        shown(&server.token_requests().await[0]),
        format!(
            "POST /{TENANT}/oauth2/v2.0/token\naccept: application/json\n\
             content-type: application/x-www-form-urlencoded\n\n\
             grant_type=authorization_code\nclient_id={CLIENT_ID}\nclient_secret=pw\ncode=code-1\n\
             redirect_uri=http://127.0.0.1:9/cb\ncode_verifier=<code_verifier>\n\
             scope=api://app/read offline_access openid\nclient_info=1"
        )
    );
}

#[tokio::test]
async fn entra_id_refresh() {
    let (server, provider, session) = entra().await;
    server.refresh(&provider, &session, &Target::default(), ok(granted(json!({})))).await.unwrap();
    let request = &server.token_requests().await[1];
    assert_eq!(
        shown(request),
        format!(
            "POST /{TENANT}/oauth2/v2.0/token\naccept: application/json\n\
             content-type: application/x-www-form-urlencoded\n\n\
             grant_type=refresh_token\nclient_id={CLIENT_ID}\nclient_secret=pw\nrefresh_token=rt-1\n\
             scope=api://app/read offline_access openid profile\nclient_info=1"
        )
    );
    assert!(!request.headers.contains_key("origin"), "an Origin makes Entra ID take it for a single-page app");
}

#[tokio::test]
async fn entra_id_logout_and_no_revocation() {
    let (server, provider, session) = entra().await;
    let back = Url::parse("https://app.example/bye").unwrap();
    assert_eq!(
        provider.end_session_url(&session, Some(&back)).await.unwrap().unwrap().as_str(),
        server.at(&format!(
            "/{TENANT}/oauth2/v2.0/logout?logout_hint=O.hint+1&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye"
        ))
    );
    let mut unknown = session.clone();
    unknown.provider_data.clear();
    assert_eq!(
        provider.end_session_url(&unknown, None).await.unwrap().unwrap().as_str(),
        server.at(&format!("/{TENANT}/oauth2/v2.0/logout"))
    );
    assert_eq!(provider.revoke(&session).await.unwrap(), Revocation::Unsupported);
    assert_eq!(server.http.received_requests().await.unwrap().len(), 3, "discovery, keys and the code");
}

#[tokio::test]
async fn azure_b2c_authorize() {
    let (_server, provider, _) = b2c().await;
    let (path, query) = authorize(&provider, &format!("offline_access {CLIENT_ID}")).await;
    assert_eq!(path, "/contoso.onmicrosoft.com/B2C_1_signin/oauth2/v2.0/authorize");
    assert_eq!(
        query,
        format!(
            "response_type=code\nclient_id={CLIENT_ID}\nredirect_uri=http://127.0.0.1:9/cb\n\
             scope={CLIENT_ID} offline_access openid\nstate=<state>\nnonce=<nonce>\n\
             code_challenge=<code_challenge>\ncode_challenge_method=S256"
        )
    );
}

#[tokio::test]
async fn azure_b2c_code_and_refresh() {
    let (server, provider, session) = b2c().await;
    server.refresh(&provider, &session, &Target::default(), ok(granted(json!({})))).await.unwrap();
    let requests = server.token_requests().await;
    let head = "POST /contoso.onmicrosoft.com/B2C_1_signin/oauth2/v2.0/token\naccept: application/json\n\
                content-type: application/x-www-form-urlencoded\n\n";
    assert_eq!(
        shown(&requests[0]),
        format!(
            "{head}grant_type=authorization_code\nclient_id={CLIENT_ID}\ncode=code-1\n\
             redirect_uri=http://127.0.0.1:9/cb\ncode_verifier=<code_verifier>\n\
             scope={CLIENT_ID} offline_access openid\nclient_info=1"
        )
    );
    assert_eq!(
        shown(&requests[1]),
        format!(
            "{head}grant_type=refresh_token\nclient_id={CLIENT_ID}\nrefresh_token=rt-1\n\
             scope={CLIENT_ID} offline_access openid\nclient_info=1"
        )
    );
}

#[tokio::test]
async fn azure_b2c_logout_and_no_revocation() {
    let (server, provider, session) = b2c().await;
    let back = Url::parse("https://app.example/bye").unwrap();
    let id_token = session.tokens.id_token.as_ref().unwrap().expose();
    assert_eq!(
        provider.end_session_url(&session, Some(&back)).await.unwrap().unwrap().as_str(),
        server.at(&format!(
            "/contoso.onmicrosoft.com/B2C_1_signin/oauth2/v2.0/logout?id_token_hint={id_token}&client_id={CLIENT_ID}\
             &post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye"
        ))
    );
    assert_eq!(provider.revoke(&session).await.unwrap(), Revocation::Unsupported);
}
