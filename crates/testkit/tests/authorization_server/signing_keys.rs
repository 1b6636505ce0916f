//! Signing keys that change, and logout tokens signed by them.

use std::collections::HashSet;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::native_app::{NativeApp, answer, claims};

async fn published(app: &NativeApp) -> JwkSet {
    serde_json::from_value(answer(app.get(app.url("jwks"))).await.1).unwrap()
}

/// The type and the claims of a token, if one of the published keys verifies it.
async fn verified(app: &NativeApp, token: &str) -> Option<(String, Value)> {
    let header = jsonwebtoken::decode_header(token).unwrap();
    let keys = published(app).await;
    let key = DecodingKey::from_jwk(keys.find(header.kid.as_deref().unwrap())?).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["native-app"]);
    validation.set_issuer(&[app.server.issuer().as_str()]);
    validation.set_required_spec_claims(&["exp", "aud", "iss"]);
    let token = jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap();
    Some((header.typ.unwrap(), token.claims))
}

#[tokio::test]
async fn a_logout_token_tells_which_session_has_ended() {
    let app = NativeApp::start().await;
    let sid = claims(&app.sign_in().await)["sid"].as_str().unwrap().to_owned();
    let (typ, token) = verified(&app, &app.server.logout_token("native-app", "alice", sid.as_str())).await.unwrap();
    assert_eq!(typ, "logout+jwt");
    assert_eq!((&token["sub"], &token["sid"]), (&json!("alice"), &json!(sid)));
    assert_eq!(token["events"], json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
    assert_eq!(token["exp"].as_i64().unwrap() - token["iat"].as_i64().unwrap(), 120);
    assert_eq!(token.get("nonce"), None);

    let (_, of_subject) = verified(&app, &app.server.logout_token("native-app", "alice", None)).await.unwrap();
    let (_, of_session) = verified(&app, &app.server.logout_token("native-app", None, sid.as_str())).await.unwrap();
    assert_eq!((of_subject.get("sid"), of_session.get("sub")), (None, None));
    let ids: HashSet<_> = [token, of_subject, of_session].iter().map(|token| token["jti"].to_string()).collect();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn claims_that_are_wrong_on_purpose_are_signed_all_the_same() {
    let app = NativeApp::start().await;
    let wrong = json!({ "iss": app.server.issuer(), "aud": "native-app", "exp": 4_000_000_000_u64, "nonce": "n" });
    assert_eq!(verified(&app, &app.server.sign_claims("JWT", &wrong)).await, Some(("JWT".to_owned(), wrong)));
}

#[tokio::test]
async fn a_new_key_signs_and_the_former_ones_stay_until_they_are_withdrawn() {
    let app = NativeApp::start().await;
    let before = app.sign_in().await;
    app.server.rotate_signing_key().await;
    let after = app.refresh(&before["refresh_token"]).await.1;
    let key_id = |body: &Value| jsonwebtoken::decode_header(body["id_token"].as_str().unwrap()).unwrap().kid;
    assert_ne!(key_id(&before), key_id(&after));

    assert_eq!(published(&app).await.keys.iter().map(|key| &key.common.key_id).next(), Some(&key_id(&after)));
    for tokens in [&before, &after] {
        assert!(verified(&app, tokens["id_token"].as_str().unwrap()).await.is_some());
    }
    app.server.withdraw_former_keys();
    assert!(verified(&app, before["id_token"].as_str().unwrap()).await.is_none());
    assert!(verified(&app, after["id_token"].as_str().unwrap()).await.is_some());
}

#[tokio::test]
async fn an_id_token_of_a_former_key_still_ends_its_session() {
    let app = NativeApp::start().await;
    let tokens = app.sign_in().await;
    app.server.rotate_signing_key().await;
    app.server.withdraw_former_keys();
    let form = [("id_token_hint", tokens["id_token"].as_str().unwrap())];
    assert_eq!(app.post("end_session", &form).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(app.refresh(&tokens["refresh_token"]).await.1["error"], "invalid_grant");
}
