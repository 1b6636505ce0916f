//! The application over HTTP. What a browser makes of it is shown by `cargo xtask browser`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod browser;
mod events;

use std::time::Duration;

use clap::Parser as _;
use oidc_session_example_web::{Flags, RunningApp};
use oidc_session_testkit::{AuthorizationServer, Client};
use reqwest::StatusCode;

use browser::Browser;
use events::Events;

/// Of whatever is waited for by looking again.
const PATIENCE: Duration = Duration::from_secs(20);

async fn app() -> RunningApp {
    let flags = Flags::parse_from(["web", "--port", "0", "--store", "memory:", "--access-ttl", "600"]);
    RunningApp::start(flags).await.unwrap()
}

#[tokio::test]
async fn a_visitor_signs_in_comes_back_and_is_shown_no_token() {
    let app = app().await;
    let mut browser = Browser::at(app.base_url());
    let turned_away = browser.page("/tab2?x=1").await;
    assert_eq!(turned_away.location(), Some("/sign-in?return_to=%2Ftab2%3Fx%3D1"));
    let refused = browser.fetch("/api/orders").await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (StatusCode::UNAUTHORIZED, Some("signed_out")));

    assert_eq!(browser.sign_in("/tab2?x=1").await, "/tab2?x=1");
    let mut seen = String::new();
    for path in ["/tab1", "/tab2", "/tab3"] {
        let page = browser.page(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(page.body.contains("alice"), "{path}");
        seen.push_str(&page.body);
    }
    let session = browser.fetch("/session").await;
    assert_eq!((session.json()["outcome"].as_str(), session.json()["phase"].as_str()), (Some("fresh"), Some("fresh")));
    let orders = browser.fetch("/api/orders").await;
    assert_eq!(orders.json()["owner"], "alice");
    seen.push_str(&session.body);
    seen.push_str(&orders.body);
    for token in ["at_", "rt_", "eyJ"] {
        assert!(!seen.contains(token), "{token}");
    }
    app.stop().await;
}

#[tokio::test]
async fn what_a_visitor_sees_is_stored_nowhere_and_runs_nothing_inline() {
    let app = app().await;
    let mut browser = Browser::at(app.base_url());
    browser.sign_in("/tab1").await;
    for path in ["/tab1", "/tab2", "/tab3", "/session", "/sign-in", "/signed-out", "/nowhere"] {
        let answer = browser.page(path).await;
        let header = |name: &str| answer.headers.get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert!(header("content-security-policy").starts_with("default-src 'self'; "), "{path}");
        assert!(!answer.body.contains("<script>") && !answer.body.contains(" style="), "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn events_tell_of_a_refresh_and_of_the_end() {
    let app = app().await;
    let mut browser = Browser::at(app.base_url());
    browser.sign_in("/tab1").await;
    let mut events = Events::of(&browser).await;
    assert_eq!(events.next().await.0, "session");

    assert_eq!(browser.post("/trouble/expire", &[]).await.status, StatusCode::OK);
    assert_eq!(browser.fetch("/session").await.json()["outcome"], "refreshed");
    let (name, data) = events.next().await;
    assert_eq!((name.as_str(), data["kind"].as_str()), ("happened", Some("refreshed")));
    assert_eq!(events.next().await.0, "session");

    browser.post("/auth/logout", &[]).await;
    let (name, data) = events.next().await;
    assert_eq!((name.as_str(), data["sign_in"].as_str()), ("ended", Some("/sign-in?reason=logged_out")));
    assert!(events.is_over().await);
    app.stop().await;
}

#[tokio::test]
async fn one_stream_too_many_takes_the_place_of_the_oldest() {
    let app = app().await;
    let mut browser = Browser::at(app.base_url());
    browser.sign_in("/tab1").await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        let mut events = Events::of(&browser).await;
        assert_eq!(events.next().await.0, "session");
        streams.push(events);
    }
    assert_eq!(streams[0].next().await.0, "replaced");
    assert!(streams[0].is_over().await);

    browser.post("/trouble/elsewhere", &[]).await;
    for events in &mut streams[1..] {
        let (name, data) = events.next().await;
        assert_eq!((name.as_str(), data["reason"].as_str()), ("ended", Some("logged_out_elsewhere")));
    }
    app.stop().await;
}

#[tokio::test]
async fn an_outage_keeps_the_session_and_a_revocation_ends_it() {
    let app = app().await;
    let mut browser = Browser::at(app.base_url());
    browser.sign_in("/tab1").await;
    for path in ["/trouble/cut", "/trouble/expire"] {
        assert_eq!(browser.post(path, &[]).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(browser.fetch("/api/orders").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let page = browser.page("/tab3").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains(r#"data-phase="unavailable""#) && page.body.contains("The session is kept"));

    assert_eq!(browser.post("/trouble/repair", &[]).await.status, StatusCode::OK);
    let back = async {
        while browser.fetch("/api/orders").await.status != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, back).await.unwrap();

    assert_eq!(browser.post("/trouble/revoke", &[]).await.status, StatusCode::OK);
    let refused = browser.fetch("/api/orders").await;
    assert_eq!((refused.status, refused.json()["reason"].as_str()), (StatusCode::UNAUTHORIZED, Some("rejected")));
    let page = browser.page("/sign-in?reason=rejected").await;
    assert!(page.body.contains("took it back"));
    app.stop().await;
}

#[tokio::test]
async fn with_another_provider_it_is_the_same_without_what_only_the_embedded_one_can_do() {
    let client = Client::public("elsewhere")
        .redirect_uri("http://127.0.0.1/auth/callback".parse().unwrap())
        .post_logout_redirect_uri("http://127.0.0.1/signed-out".parse().unwrap());
    let server = AuthorizationServer::builder().client(client).start().await.unwrap();
    let issuer = server.issuer().as_str();
    let flags =
        ["web", "--port", "0", "--store", "memory:", "--issuer", issuer, "--client-id", "elsewhere", "--skew", "0"];
    let app = RunningApp::start(Flags::parse_from(flags)).await.unwrap();
    let mut browser = Browser::at(app.base_url());
    assert_eq!(browser.sign_in("/tab3").await, "/tab3");
    let page = browser.page("/tab3").await;
    assert!(page.body.contains("/trouble/expire") && !page.body.contains("/trouble/revoke"));
    assert_eq!(browser.post("/trouble/revoke", &[]).await.status, StatusCode::NOT_FOUND);

    assert_eq!(browser.post("/trouble/expire", &[]).await.status, StatusCode::OK);
    let orders = browser.fetch("/api/orders").await;
    assert_eq!(
        (orders.json()["owner"].as_str(), orders.json()["outcome"].as_str()),
        (Some("alice"), Some("refreshed"))
    );
    // Refused by the API before it has expired: ended by whoever asks, with the verdict of the server.
    server.revoke_all();
    assert_eq!(browser.fetch("/api/orders").await.json()["reason"], "rejected");
    app.stop().await;
}

#[tokio::test]
async fn another_site_changes_nothing() {
    let app = app().await;
    let mut browser = Browser::at(app.base_url());
    browser.sign_in("/tab1").await;
    for path in ["/trouble/expire", "/trouble/cut", "/trouble/revoke", "/trouble/elsewhere", "/auth/logout"] {
        let refused = browser.post(path, &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(browser.fetch("/session").await.json()["outcome"], "fresh");
    app.stop().await;
}
