//! A token goes to the origins that were named, and to no other.

use http::header::AUTHORIZATION;
use oidc_session_core::Target;
use reqwest::Url;

use crate::resource::ResourceServer;
use crate::world::{World, bearer, client};

#[tokio::test]
async fn a_request_to_a_named_origin_carries_the_token_and_one_elsewhere_does_not() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let (api, other) = (ResourceServer::always(200, None).await, ResourceServer::always(200, None).await);
    let client = world.client(&session, &api.origin());
    client.get(api.url("/me")).send().await.unwrap();
    client.get(other.url("/me")).send().await.unwrap();
    assert_eq!(api.only().authorization(), Some(bearer(&session).await.as_str()));
    assert_eq!(other.only().authorization(), None);
}

/// A port, a host name of the same address, another scheme: none is the origin.
#[tokio::test]
async fn the_same_machine_by_another_name_is_another_origin() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let api = ResourceServer::always(200, None).await;
    let client = world.client(&session, &api.origin());
    let mut by_name = api.url("/me");
    by_name.set_host(Some("localhost")).unwrap();
    client.get(by_name).send().await.unwrap();
    assert_eq!(api.only().authorization(), None);
}

#[tokio::test]
async fn a_user_name_that_looks_like_the_origin_gets_nothing() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let (api, evil) = (ResourceServer::always(200, None).await, ResourceServer::always(200, None).await);
    let client = world.client(&session, &api.origin());
    let (api_port, evil_port) = (api.url("/").port().unwrap(), evil.url("/").port().unwrap());
    let token = session.access_token().await.unwrap();
    for trick in [
        format!("http://127.0.0.1@127.0.0.1:{evil_port}/"),
        format!("http://127.0.0.1:{api_port}@127.0.0.1:{evil_port}/"),
        format!("http://127.0.0.1:{api_port}%2F@127.0.0.1:{evil_port}/"),
        format!("http://127.0.0.1:{evil_port}/http://127.0.0.1:{api_port}/"),
        format!("http://127.0.0.1:{evil_port}\\@127.0.0.1:{api_port}/"),
        format!("http://127.0.0.1:{evil_port}#@127.0.0.1:{api_port}/"),
    ] {
        client.get(Url::parse(&trick).unwrap()).send().await.unwrap();
        let seen = evil.seen();
        assert!(!format!("{:?}", seen.last().unwrap()).contains(token.expose()), "{trick}");
    }
    assert_eq!((evil.seen().len(), api.seen().len()), (6, 0));
}

#[tokio::test]
async fn a_user_in_the_address_is_a_header_of_the_programs_own() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let api = ResourceServer::always(200, None).await;
    let mut url = api.url("/me");
    url.set_username("somebody").unwrap();
    world.client(&session, &api.origin()).get(url).send().await.unwrap();
    assert!(api.only().authorization().unwrap().starts_with("Basic "));
}

#[tokio::test]
async fn a_header_that_the_program_set_is_left_alone_and_its_401_too() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let api = ResourceServer::refusing(&["mine"]).await;
    let client = world.client(&session, &api.origin());
    let answer = client.get(api.url("/me")).header(AUTHORIZATION, "Bearer mine").send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(api.only().authorization(), Some("Bearer mine"));
    assert_eq!(world.refreshes(), 0);
}

#[tokio::test]
async fn each_origin_gets_the_token_that_is_meant_for_it() {
    const API: &str = "https://api.example";
    const REPORTS: &str = "https://reports.example";
    let world = World::with(|server| server.resource(REPORTS, "").resource(API, ""), false).await;
    let session = world.signed_in_for("alice", &[API, REPORTS]).await;
    let (api, reports) = (ResourceServer::always(200, None).await, ResourceServer::always(200, None).await);
    let target = Target::resource(REPORTS);
    let auth = world.auth(&api.origin()).session(session.clone()).target(reports.origin(), target.clone()).build();
    let client = client(auth);
    client.get(api.url("/me")).send().await.unwrap();
    client.get(reports.url("/sales")).send().await.unwrap();
    let for_reports = session.for_target(target);
    assert_eq!(api.only().authorization(), Some(bearer(&session).await.as_str()));
    assert_eq!(reports.only().authorization(), Some(bearer(&for_reports).await.as_str()));
    assert_ne!(bearer(&session).await, bearer(&for_reports).await);
    assert_eq!(world.server.access_token_audience(reports.only().token()), [REPORTS]);
}
