//! The same promises over tower.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::Full;
use oidc_session_http_client::{HttpSessionError, Never, Replay, SessionAuth, SessionLayer, SessionService};
use oidc_session_http_client::{WithSession as _, WithoutSession};
use oidc_session_manager::SessionErrorKind;
use tower::{Layer as _, Service, ServiceExt as _};

use crate::resource::{ResourceServer, invalid_token, ok};
use crate::world::{World, bearer, client};

type Body = Full<Bytes>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A real client of `http::Request`s.
fn transport()
-> impl Service<Request<Body>, Response = Response<reqwest::Body>, Error = BoxError, Future: Send> + Clone + Send {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    tower::service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move {
            let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap))?;
            Ok(Response::from(client.execute(request).await?))
        }
    })
}

fn get(uri: impl AsRef<str>) -> Request<Body> {
    Request::get(uri.as_ref()).body(Full::default()).unwrap()
}

#[tokio::test]
async fn a_named_origin_gets_the_token_and_others_do_not() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let (api, other) = (ResourceServer::always(200, None).await, ResourceServer::always(200, None).await);
    let service = SessionLayer::new(world.auth(&api.origin()).session(session.clone()).build()).layer(transport());
    let (api_port, other_port) = (api.url("/").port().unwrap(), other.url("/").port().unwrap());
    for uri in [
        api.url("/me").to_string(),
        other.url("/me").to_string(),
        format!("http://127.0.0.1:{api_port}@127.0.0.1:{other_port}/"),
    ] {
        service.clone().oneshot(get(uri)).await.unwrap();
    }
    assert_eq!(api.only().authorization(), Some(bearer(&session).await.as_str()));
    let token = session.access_token().await.unwrap();
    assert_eq!(other.seen().len(), 2);
    assert!(!format!("{:?}", other.seen()).contains(token.expose()));
}

#[tokio::test]
async fn a_refused_token_is_refreshed_once_and_the_request_sent_once_more_with_its_body() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let old = session.access_token().await.unwrap();
    let api = ResourceServer::refusing(&[old.expose()]).await;
    let service = SessionLayer::new(world.auth(&api.origin()).session(session.clone()).build()).layer(transport());
    let request = Request::post(api.url("/things").as_str()).header("x-own", "1").body(Full::from("data")).unwrap();
    assert_eq!(service.oneshot(request).await.unwrap().status(), 200);
    assert_eq!((api.seen().len(), world.refreshes()), (2, 1));
    assert!(api.seen().iter().all(|seen| seen.body == "data" && seen.header("x-own") == Some("1")));
    assert_eq!(api.seen()[1].authorization(), Some(bearer(&session).await.as_str()));
}

#[tokio::test]
async fn a_header_that_the_program_set_is_left_alone_and_its_401_too() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let api = ResourceServer::refusing(&["mine"]).await;
    let service = SessionLayer::new(world.auth(&api.origin()).session(session).build()).layer(transport());
    let request = Request::get(api.url("/me").as_str()).header("authorization", "Bearer mine").body(Full::default());
    assert_eq!(service.oneshot(request.unwrap()).await.unwrap().status(), 401);
    assert_eq!((api.only().authorization(), world.refreshes()), (Some("Bearer mine"), 0));
}

#[tokio::test]
async fn a_body_that_can_be_read_once_is_sent_once() {
    async fn refused_once<R: Replay<Body> + Clone + Send + 'static>(replay: R) -> (u16, usize, u16) {
        let world = World::new().await;
        let session = world.signed_in("alice").await;
        let old = session.access_token().await.unwrap();
        let api = ResourceServer::refusing(&[old.expose()]).await;
        let auth = world.auth(&api.origin()).session(session).build();
        let service = SessionLayer::new(auth).replay(replay).layer(transport());
        let first = service.clone().oneshot(get(api.url("/me"))).await.unwrap().status().as_u16();
        let sent = api.seen().len();
        assert_eq!(world.refreshes(), 1);
        (first, sent, service.oneshot(get(api.url("/me"))).await.unwrap().status().as_u16())
    }
    assert_eq!(refused_once(Never).await, (401, 1, 200));
    assert_eq!(refused_once(|_: &Body| None).await, (401, 1, 200));
    assert_eq!(refused_once(|body: &Body| Some(body.clone())).await, (200, 2, 200));
}

