//! Logging out, here and everywhere.

use http::header::CACHE_CONTROL;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::support::{BASE, Browser, World};

#[tokio::test]
async fn a_logout_ends_the_session_everywhere_and_goes_on_to_the_server() {
    let world = World::new().await;
    let (here, there) = (world.process(), world.process());
    let mut browser = world.visitor(&here).await;
    let mut tab = browser.clone();
    assert_eq!(tab.get(&there, "/private").await.status, StatusCode::OK);

    let answer = browser.post(&here, "/auth/logout").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let location = answer.location.unwrap();
    assert!(
        location.starts_with(world.server.issuer().as_str()) && location.contains("id_token_hint"),
        "the server's page"
    );
    assert!(location.contains("post_logout_redirect_uri=https%3A%2F%2Fapp.example%2F"), "{BASE}");
    assert_eq!(answer.headers["clear-site-data"], "\"cache\"");
    assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
    assert!(browser.cookies.is_empty());
    assert_eq!(world.server.counters().revocations, 1);

    for process in [&here, &there] {
        assert_eq!(tab.get(process, "/open").await.body, "ended: logged_out");
    }
}

#[tokio::test]
async fn a_fetch_is_told_where_to_go() {
    let world = World::new().await;
    let process = world.process();
    let mut browser = world.visitor(&process).await;
    let headers = [("accept", "application/json"), ("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")];
    let answer = browser.send(&process, Method::POST, "/auth/logout", &headers, "").await;
    let told: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert!(told["location"].as_str().unwrap().starts_with(world.server.issuer().as_str()));
}

#[tokio::test]
async fn whoever_is_not_signed_in_logs_out_all_the_same() {
    let world = World::new().await;
    let process = world.process();
    let mut browser = Browser::new();
    assert_eq!(browser.post(&process, "/auth/logout").await.location.as_deref(), Some("/"));
    let mut browser = world.visitor(&process).await;
    let mut twice = browser.clone();
    browser.post(&process, "/auth/logout").await;
    assert_eq!(twice.post(&process, "/auth/logout").await.location.as_deref(), Some("/"));
    assert!(twice.cookies.is_empty());
}
