//! Signing in: discovery, the code flow with PKCE, and who may ask for it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use oidc_session_testkit::{AuthorizationServer, AuthorizeError, Client, Decision, StartError};
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, CACHE_CONTROL, LOCATION, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use crate::native_app::{CALLBACK, NativeApp, VERIFIER, answer, claims, parameter};

#[tokio::test]
async fn discovery_describes_the_server() {
    let app = NativeApp::start().await;
    let (status, body) = answer(app.get(app.url(".well-known/openid-configuration"))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["issuer"], app.server.issuer().as_str());
    for (endpoint, path) in [
        ("authorization_endpoint", "authorize"),
        ("token_endpoint", "token"),
        ("jwks_uri", "jwks"),
        ("userinfo_endpoint", "userinfo"),
        ("revocation_endpoint", "revoke"),
        ("end_session_endpoint", "end_session"),
        ("device_authorization_endpoint", "device_authorization"),
        ("pushed_authorization_request_endpoint", "par"),
    ] {
        assert_eq!(body[endpoint], app.url(path).as_str());
    }
    assert_eq!(body["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(body["authorization_response_iss_parameter_supported"], true);
}

#[tokio::test]
async fn discovery_can_leave_something_out() {
    let field = "pushed_authorization_request_endpoint";
    let app = NativeApp::start_with(AuthorizationServer::builder().hide_from_discovery(field)).await;
    let (_, body) = answer(app.get(app.url(".well-known/openid-configuration"))).await;
    assert_eq!((body.get(field), &body["token_endpoint"]), (None, &json!(app.url("token"))));
}

#[tokio::test]
async fn the_code_flow_ends_with_tokens_and_a_signed_id_token() {
    let app = NativeApp::start().await;
    let response = app.get(app.authorization_url(&[])).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    let callback: url::Url = response.headers()[LOCATION].to_str().unwrap().parse().unwrap();
    assert!(callback.as_str().starts_with(CALLBACK));
    assert_eq!(parameter(&callback, "state").unwrap(), "the state");
    assert_eq!(parameter(&callback, "iss").unwrap(), app.server.issuer().as_str());

    let (status, body) = app.redeem(&parameter(&callback, "code").unwrap(), VERIFIER).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(300)));
    assert_eq!(body["scope"], "openid offline_access");
    assert!(app.server.is_active(body["access_token"].as_str().unwrap()));

    let (_, keys) = answer(app.get(app.url("jwks"))).await;
    let keys: JwkSet = serde_json::from_value(keys).unwrap();
    let id_token = body["id_token"].as_str().unwrap();
    let key = keys.find(&jsonwebtoken::decode_header(id_token).unwrap().kid.unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["native-app"]);
    validation.set_issuer(&[app.server.issuer().as_str()]);
    let id_token = jsonwebtoken::decode::<Value>(id_token, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap();
    assert_eq!((&id_token.claims["sub"], &id_token.claims["nonce"]), (&json!("alice"), &json!("the nonce")));

    let userinfo = app.userinfo(&body["access_token"]).await;
    assert_eq!(userinfo.text().await.unwrap(), r#"{"sub":"alice"}"#);
    let counters = app.server.counters();
    assert_eq!((counters.authorizations, counters.code_grants, counters.rejected), (1, 1, 0));
}

#[tokio::test]
async fn token_answers_are_never_cached() {
    let app = NativeApp::start().await;
    let refresh_token = app.sign_in().await["refresh_token"].clone();
    for status in [StatusCode::OK, StatusCode::BAD_REQUEST] {
        let response = app.refresh_request(&refresh_token).send().await.unwrap();
        assert_eq!((response.status(), &response.headers()[CACHE_CONTROL]), (status, &"no-store".parse().unwrap()));
    }
}

#[tokio::test]
async fn a_wrong_verifier_gets_nothing() {
    let app = NativeApp::start().await;
    let (status, body) = app.redeem(&app.code(), &VERIFIER.to_uppercase()).await;
    assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_grant")));
}

#[tokio::test]
async fn redeeming_a_code_twice_revokes_its_tokens() {
    let app = NativeApp::start().await;
    let code = app.code();
    let (_, tokens) = app.redeem(&code, VERIFIER).await;
    let (status, body) = app.redeem(&code, VERIFIER).await;
    assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_grant")));
    assert_eq!(app.userinfo(&tokens["access_token"]).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(app.refresh(&tokens["refresh_token"]).await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token() {
    let app = NativeApp::start().await;
    let callback = app.server.authorize(&app.authorization_url(&[("scope", "openid")])).unwrap();
    let (_, body) = app.redeem(&parameter(&callback, "code").unwrap(), VERIFIER).await;
    assert!(body.get("refresh_token").is_none() && body.get("id_token").is_some());
}

#[tokio::test]
async fn a_login_hint_chooses_the_subject() {
    let app = NativeApp::start_with(AuthorizationServer::builder().subject("carol")).await;
    for (request, subject) in [(vec![], "carol"), (vec![("login_hint", "bob")], "bob")] {
        let callback = app.server.authorize(&app.authorization_url(&request)).unwrap();
        let (_, body) = app.redeem(&parameter(&callback, "code").unwrap(), VERIFIER).await;
        assert_eq!(claims(&body)["sub"], subject);
    }
}

#[tokio::test]
async fn a_loopback_redirect_uri_may_use_any_port() {
    let app = NativeApp::start().await;
    for redirect_uri in ["http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback", "http://[::1]:4000/callback"]
    {
        let callback = app.server.authorize(&app.authorization_url(&[("redirect_uri", redirect_uri)])).unwrap();
        assert!(callback.as_str().starts_with(redirect_uri));
    }
}

#[tokio::test]
async fn an_unregistered_redirect_uri_gets_a_page_and_no_redirect() {
    let app = NativeApp::start().await;
    let url = app.authorization_url(&[("redirect_uri", "https://evil.example/callback")]);
    let response = app.get(url.clone()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(response.headers().get(LOCATION).is_none());
    let page = response.text().await.unwrap();
    assert!(page.contains("not registered") && !page.contains("evil"), "{page}");
    assert!(matches!(app.server.authorize(&url), Err(AuthorizeError::Refused { .. })));
    assert_eq!(app.server.authorize(&CALLBACK.parse().unwrap()), Err(AuthorizeError::Elsewhere));
}

#[tokio::test]
async fn a_subject_who_refuses_sends_access_denied() {
    let app = NativeApp::start().await;
    app.server.set_default_decision(Decision::Deny);
    let callback = app.server.authorize(&app.authorization_url(&[])).unwrap();
    assert_eq!(parameter(&callback, "error").unwrap(), "access_denied");
    assert_eq!(parameter(&callback, "state").unwrap(), "the state");
    assert_eq!((parameter(&callback, "code"), app.server.counters().denials), (None, 1));
}

#[tokio::test]
async fn an_interactive_server_asks_and_does_as_it_is_told() {
    let app = NativeApp::start_with(AuthorizationServer::builder().interactive(true)).await;
    let url = app.authorization_url(&[("state", r#""><script>"#)]);
    let response = app.get(url.clone()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let page = response.text().await.unwrap();
    assert!(page.contains("Sign in</button>") && page.contains("Refuse</button>"), "{page}");
    assert!(!page.contains("<script"), "{page}");

    for (decision, outcome) in [("sign_in", "code"), ("refuse", "error")] {
        let fields: Vec<_> = url.query_pairs().into_owned().collect();
        let mut form: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        form.extend([("decision", decision), ("subject", "dave")]);
        let response = app.post("authorize", &form).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let callback = response.headers()[LOCATION].to_str().unwrap().parse().unwrap();
        assert!(parameter(&callback, outcome).is_some(), "{decision}: {callback}");
        if let Some(code) = parameter(&callback, "code") {
            assert_eq!(claims(&app.redeem(&code, VERIFIER).await.1)["sub"], "dave");
        }
    }

    let silent = app.get(app.authorization_url(&[("prompt", "none")])).send().await.unwrap();
    assert!(silent.headers()[LOCATION].to_str().unwrap().contains("error=login_required"));
}

#[tokio::test]
async fn a_confidential_client_must_know_its_secret() {
    let app = NativeApp::start_with(AuthorizationServer::builder().client(Client::confidential("shop", "s:+%"))).await;
    let basic = |credentials: &str| format!("Basic {}", STANDARD.encode(credentials));
    for (header, secret, expected) in [
        (Some(basic("shop:s%3A%2B%25")), None, StatusCode::OK),
        (None, Some("s:+%"), StatusCode::OK),
        (Some(basic("shop:wrong")), None, StatusCode::UNAUTHORIZED),
        (None, Some("wrong"), StatusCode::UNAUTHORIZED),
        (None, None, StatusCode::UNAUTHORIZED),
    ] {
        let url = app.authorization_url(&[("client_id", "shop")]);
        let code = parameter(&app.server.authorize(&url).unwrap(), "code").unwrap();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("redirect_uri", CALLBACK),
            ("code", code.as_str()),
            ("code_verifier", VERIFIER),
        ];
        if header.is_none() {
            form.push(("client_id", "shop"));
        }
        form.extend(secret.map(|secret| ("client_secret", secret)));
        let mut request = app.post("token", &form);
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), expected);
        if expected == StatusCode::UNAUTHORIZED {
            assert!(response.headers()[WWW_AUTHENTICATE].to_str().unwrap().starts_with("Basic"));
            assert!(response.text().await.unwrap().contains(r#""error":"invalid_client""#));
        }
    }
}

#[tokio::test]
async fn what_the_token_endpoint_does_not_understand_is_refused_by_name() {
    let app = NativeApp::start().await;
    for (form, error) in [
        (vec![("client_id", "native-app")], "invalid_request"),
        (vec![("client_id", "native-app"), ("grant_type", "password")], "unsupported_grant_type"),
        (vec![("client_id", "native-app"), ("grant_type", "refresh_token")], "invalid_request"),
        (vec![("client_id", "native-app"), ("client_id", "native-app")], "invalid_request"),
        (vec![("client_id", "stranger"), ("grant_type", "refresh_token")], "invalid_client"),
    ] {
        assert_eq!(answer(app.post("token", &form)).await.1["error"], error);
    }
    assert_eq!(app.server.counters().rejected, 5);
}

#[tokio::test]
async fn only_loopback_addresses_are_listened_on_unless_allowed() {
    let builder = || AuthorizationServer::builder().listen("0.0.0.0:0".parse().unwrap());
    assert!(matches!(builder().start().await, Err(StartError::NotLoopback(_))));
    builder().allow_non_loopback().start().await.unwrap().shutdown().await;
}

#[tokio::test]
async fn after_a_shutdown_nobody_listens() {
    let app = NativeApp::start().await;
    app.sign_in().await;
    let url = app.url("jwks");
    app.server.shutdown().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(http.get(url).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let builder = AuthorizationServer::builder().client(Client::confidential("shop", "hunter2"));
    assert!(!format!("{builder:?}").contains("hunter2"));
    let app = NativeApp::start_with(builder).await;
    app.refresh(&app.sign_in().await["refresh_token"]).await;
    let printed = format!("{:?} {:?} {:?}", app.server, app.server.counters(), app.server.presentations());
    assert!(!printed.contains("rt_") && !printed.contains("hunter2"), "{printed}");
}
