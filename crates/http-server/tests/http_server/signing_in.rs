//! Signing in: in one tab, in several, and across processes.

use std::time::Duration;

use http::StatusCode;
use oidc_session_testkit::{Decision, Fault};

use crate::support::{Browser, World};

#[tokio::test]
async fn a_visitor_signs_in_and_comes_back_to_where_they_were() {
    let world = World::new().await;
    let process = world.process();
    let mut browser = Browser::new();
    let away = browser.get(&process, "/private?page=2").await;
    assert_eq!(away.location.as_deref(), Some("/auth/login?return_to=%2Fprivate%3Fpage%3D2"));

    let landed = world.sign_in(&mut browser, &process, &away.location.unwrap()).await;
    assert_eq!(landed.location.as_deref(), Some("/private?page=2"));
    assert_eq!(browser.session().map(str::len), Some(43));
    assert!(browser.pending().is_empty(), "what a sign-in had to remember is gone");
    let shown = browser.get(&process, "/private?page=2").await;
    assert!(shown.status.is_success() && shown.body.starts_with("fresh "), "{}", shown.body);
}

#[tokio::test]
async fn one_process_begins_a_sign_in_another_finishes_it_and_a_third_serves_the_visitor() {
    let world = World::new().await;
    let mut browser = Browser::new();
    let callback = world.begin(&mut browser, &world.process(), "/auth/login").await;
    let landed = browser.get(&world.process(), &callback).await;
    assert_eq!((landed.status, landed.location.as_deref()), (StatusCode::SEE_OTHER, Some("/")));
    assert_eq!(browser.get(&world.process(), "/private").await.status, StatusCode::OK);
}

#[tokio::test]
async fn several_tabs_sign_in_at_once_and_each_comes_back_to_its_own_page() {
    let world = World::new().await;
    let process = world.process();
    let mut browser = Browser::new();
    let mut callbacks = Vec::new();
    for tab in 0..3 {
        let login = format!("/auth/login?return_to=/private?tab={tab}");
        callbacks.push(world.begin(&mut browser, &process, &login).await);
    }
    for (tab, callback) in callbacks.iter().enumerate().rev() {
        let landed = browser.get(&process, callback).await;
        assert_eq!(landed.location, Some(format!("/private?tab={tab}")));
        assert_eq!(browser.get(&process, "/private").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_browser_carries_few_sign_ins_and_the_newest_ones() {
    let world = World::new().await;
    let process = world.process();
    let mut browser = Browser::new();
    let mut callbacks = Vec::new();
    for tab in 0..20 {
        callbacks.push(world.begin(&mut browser, &process, &format!("/auth/login?return_to=/private?tab={tab}")).await);
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(browser.pending().len(), 4);
    let size: usize = browser.cookies.iter().map(|(name, value)| name.len() + value.len() + 3).sum();
    assert!(size < 4096, "{size} bytes of cookies");
    assert_eq!(browser.clone().get(&process, &callbacks[15]).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(browser.get(&process, &callbacks[16]).await.location.as_deref(), Some("/private?tab=16"));
}

#[tokio::test]
async fn a_sign_in_may_take_ten_minutes_and_no_longer() {
    let world = World::new().await;
    let process = world.process();
    let mut browser = Browser::new();
    let login = browser.get(&process, "/auth/login").await.location.unwrap();
    // The code is asked for at the end, so that only the cookie is old.
    world.clock.advance(Duration::from_secs(599));
    let callback = || {
        let callback = world.server.authorize(&login.parse().unwrap()).unwrap();
        callback[url::Position::BeforePath..].to_owned()
    };
    let mut late = browser.clone();
    assert_eq!(browser.get(&process, &callback()).await.status, StatusCode::SEE_OTHER);
    world.clock.advance(Duration::from_secs(1));
    let refused = late.get(&process, &callback()).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.body.contains("It took too long") && refused.body.contains("href=\"/auth/login\""));
    assert!(late.session().is_none());
}

#[tokio::test]
async fn a_new_sign_in_ends_the_session_that_the_browser_had_and_revokes_nothing() {
    let world = World::new().await;
    let process = world.process();
    let mut browser = world.visitor(&process).await;
    let mut before = browser.clone();
    world.sign_in(&mut browser, &process, "/auth/login").await;
    assert_ne!(browser.session(), before.session());
    process.sessions.drain().await;
    // The former one is over, however long that took.
    for _ in 0..1000 {
        if before.get(&process, "/open").await.body == "ended: replaced" {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(before.get(&process, "/open").await.body, "ended: replaced");
    assert_eq!(world.server.counters().revocations, 0, "the server may have one grant for both");
    assert_eq!(browser.get(&process, "/private").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_goes_wrong_at_the_server_is_told_in_a_word() {
    let world = World::new().await;
    let process = world.process_with(|web| web.sign_in_page("/welcome"));
    let mut browser = Browser::new();

    world.server.set_default_decision(Decision::Deny);
    let landed = world.sign_in(&mut browser, &process, "/auth/login").await;
    assert_eq!(landed.location.as_deref(), Some("/welcome?error=denied"));

    world.server.set_default_decision(Decision::Approve);
    world.server.inject(Fault::DropBefore);
    let landed = world.sign_in(&mut browser, &process, "/auth/login").await;
    assert_eq!(landed.location.as_deref(), Some("/welcome?error=unavailable"));
    assert!(browser.session().is_none() && browser.pending().is_empty(), "{:?}", browser.pending());

    let landed = world.sign_in(&mut browser, &process, "/auth/login").await;
    assert_eq!(landed.location.as_deref(), Some("/"));
}
