//! What becomes of a token that a resource server refuses.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use oidc_session_core::AccessToken;
use oidc_session_http_client::HttpSessionError;
use oidc_session_manager::{SessionErrorKind, SessionEventKind};
use oidc_session_testkit::{Fault, RetryAfter};
use reqwest::Body;
use tokio::sync::{Barrier, Notify};

use crate::resource::{INVALID_TOKEN, ResourceServer, answer, invalid_token, ok};
use crate::world::{LIFETIME, World, bearer, client};

const REST: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_expired_token_is_refreshed_before_the_request_is_sent() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let api = ResourceServer::of(&world.server).await;
    world.clock.advance(LIFETIME);
    let answer = world.client(&session, &api.origin()).get(api.url("/me")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), api.seen().len(), world.refreshes()), (200, 1, 1));
}

#[tokio::test]
async fn a_refused_token_is_refreshed_once_and_the_request_sent_once_more_with_its_body() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let old = session.access_token().await.unwrap();
    let api = ResourceServer::refusing(&[old.expose()]).await;
    let request = world.client(&session, &api.origin()).post(api.url("/things")).header("x-own", "1").body("data");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let (seen, new) = (api.seen(), bearer(&session).await);
    assert_eq!((seen.len(), world.refreshes()), (2, 1));
    assert_eq!(seen[0].authorization(), Some(format!("Bearer {}", old.expose()).as_str()));
    assert_eq!(seen[1].authorization(), Some(new.as_str()));
    assert!(seen.iter().all(|seen| seen.body == "data" && seen.header("x-own") == Some("1")));
}