#[tokio::test]
async fn a_server_that_refuses_everything_causes_one_refresh_in_each_rest() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let api = ResourceServer::start(|_| async { invalid_token() }).await;
    let auth = world.auth(&api.origin()).session(session).rest(Duration::from_secs(10)).build();
    let service = SessionLayer::new(auth).layer(transport());
    let again = async |times| {
        for _ in 0..times {
            assert_eq!(service.clone().oneshot(get(api.url("/me"))).await.unwrap().status(), 401);
        }
        (api.seen().len(), world.refreshes())
    };
    assert_eq!(again(5).await, (6, 1));
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(again(5).await, (12, 2));
}

#[tokio::test]
async fn what_one_kind_of_client_learned_holds_for_the_other() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let api = ResourceServer::start(|_| async { invalid_token() }).await;
    let auth = world.auth(&api.origin()).session(session).build();
    SessionLayer::new(auth.clone()).layer(transport()).oneshot(get(api.url("/me"))).await.unwrap();
    client(auth).get(api.url("/me")).send().await.unwrap();
    assert_eq!((api.seen().len(), world.refreshes()), (3, 1));
}

#[tokio::test]
async fn a_request_names_its_session_or_has_none() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let api = ResourceServer::start(|_| async { ok() }).await;
    let with = |without_session| {
        SessionLayer::new(world.auth(&api.origin()).without_session(without_session).build()).layer(transport())
    };
    let error = with(WithoutSession::Fail).oneshot(get(api.url("/fail"))).await.unwrap_err();
    assert_eq!(HttpSessionError::find(&*error).unwrap().kind(), SessionErrorKind::SignInNeeded);
    with(WithoutSession::SendPlain).oneshot(get(api.url("/plain"))).await.unwrap();
    with(WithoutSession::Fail).oneshot(get(api.url("/named")).with_session(session.clone())).await.unwrap();
    let sent: Vec<_> =
        api.seen().iter().map(|seen| (seen.path.clone(), seen.authorization().map(str::to_owned))).collect();
    assert_eq!(sent, [("/plain".to_owned(), None), ("/named".to_owned(), Some(bearer(&session).await))]);
}

/// A service that must be asked whether it is ready before each request, as tower has it.
#[derive(Clone)]
struct Strict {
    ready: bool,
    sent: Arc<Mutex<Vec<(Uri, HeaderMap)>>>,
}

impl Service<Request<String>> for Strict {
    type Response = Response<()>;
    type Error = BoxError;
    type Future = std::future::Ready<Result<Response<()>, BoxError>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), BoxError>> {
        self.ready = true;
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<String>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "nobody asked whether it is ready");
        let mut sent = self.sent.lock().unwrap();
        sent.push((request.uri().clone(), request.headers().clone()));
        let answer = Response::builder().status(if sent.len() == 1 { 401 } else { 200 });
        let answer = answer.header("www-authenticate", r#"Bearer error="invalid_token""#).body(());
        std::future::ready(Ok(answer.unwrap()))
    }
}

#[tokio::test]
async fn whoever_sends_is_ready_for_each_sending_and_headers_are_sensitive() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let sent = Arc::default();
    let auth = SessionAuth::builder("https://api.example".parse().unwrap()).session(session).build();
    let service: SessionService<Strict> =
        SessionLayer::new(auth).layer(Strict { ready: false, sent: Arc::clone(&sent) });
    let request = Request::get("https://api.example/me").body(String::new()).unwrap();
    assert_eq!(service.clone().oneshot(request).await.unwrap().status(), 200);
    let without_host = Request::get("/me").body(String::new()).unwrap();
    service.oneshot(without_host).await.unwrap();
    let sent = sent.lock().unwrap();
    assert!(sent[0].1["authorization"].is_sensitive() && sent[1].1["authorization"].is_sensitive());
    assert_eq!((sent.len(), sent[2].1.get("authorization")), (3, None));
}
