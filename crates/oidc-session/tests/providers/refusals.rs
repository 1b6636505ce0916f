//! What each vendor really says to a client that is set up wrongly, and whether the program's own words name the fix.

use oidc_session::{ProviderErrorKind, SessionErrorKind, SignIn as _};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::first_mistakes::assert_names;
use crate::vendor_server::{STRANGER, VendorServer, told};

/// A refusal with a text of the vendor's.
fn oauth(code: &str, description: &str) -> Value {
    json!({ "error": code, "error_description": format!("{description}{STRANGER}") })
}

fn aadsts(code: &str, number: u32) -> Value {
    json!({
        "error": code, "error_description": format!("AADSTS{number}: {STRANGER}"), "error_codes": [number],
    })
}

fn exactly(code: &str, description: &str) -> Value {
    json!({ "error": code, "error_description": description })
}

/// Of the token endpoint: provider, mistake, status, body, fix.
fn refusals() -> Vec<(&'static str, &'static str, u16, Value, &'static str)> {
    const ENTRA: [&str; 3] = ["entra", "entra, common", "external id"];
    let aadb2c = |number: u32| oauth("invalid_client", &format!("AADB2C{number}: "));
    let exception = |kind: &str| json!({ "__type": kind, "message": STRANGER });
    let credentials = "check the client id, the client secret and how the client authenticates";
    let mut rows = vec![
        ("oidc", "client", 401, oauth("invalid_client", ""), credentials),
        ("oidc", "grant type", 400, oauth("unauthorized_client", ""), "allow this client the grant type"),
        ("oidc", "scope", 400, oauth("invalid_scope", ""), "check the scopes"),
        ("oidc", "authentication", 400, oauth("invalid_request", ""), "check how the client authenticates"),
        ("oidc", "no key", 400, oauth("use_dpop_nonce", ""), "sign in with DPoP"),
        ("auth0", "client", 401, exactly("access_denied", "Unauthorized"), "check the client ID, the client secret"),
        ("auth0", "secret", 401, oauth("invalid_client", ""), "under Credentials of the application"),
        ("auth0", "grant type", 403, oauth("unauthorized_client", ""), "Advanced Settings > Grant Types"),
        ("auth0", "audience", 403, oauth("access_denied", "Service not found: "), "the Identifier of an API"),
        ("b2c", "client", 400, aadb2c(90018), "check the client id"),
        ("b2c", "no secret", 400, aadb2c(90079), "configure the client secret"),
        ("b2c", "secret", 400, aadb2c(90081), "check the client secret"),
        ("b2c", "redirect URI", 400, oauth("invalid_request", "AADB2C90006: "), "register exactly this redirect URI"),
        (
            "cognito",
            "client or secret",
            400,
            json!({ "error": "invalid_client" }),
            "check the app client id and its secret",
        ),
        ("cognito", "no secret", 400, json!({ "error": "invalid_request" }), "whether the app client has a secret"),
        ("cognito", "grant type", 400, json!({ "error": "unauthorized_client" }), "the authorization code grant"),
        ("cognito, api", "secret", 400, exception("NotAuthorizedException"), "check the app client id and its secret"),
        (
            "cognito, api",
            "client",
            400,
            exception("ResourceNotFoundException"),
            "check the app client id and the Region",
        ),
        ("okta", "client or secret", 401, oauth("invalid_client", ""), credentials),
        ("okta, custom, grace", "client or secret", 401, oauth("invalid_client", ""), credentials),
        ("okta", "grant type", 400, oauth("unauthorized_client", ""), "allow this client the grant type"),
        (
            "keycloak",
            "client or secret",
            401,
            oauth("unauthorized_client", ""),
            "check the client id, the client secret",
        ),
        ("keycloak", "client", 401, oauth("invalid_client", ""), credentials),
        (
            "keycloak",
            "another client",
            400,
            exactly("invalid_grant", "Unmatching clients"),
            "the client that signed in",
        ),
        ("keycloak", "host", 400, oauth("invalid_grant", "Invalid token issuer. "), "use one host name for Keycloak"),
        ("google", "client or secret", 401, oauth("invalid_client", ""), "check the client id and the client secret"),
        ("google", "no secret", 400, oauth("invalid_request", "client_secret is missing."), "it belongs in the body"),
        ("pingone", "client or secret", 401, oauth("invalid_client", ""), credentials),
        ("onelogin", "client", 400, exactly("invalid_request", "Resource not found"), "check the client id"),
        (
            "onelogin",
            "secret",
            401,
            exactly("invalid_request", "invalid authorization header value format"),
            "check the client secret, and the authentication method",
        ),
        ("duende", "client or secret", 400, oauth("invalid_client", ""), credentials),
    ];
    for name in ENTRA {
        rows.extend([
            (name, "client", 400, aadsts("unauthorized_client", 700_016), "check the client id and the tenant"),
            (
                name,
                "secret",
                401,
                aadsts("invalid_client", 7_000_215),
                "use the value of the client secret, not its id",
            ),
            (
                name,
                "old secret",
                401,
                aadsts("invalid_client", 7_000_222),
                "the client secret has expired: make a new one",
            ),
            (name, "no secret", 401, aadsts("invalid_client", 7_000_218), "configure a client secret or certificate"),
            (name, "a secret too many", 401, aadsts("invalid_client", 700_025), "configure no client secret"),
            (name, "tenant", 400, aadsts("invalid_request", 90002), "check the tenant"),
            (name, "redirect URI", 400, aadsts("invalid_client", 50011), "register exactly this redirect URI"),
            (name, "scope", 400, aadsts("invalid_scope", 70011), "check the scopes"),
        ]);
    }
    rows
}

