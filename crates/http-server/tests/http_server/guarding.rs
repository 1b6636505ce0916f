//! What becomes of visitors who are not signed in.

use axum::Router;
use axum::routing::get;
use http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use oidc_session_testkit::Fault;
use serde_json::{Value, json};

use crate::support::{Browser, Process, TOKEN_LIFETIME, World};

#[tokio::test]
async fn pages_are_redirected_and_fetches_are_told() {
    let world = World::new().await;
    let process = world.process();
    for path in ["/private", "/extracted"] {
        let mut browser = Browser::new();
        let page = browser.get(&process, path).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER);
        assert_eq!(page.location, Some(format!("/auth/login?return_to=%2F{}", &path[1..])));

        let fetched = browser.fetch(&process, path).await;
        assert_eq!(fetched.status, StatusCode::UNAUTHORIZED);
        assert!(fetched.headers.contains_key(WWW_AUTHENTICATE));
        let told: Value = serde_json::from_str(&fetched.body).unwrap();
        assert_eq!(told, json!({ "error": "signed_out", "reason": null, "sign_in": "/auth/login" }));

        // Old browsers, and programs, say what they would like to have.
        let page = browser.send(&process, Method::GET, path, &[("accept", "text/html,*/*")], "").await;
        assert_eq!(page.status, StatusCode::SEE_OTHER);
        assert_eq!(browser.send(&process, Method::GET, path, &[], "").await.status, StatusCode::UNAUTHORIZED);
        // What a form would have said is lost, so there is nothing to come back to.
        assert_eq!(browser.post(&process, path).await.location.as_deref(), Some("/auth/login"));
    }
}

#[tokio::test]
async fn a_session_that_ended_says_why() {
    let world = World::new().await;
    let process = world.process_with(|web| web.sign_in_page("/welcome?lang=en"));
    let mut browser = world.visitor(&process).await;
    world.server.revoke_all();
    world.clock.advance(TOKEN_LIFETIME);
    let page = browser.get(&process, "/private").await;
    assert_eq!(page.location.as_deref(), Some("/welcome?lang=en&return_to=%2Fprivate&reason=rejected"));
    let told: Value = serde_json::from_str(&browser.fetch(&process, "/private").await.body).unwrap();
    assert_eq!(told["reason"], "rejected");
    assert_eq!(browser.get(&process, "/open").await.body, "ended: rejected");
}

#[tokio::test]
async fn a_session_that_cannot_be_refreshed_now_sends_nobody_to_sign_in() {
    let world = World::new().await;
    let process = world.process();
    let mut browser = world.visitor(&process).await;
    world.clock.advance(TOKEN_LIFETIME);
    world.server.inject_many(std::iter::repeat_n(Fault::DropBefore, 50));

    let page = browser.get(&process, "/private").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.body.contains("You are still signed in"), "{}", page.body);
    let fetched = browser.fetch(&process, "/private").await;
    let told: Value = serde_json::from_str(&fetched.body).unwrap();
    let seconds: u64 = fetched.headers[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert_eq!(told, json!({ "error": "unavailable", "retry_after_seconds": seconds }));
    assert!(browser.get(&process, "/open").await.body.starts_with("unavailable: "));
    assert!(browser.session().is_some());
}

#[tokio::test]
async fn whoever_has_to_act_at_the_server_is_sent_there_with_what_it_asked_for() {
    let world = World::new().await;
    let process = world.process();
    let mut browser = world.visitor(&process).await;
    world.clock.advance(TOKEN_LIFETIME);
    world.server.inject(Fault::error("interaction_required"));
    let page = browser.get(&process, "/private").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    assert!(page.location.unwrap().starts_with("/auth/login?return_to=%2Fprivate"));
}

#[tokio::test]
async fn what_visitors_see_stays_in_no_cache() {
    let world = World::new().await;
    let process = world.process();
    let mut browser = world.visitor(&process).await;
    assert_eq!(browser.get(&process, "/private").await.headers[CACHE_CONTROL], "no-store");
    assert!(!browser.get(&process, "/open").await.headers.contains_key(CACHE_CONTROL), "the application's own affair");

    let own = get(async || ([(CACHE_CONTROL, "private, max-age=60")], "own"));
    let app = Router::new().route("/own", own).layer(process.web.guard()).layer(process.web.layer());
    let process = Process { app, ..process };
    assert_eq!(browser.get(&process, "/own").await.headers[CACHE_CONTROL], "private, max-age=60");
}

#[tokio::test]
async fn a_guard_inside_of_a_nested_router_returns_to_the_whole_path() {
    let world = World::new().await;
    let process = world.process();
    let inner = Router::new().route("/list", get(async || "list")).layer(process.web.guard());
    let app = Router::new().nest("/orders", inner).layer(process.web.layer());
    let process = Process { app, ..process };
    let page = Browser::new().get(&process, "/orders/list?page=2").await;
    assert_eq!(page.location.as_deref(), Some("/auth/login?return_to=%2Forders%2Flist%3Fpage%3D2"));
}

#[tokio::test]
async fn a_route_without_the_layer_is_a_slip_that_shows() {
    let world = World::new().await;
    let process = world.process();
    let open = get(async |_: oidc_session_http_server::AuthState| "open");
    let guarded = get(async || "guarded");
    let app = Router::new().route("/guarded", guarded).layer(process.web.guard()).route("/open", open);
    let process = Process { app, ..process };
    for path in ["/open", "/guarded"] {
        assert_eq!(Browser::new().get(&process, path).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}
