//! Back-channel logout: the authorization server says that somebody has logged out.

use http::{Method, StatusCode};
use oidc_session_core::SessionId;
use oidc_session_manager::Snapshot;
use serde_json::json;

use crate::support::{Answered, Browser, Process, World};

const FORM: &str = "application/x-www-form-urlencoded";
const PATH: &str = "/auth/back-channel-logout";

async fn tell(process: &Process, token: &str) -> Answered {
    let body = format!("logout_token={token}");
    Browser::new().send(process, Method::POST, PATH, &[("content-type", FORM)], &body).await
}

async fn sid_of(browser: &Browser, process: &Process) -> String {
    let id = SessionId::named(browser.session().unwrap()).unwrap();
    match process.sessions.session(&id).snapshot().await.unwrap() {
        Snapshot::Active { session, .. } => session.sid.clone().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_sid_ends_that_session_on_every_process_and_no_other() {
    let world = World::new().await;
    let (here, there) = (world.process(), world.process());
    let (mut one, mut other) = (world.visitor(&here).await, world.visitor(&there).await);
    for process in [&here, &there] {
        assert_eq!(one.get(process, "/private").await.status, StatusCode::OK);
    }
    let sid = sid_of(&one, &here).await;
    let token = world.server.logout_token("web-app", "alice", sid.as_str());
    // The process that is told is not the one that signed the visitor in.
    assert_eq!(tell(&there, &token).await.status, StatusCode::OK);
    for process in [&here, &there] {
        assert_eq!(one.get(process, "/open").await.body, "ended: logged_out_elsewhere");
        assert_eq!(other.get(process, "/private").await.status, StatusCode::OK);
    }
    assert_eq!(world.server.counters().revocations, 0, "the server knows already");
}

#[tokio::test]
async fn a_sub_ends_every_session_of_the_subject() {
    let world = World::new().await;
    let (here, there) = (world.process(), world.process());
    let mut visitors = Vec::new();
    for number in 0..5 {
        visitors.push(world.visitor(if number % 2 == 0 { &here } else { &there }).await);
    }
    let token = world.server.logout_token("web-app", "alice", None);
    assert_eq!(tell(&here, &token).await.status, StatusCode::OK);
    for visitor in &mut visitors {
        assert_eq!(visitor.get(&there, "/open").await.body, "ended: logged_out_elsewhere");
    }
    // Whoever signs in again is not touched by the old token, at no process.
    let mut again = world.visitor(&here).await;
    assert_eq!(tell(&here, &token).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(tell(&there, &token).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(again.get(&there, "/private").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_that_must_not_be_acted_upon_ends_nothing() {
    let world = World::new().await;
    let process = world.process();
    let mut visitor = world.visitor(&process).await;
    let good = world.server.logout_token("web-app", "alice", None);
    let others = world.server.logout_token("native-app", "alice", None);
    let an_id_token = world.server.sign_claims(
        "JWT",
        &json!({ "iss": world.server.issuer().as_str(), "aud": "web-app", "sub": "alice", "iat": 1_700_000_000, "exp": 1_700_000_100, "nonce": "n" }),
    );
    let (head, _) = good.rsplit_once('.').unwrap();
    let altered = format!("{head}.{}", "A".repeat(342));
    for bad in ["", "x", "a.b.c", &others, &an_id_token, &altered, &"x".repeat(70_000)] {
        assert_eq!(tell(&process, bad).await.status, StatusCode::BAD_REQUEST, "{:.40}", bad);
    }
    let twice = format!("logout_token={good}&logout_token={good}");
    for (kind, body) in [(FORM, twice.as_str()), (FORM, ""), ("application/json", &format!("logout_token={good}"))] {
        let answer = Browser::new().send(&process, Method::POST, PATH, &[("content-type", kind)], body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(visitor.get(&process, "/private").await.status, StatusCode::OK);
    assert_eq!(tell(&process, &good).await.status, StatusCode::OK, "the good one is still good");
    assert_eq!(visitor.get(&process, "/open").await.body, "ended: logged_out_elsewhere");
}

#[tokio::test]
async fn an_application_that_did_not_ask_for_it_has_no_such_route() {
    let world = World::new().await;
    let with = world.process();
    let provider =
        oidc_session_provider_oidc::Oidc::builder(world.server.issuer().as_str(), "web-app").build().unwrap();
    let base = crate::support::BASE.parse().unwrap();
    let web = oidc_session_http_server::WebSessions::builder(with.sessions.clone(), provider, base).build().unwrap();
    let process = Process { app: web.routes(), web, sessions: with.sessions };
    let token = world.server.logout_token("web-app", "alice", None);
    assert_eq!(tell(&process, &token).await.status, StatusCode::NOT_FOUND);
}
