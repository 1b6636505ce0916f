//! Resource indicators: one refresh token, and an access token for each resource.

use oidc_session_testkit::{AuthorizationServer, AuthorizationServerBuilder, Outcome};
use serde_json::Value;

use crate::native_app::{NativeApp, VERIFIER, parameter};

const ORDERS: &str = "https://orders.example/";
const STOCK: &str = "https://stock.example/";
const SCOPE: &str = "openid offline_access read count";

fn two_resources() -> AuthorizationServerBuilder {
    AuthorizationServer::builder().resource(ORDERS, "read write").resource(STOCK, "count")
}

async fn signed_in(builder: AuthorizationServerBuilder, resources: &[(&str, &str)]) -> (NativeApp, Value) {
    let app = NativeApp::start_with(builder).await;
    let request = [&[("scope", SCOPE)], resources].concat();
    let (_, tokens) = app.redeem(&app.code_for(&request), VERIFIER).await;
    (app, tokens)
}

fn audience(app: &NativeApp, tokens: &Value) -> Vec<String> {
    app.server.access_token_audience(tokens["access_token"].as_str().unwrap())
}

fn outcomes(app: &NativeApp) -> Vec<Outcome> {
    app.server.presentations().iter().map(|presentation| presentation.outcome).collect()
}

#[tokio::test]
async fn one_refresh_token_brings_an_access_token_for_each_resource() {
    let (app, tokens) = signed_in(two_resources(), &[]).await;
    assert!(audience(&app, &tokens).is_empty(), "a token that was asked for no resource is good for all");

    let (_, orders) = app.refresh_with(&tokens["refresh_token"], &[("resource", ORDERS)]).await;
    assert_eq!(
        (audience(&app, &orders), &orders["scope"]),
        (vec![ORDERS.to_owned()], &"openid offline_access read".into())
    );
    assert!(orders.get("id_token").is_some());

    let (_, stock) = app.refresh_with(&orders["refresh_token"], &[("resource", STOCK)]).await;
    assert_eq!(audience(&app, &stock), [STOCK]);
    let access_token = stock["access_token"].as_str().unwrap();
    assert_eq!(app.server.access_token_scope(access_token).unwrap(), "openid offline_access count");

    let (_, both) = app.refresh_with(&stock["refresh_token"], &[("resource", ORDERS), ("resource", STOCK)]).await;
    assert_eq!((audience(&app, &both), &both["scope"]), (vec![ORDERS.to_owned(), STOCK.to_owned()], &SCOPE.into()));
    let (_, all) = app.refresh(&both["refresh_token"]).await;
    assert_eq!((audience(&app, &all), &all["scope"]), (vec![], &SCOPE.into()), "what one refresh left out is not lost");
}

#[tokio::test]
async fn a_refresh_token_spent_for_one_resource_is_spent_for_all() {
    let (app, tokens) = signed_in(two_resources(), &[]).await;
    app.refresh_with(&tokens["refresh_token"], &[("resource", ORDERS)]).await;
    let (_, reuse) = app.refresh_with(&tokens["refresh_token"], &[("resource", STOCK)]).await;
    assert_eq!(reuse["error"], "invalid_grant");
    assert_eq!(outcomes(&app), [Outcome::Granted, Outcome::Reused]);
}

#[tokio::test]
async fn a_sign_in_for_one_resource_is_limited_to_it() {
    let (app, tokens) = signed_in(two_resources(), &[("resource", ORDERS)]).await;
    assert_eq!(audience(&app, &tokens), [ORDERS]);
    let (_, refused) = app.refresh_with(&tokens["refresh_token"], &[("resource", STOCK)]).await;
    assert_eq!(refused["error"], "invalid_target");
    let (_, granted) = app.refresh(&tokens["refresh_token"]).await;
    assert_eq!(audience(&app, &granted), [ORDERS]);
}

#[tokio::test]
async fn a_server_may_let_a_refresh_go_beyond_the_sign_in() {
    let (app, tokens) = signed_in(two_resources().refresh_beyond_sign_in(true), &[("resource", STOCK)]).await;
    let form = [("resource", ORDERS), ("scope", "write")];
    let (_, granted) = app.refresh_with(&tokens["refresh_token"], &form).await;
    assert_eq!((audience(&app, &granted), &granted["scope"]), (vec![ORDERS.to_owned()], &"write".into()));
}

#[tokio::test]
async fn a_code_is_redeemed_for_a_part_of_what_was_authorized() {
    let app = NativeApp::start_with(two_resources()).await;
    let code = app.code_for(&[("scope", SCOPE), ("resource", ORDERS), ("resource", STOCK)]);
    let (_, refused) = app.redeem_with(&code, VERIFIER, &[("resource", "https://nowhere.example/")]).await;
    assert_eq!(refused["error"], "invalid_target");
    let (_, tokens) = app.redeem_with(&code, VERIFIER, &[("resource", STOCK)]).await;
    assert_eq!(
        (audience(&app, &tokens), &tokens["scope"]),
        (vec![STOCK.to_owned()], &"openid offline_access count".into())
    );
}

#[tokio::test]
async fn an_unknown_resource_is_an_invalid_target_everywhere() {
    let (app, tokens) = signed_in(two_resources(), &[]).await;
    let unknown = [("resource", "https://nowhere.example/")];
    let callback = app.server.authorize(&app.authorization_url(&unknown)).unwrap();
    assert_eq!(parameter(&callback, "error").unwrap(), "invalid_target");
    assert_eq!(app.refresh_with(&tokens["refresh_token"], &unknown).await.1["error"], "invalid_target");
    app.refresh(&tokens["refresh_token"]).await;
    assert_eq!(outcomes(&app), [Outcome::Refused, Outcome::Granted]);
    assert_eq!(app.server.counters().refresh_requests, 2);
}

#[tokio::test]
async fn scope_that_is_not_allowed_is_refused_or_dropped() {
    for (drop, answer) in [(false, ("error", "invalid_scope")), (true, ("scope", "openid read"))] {
        let (app, tokens) = signed_in(two_resources().drop_disallowed_scope(drop), &[]).await;
        let form = [("resource", ORDERS), ("scope", "openid count read write")];
        assert_eq!(app.refresh_with(&tokens["refresh_token"], &form).await.1[answer.0], answer.1);
    }
}

#[tokio::test]
async fn a_server_without_resources_ignores_them() {
    let (app, tokens) = signed_in(AuthorizationServer::builder(), &[("resource", ORDERS)]).await;
    let (_, granted) = app.refresh_with(&tokens["refresh_token"], &[("resource", STOCK)]).await;
    assert_eq!((audience(&app, &granted), &granted["scope"]), (vec![], &SCOPE.into()));
}