#[tokio::test]
async fn a_client_that_is_set_up_wrongly_is_told_what_to_mend_and_keeps_its_sessions() {
    let servers = VendorServer::every().await;
    for server in &servers {
        server.publish().await;
    }
    for (name, mistake, status, body, fix) in refusals() {
        let server = servers.iter().find(|server| server.name == name).unwrap();
        let mistake = format!("{name}, {mistake}");
        let answer = ResponseTemplate::new(status).set_body_json(body);
        server.token_answers(answer.clone()).await;
        let error = server.come_back("code=code-1").await.unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Misconfigured, "{mistake}");
        assert_names(&told(&error), fix, &mistake);

        server.token_answers(answer).await;
        let error = server.access_token(server.earlier_session()).await.unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::Misconfigured, "{mistake}");
        assert_names(&told(&error), fix, &mistake);
    }
}

#[tokio::test]
async fn a_code_that_is_refused_names_the_redirect_uri() {
    for name in ["oidc", "auth0", "okta", "keycloak", "google", "pingone", "onelogin", "duende"] {
        let server = VendorServer::published(name).await;
        let answer = ResponseTemplate::new(400).set_body_json(oauth("invalid_grant", "Code not valid"));
        server.token_answers(answer).await;
        let told = told(&server.come_back("code=code-1").await.unwrap_err());
        assert_names(&told, "begin the sign-in again", name);
        assert_names(&told, "with the redirect URI of its request only", name);
    }
}

#[tokio::test]
async fn an_error_that_comes_back_from_the_browser_names_its_fix() {
    use ProviderErrorKind::{InteractionRequired, Misconfigured, Refused};
    for (name, query, kind, fix) in [
        ("oidc", "error=access_denied", Refused, "sign in again and consent"),
        ("oidc", "error=unauthorized_client", Misconfigured, "the authorization code grant"),
        ("oidc", "error=unsupported_response_type", Misconfigured, "the authorization code grant"),
        ("oidc", "error=invalid_scope", Misconfigured, "check the scopes"),
        ("oidc", "error=invalid_request", Misconfigured, "check the redirect URI"),
        ("oidc", "error=invalid_target", Misconfigured, "check the resource"),
        ("oidc", "error=login_required", InteractionRequired, "without prompt=none"),
        (
            "auth0",
            "error=access_denied&error_description=Service+not+found:+x",
            Misconfigured,
            "the Identifier of an API",
        ),
        ("auth0", "error=access_denied&error_description=User+did+not+authorize", Refused, "sign in again and consent"),
        (
            "entra",
            "error=invalid_client&error_description=AADSTS650052:+x",
            Misconfigured,
            "the tenant lacks the service",
        ),
        (
            "entra",
            "error=access_denied&error_description=AADSTS50105:+x",
            InteractionRequired,
            "has to assign the user",
        ),
        ("entra", "error=access_denied&error_description=AADSTS65004:+x", Refused, "sign in again and consent"),
        (
            "b2c",
            "error=access_denied&error_description=AADB2C90118:+x",
            InteractionRequired,
            "the policy that resets it",
        ),
        ("b2c", "error=access_denied&error_description=AADB2C90091:+x", Refused, "sign in again and consent"),
        ("b2c", "error=invalid_request&error_description=AADB2C90117:+x", Misconfigured, "check the scopes"),
        ("b2c", "error=invalid_request&error_description=AADSTS700022:+x", Misconfigured, "one resource at a time"),
        ("cognito", "error=invalid_scope", Misconfigured, "check the scopes"),
    ] {
        let server = VendorServer::published(name).await;
        let error = server.come_back(query).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{name}, {query}");
        assert_names(&told(&error), fix, &format!("{name}, {query}"));
        assert!(!told(&error).contains(" x"), "{error}");
    }
}

#[tokio::test]
async fn a_callback_that_is_not_the_one_says_what_to_do() {
    let server = VendorServer::published("oidc").await;
    for (address, fix) in [
        ("http://127.0.0.1:9/other?code=c&state=s", "answer at exactly the redirect URI"),
        ("http://127.0.0.1:9/cb?code=c", "hand over the whole address"),
        ("http://127.0.0.1:9/cb?code=c&state=another", "begin the sign-in again"),
    ] {
        let pending = server.begin("openid").await.unwrap();
        let error = server.provider.exchange(pending, &address.parse().unwrap()).await.unwrap_err();
        assert_names(&told(&error), fix, address);
    }
}
