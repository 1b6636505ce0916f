//! A token goes nowhere by a redirect that it would not go to directly.

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE};
use oidc_session_http_client::SessionMiddleware;
use reqwest::Body;

use crate::resource::{ResourceServer, invalid_token, ok, redirect};
use crate::world::{World, bearer, client};

async fn redirecting(status: u16, to: String) -> ResourceServer {
    ResourceServer::start(move |seen| {
        let to = to.clone();
        async move { if seen.path == "/from" { redirect(status, &to) } else { ok() } }
    })
    .await
}

#[tokio::test]
async fn no_redirect_takes_the_token_to_another_origin() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    for status in [301, 302, 303, 307, 308] {
        let evil = ResourceServer::always(200, None).await;
        let api = redirecting(status, evil.url("/to").into()).await;
        let client = world.client(&session, &api.origin());
        let answer = client.post(api.url("/from")).header(COOKIE, "id=1").body("data").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.url().path()), (200, "/to"));
        assert_eq!(api.only().authorization(), Some(bearer(&session).await.as_str()));
        let arrived = evil.only();
        assert_eq!((arrived.authorization(), arrived.header("cookie")), (None, None), "{status}");
        let keeps = status >= 307;
        assert_eq!((arrived.method == http::Method::POST, arrived.body == "data"), (keeps, keeps), "{status}");
    }
}

#[tokio::test]
async fn a_redirect_within_the_origin_keeps_the_token() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let api = redirecting(302, "/to".into()).await;
    world.client(&session, &api.origin()).get(api.url("/from")).send().await.unwrap();
    let token = bearer(&session).await;
    let sent: Vec<_> =
        api.seen().into_iter().map(|seen| (seen.path.clone(), seen.authorization() == Some(&token))).collect();
    assert_eq!(sent, [("/from".to_owned(), true), ("/to".to_owned(), true)]);
}

#[tokio::test]
async fn a_redirect_from_elsewhere_to_a_named_origin_gets_what_a_request_there_would() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let api = ResourceServer::always(200, None).await;
    let other = redirecting(302, api.url("/me").into()).await;
    world.client(&session, &api.origin()).get(other.url("/from")).send().await.unwrap();
    assert_eq!(other.only().authorization(), None);
    assert_eq!(api.only().authorization(), Some(bearer(&session).await.as_str()));
}

#[tokio::test]
async fn a_token_that_is_refused_behind_a_redirect_is_refreshed_once() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let old = session.access_token().await.unwrap();
    let behind = ResourceServer::refusing(&[old.expose()]).await;
    let api = redirecting(307, behind.url("/to").into()).await;
    let auth = world.auth(&api.origin()).origin(behind.origin()).session(session.clone()).build();
    let answer = client(auth).put(api.url("/from")).body("data").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!((api.seen().len(), behind.seen().len(), world.refreshes()), (1, 2, 1));
    assert!(behind.seen().iter().all(|seen| seen.body == "data"));
}

/// However many of a request's addresses refuse its token.
#[tokio::test]
async fn a_request_causes_one_refresh_over_all_its_addresses() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let old = session.access_token().await.unwrap();
    let behind = ResourceServer::start(|_| async { invalid_token() }).await;
    let to = behind.url("/to");
    let api = ResourceServer::start(move |seen| {
        let (is_old, to) = (seen.token() == old.expose(), to.clone());
        async move { if is_old { invalid_token() } else { redirect(302, to.as_str()) } }
    })
    .await;
    let auth = world.auth(&api.origin()).origin(behind.origin()).session(session.clone()).build();
    let answer = client(auth).get(api.url("/from")).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!((api.seen().len(), behind.seen().len(), world.refreshes()), (2, 1, 1));
}

#[tokio::test]
async fn a_header_of_the_programs_own_stays_behind_and_ours_does_not_take_its_place() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let second = ResourceServer::always(200, None).await;
    let first = redirecting(302, second.url("/to").into()).await;
    let auth = world.auth(&first.origin()).origin(second.origin()).session(session.clone()).build();
    client(auth).get(first.url("/from")).header(AUTHORIZATION, "Bearer mine").send().await.unwrap();
    assert_eq!(first.only().authorization(), Some("Bearer mine"));
    assert_eq!(second.only().authorization(), None);
}

#[tokio::test]
async fn redirects_without_end_end() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let api = ResourceServer::start(|_| async { redirect(302, "/again") }).await;
    let middleware = || SessionMiddleware::new(world.auth(&api.origin()).session(session.clone()).build());
    let plain = || reqwest::Client::builder().no_proxy();
    let answer = middleware().client(plain()).unwrap().get(api.url("/")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), api.seen().len()), (302, 11));
    let none = middleware().most_redirects(0).client(plain()).unwrap();
    assert_eq!(none.get(api.url("/")).send().await.unwrap().status(), 302);
    assert_eq!(api.seen().len(), 12);
}

#[tokio::test]
async fn a_body_that_can_be_read_once_goes_no_further_than_the_first_address() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    for (status, answered, sent) in [(307, 307, 1), (303, 200, 2)] {
        let api = redirecting(status, "/to".into()).await;
        let body = Body::wrap(http_body_util::Full::new(Bytes::from_static(b"data")));
        let answer = world.client(&session, &api.origin()).post(api.url("/from")).body(body).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), api.seen().len()), (answered, sent));
        assert_eq!(api.seen()[0].body, "data");
    }
}

/// A client that somebody made, with reqwest's own redirects under the middleware.
#[tokio::test]
async fn reqwest_itself_takes_the_token_to_no_other_origin_either() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    for status in [301, 302, 303, 307, 308] {
        let evil = ResourceServer::always(200, None).await;
        let api = redirecting(status, evil.url("/to").into()).await;
        let auth = world.auth(&api.origin()).session(session.clone()).build();
        let plain = reqwest::Client::builder().no_proxy().build().unwrap();
        let client = reqwest_middleware::ClientBuilder::new(plain).with(SessionMiddleware::new(auth)).build();
        client.post(api.url("/from")).body("data").send().await.unwrap();
        assert_eq!(evil.only().authorization(), None, "{status}");
    }
}