#[tokio::test]
async fn what_does_not_say_that_the_token_is_invalid_is_passed_on_untouched() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    for (status, challenge) in [
        (403, Some(INVALID_TOKEN)),
        (403, Some(r#"Bearer error="insufficient_scope""#)),
        (403, None),
        (401, Some(r#"Bearer error="insufficient_scope""#)),
        (401, Some(r#"Bearer realm="x""#)),
        (401, Some(r#"Basic realm="Bearer error=\"invalid_token\"""#)),
        (401, Some(r#"DPoP error="use_dpop_nonce""#)),
        (401, None),
        (400, Some(INVALID_TOKEN)),
        (500, Some(INVALID_TOKEN)),
    ] {
        let api = ResourceServer::always(status, challenge.map(|value| ("www-authenticate", value))).await;
        let answer = world.client(&session, &api.origin()).get(api.url("/me")).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), api.seen().len()), (status, 1), "{challenge:?}");
        assert!(HttpSessionError::of_answer(answer.extensions()).is_none());
        assert_eq!(answer.text().await.unwrap(), "body of the answer");
    }
    assert_eq!(world.refreshes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_refused_with_one_token_cause_one_refresh() {
    const MANY: usize = 24;
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let old = session.access_token().await.unwrap();
    let all_are_here = Arc::new(Barrier::new(MANY));
    let api = ResourceServer::start(move |seen| {
        let (is_old, all_are_here) = (seen.token() == old.expose(), Arc::clone(&all_are_here));
        async move {
            if !is_old {
                return ok();
            }
            all_are_here.wait().await;
            invalid_token()
        }
    })
    .await;
    let client = world.client(&session, &api.origin());
    let calls: Vec<_> = (0..MANY).map(|_| tokio::spawn(client.get(api.url("/me")).send())).collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!((api.seen().len(), world.refreshes()), (2 * MANY, 1));
    assert_eq!(world.server.counters().reuse_detected, 0);
}

/// A server that refuses what was revoked, and one token late: when it is told to.
async fn refusing_late(
    late: AccessToken,
    arrived: &Arc<Notify>,
    go_on: &Arc<Notify>,
    revoked: &Arc<Mutex<Option<AccessToken>>>,
) -> ResourceServer {
    let (arrived, go_on, revoked) = (Arc::clone(arrived), Arc::clone(go_on), Arc::clone(revoked));
    ResourceServer::start(move |seen| {
        let is_late = seen.token() == late.expose();
        let is_revoked = revoked.lock().unwrap().as_ref().is_some_and(|token| token.expose() == seen.token());
        let (arrived, go_on) = (Arc::clone(&arrived), Arc::clone(&go_on));
        async move {
            if is_late {
                arrived.notify_one();
                go_on.notified().await;
            }
            if is_late || is_revoked { invalid_token() } else { ok() }
        }
    })
    .await
}

#[tokio::test]
async fn a_straggler_adopts_the_newer_token_and_refreshes_nothing() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let old = session.access_token().await.unwrap();
    let (arrived, go_on) = (Arc::default(), Arc::default());
    let api = refusing_late(old, &arrived, &go_on, &Arc::default()).await;
    let call = tokio::spawn(world.client(&session, &api.origin()).get(api.url("/me")).send());
    arrived.notified().await;
    session.refresh().await.unwrap();
    go_on.notify_one();
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
    assert_eq!((api.seen().len(), world.refreshes()), (2, 1));
}

/// What took the place of the straggler's token was refused meanwhile as well, and replaced: the server is at rest.
#[tokio::test]
async fn a_straggler_gets_the_newer_token_during_a_rest_too() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let late = session.access_token().await.unwrap();
    let (arrived, go_on) = (Arc::default(), Arc::default());
    let revoked: Arc<Mutex<Option<AccessToken>>> = Arc::default();
    let api = refusing_late(late, &arrived, &go_on, &revoked).await;
    let client = world.client(&session, &api.origin());
    let straggler = tokio::spawn(client.get(api.url("/me")).send());
    arrived.notified().await;
    session.refresh().await.unwrap();
    *revoked.lock().unwrap() = Some(session.access_token().await.unwrap());
    assert_eq!(client.get(api.url("/me")).send().await.unwrap().status(), 200);
    assert_eq!(world.refreshes(), 2);
    go_on.notify_one();
    assert_eq!(straggler.await.unwrap().unwrap().status(), 200);
    assert_eq!((api.seen().len(), world.refreshes()), (4, 2));
}

#[tokio::test]
async fn a_server_that_refuses_everything_causes_one_refresh_in_each_rest() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let api = ResourceServer::start(|_| async { invalid_token() }).await;
    let client = world.client(&session, &api.origin());
    for _ in 0..10 {
        let answer = client.get(api.url("/me")).send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.headers()["www-authenticate"], INVALID_TOKEN);
    }
    assert_eq!((api.seen().len(), world.refreshes()), (11, 1));
    world.clock.advance(REST - Duration::from_secs(1));
    client.get(api.url("/me")).send().await.unwrap();
    assert_eq!((api.seen().len(), world.refreshes()), (12, 1));
    world.clock.advance(Duration::from_secs(1));
    for _ in 0..5 {
        client.get(api.url("/me")).send().await.unwrap();
    }
    assert_eq!((api.seen().len(), world.refreshes()), (18, 2));
}

#[tokio::test]
async fn a_server_that_refuses_everything_leaves_the_others_alone() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let broken = ResourceServer::start(|_| async { invalid_token() }).await;
    let good = ResourceServer::of(&world.server).await;
    let auth = world.auth(&broken.origin()).origin(good.origin()).session(session.clone()).build();
    let client = client(auth);
    for _ in 0..5 {
        assert_eq!(client.get(broken.url("/me")).send().await.unwrap().status(), 401);
        assert_eq!(client.get(good.url("/me")).send().await.unwrap().status(), 200);
    }
    assert_eq!((good.seen().len(), world.refreshes()), (5, 1));
}

#[tokio::test]
async fn two_servers_that_refuse_everything_do_not_take_turns() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let one = ResourceServer::start(|_| async { invalid_token() }).await;
    let other = ResourceServer::start(|_| async { invalid_token() }).await;
    let client = client(world.auth(&one.origin()).origin(other.origin()).session(session).build());
    for _ in 0..5 {
        client.get(one.url("/me")).send().await.unwrap();
        client.get(other.url("/me")).send().await.unwrap();
    }
    assert_eq!(world.refreshes(), 2);
}

#[tokio::test]
async fn a_request_that_is_given_up_during_its_refresh_has_caused_it_all_the_same() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let api = ResourceServer::start(|_| async { invalid_token() }).await;
    let client = world.client(&session, &api.origin());
    let mut events = session.subscribe();
    world.server.inject(Fault::Delay(Duration::from_millis(300)));
    let mut call = Box::pin(client.get(api.url("/me")).send());
    let begun = async {
        while world.refreshes() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = &mut call => panic!("the refresh takes longer"),
        begun = tokio::time::timeout(Duration::from_secs(30), begun) => begun.unwrap(),
    }
    drop(call);
    while events.recv().await.unwrap().kind != SessionEventKind::Refreshed {}
    for _ in 0..3 {
        assert_eq!(client.get(api.url("/me")).send().await.unwrap().status(), 401);
    }
    assert_eq!((api.seen().len(), world.refreshes()), (4, 1));
}

#[tokio::test]
async fn a_body_that_can_be_read_once_is_sent_once_and_the_next_request_is_good() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let old = session.access_token().await.unwrap();
    let api = ResourceServer::refusing(&[old.expose()]).await;
    let client = world.client(&session, &api.origin());
    let body = || Body::wrap(http_body_util::Full::new(Bytes::from_static(b"data")));
    assert_eq!(client.post(api.url("/things")).body(body()).send().await.unwrap().status(), 401);
    assert_eq!((api.seen().len(), world.refreshes()), (1, 1));
    assert_eq!(client.post(api.url("/things")).body(body()).send().await.unwrap().status(), 200);
    assert_eq!((api.seen().len(), world.refreshes()), (2, 1));
}

#[tokio::test]
async fn a_refusal_that_no_refresh_can_mend_is_the_answer_and_says_why() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let api = ResourceServer::start(|_| async { answer(401, Some(("www-authenticate", INVALID_TOKEN))) }).await;
    let client = world.client(&session, &api.origin());

    world.server.inject(Fault::too_many_requests(RetryAfter::Seconds(30)));
    let answer = client.get(api.url("/me")).send().await.unwrap();
    let why = HttpSessionError::of_answer(answer.extensions()).unwrap();
    assert_eq!((answer.status().as_u16(), why.kind()), (401, SessionErrorKind::Unavailable));

    world.clock.advance(Duration::from_secs(120));
    world.server.revoke_subject("alice");
    let answer = client.get(api.url("/me")).send().await.unwrap();
    let why = HttpSessionError::of_answer(answer.extensions()).unwrap();
    assert_eq!((answer.status().as_u16(), why.kind()), (401, SessionErrorKind::SignInNeeded));
    assert!(why.session_error().unwrap().end_reason().is_some());
    assert_eq!(api.seen().len(), 2);

    let error = client.get(api.url("/me")).send().await.unwrap_err();
    assert_eq!(HttpSessionError::find(&error).unwrap().kind(), SessionErrorKind::SignInNeeded);
    assert_eq!(api.seen().len(), 2, "without a session nothing is sent");
}
