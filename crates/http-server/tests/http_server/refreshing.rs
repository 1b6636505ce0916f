//! The session is fresh before the handler runs, and bodies are left alone.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http::{Request, Response, StatusCode};
use http_body::{Body as HttpBody, Frame};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use crate::support::{TOKEN_LIFETIME, World};

#[tokio::test]
async fn an_expired_token_is_refreshed_before_the_handler_runs() {
    let world = World::new().await;
    let process = world.process();
    let mut browser = world.visitor(&process).await;
    let before = browser.get(&process, "/private").await.body;
    world.clock.advance(TOKEN_LIFETIME);
    let after = browser.get(&process, "/private").await.body;
    assert!(before.starts_with("fresh ") && after.starts_with("refreshed "), "{before} {after}");
    assert_ne!(before.split_once(' ').unwrap().1, after.split_once(' ').unwrap().1);
}

#[tokio::test]
async fn a_hundred_requests_at_two_processes_refresh_once() {
    let world = World::new().await;
    let (here, there) = (world.process(), world.process());
    let browser = world.visitor(&here).await;
    world.clock.advance(TOKEN_LIFETIME);
    let mut requests = tokio::task::JoinSet::new();
    for number in 0..100 {
        let (mut browser, process) = (browser.clone(), if number % 2 == 0 { here.clone() } else { there.clone() });
        requests.spawn(async move { browser.get(&process, "/private").await });
    }
    let answers = requests.join_all().await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
    let tokens: std::collections::HashSet<_> =
        answers.iter().map(|answer| answer.body.split_once(' ').unwrap().1).collect();
    assert_eq!(tokens.len(), 1, "all of them saw one token");
    assert_eq!(world.server.counters().refresh_requests, 1);
}

/// A body that nobody may look at.
#[derive(Debug)]
struct Untouched;

impl HttpBody for Untouched {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        panic!("the layer read a body");
    }
}

impl From<String> for Untouched {
    fn from(_: String) -> Self {
        panic!("the layer made an answer of its own");
    }
}

#[tokio::test]
async fn bodies_pass_as_they_are_in_both_directions() {
    let world = World::new().await;
    let process = world.process();
    let browser = world.visitor(&process).await;
    for expired in [false, true] {
        if expired {
            world.clock.advance(TOKEN_LIFETIME);
        }
        let service = ServiceBuilder::new().layer(process.web.layer()).layer(process.web.guard()).service(service_fn(
            async |request: Request<Untouched>| {
                let Untouched = request.into_body();
                Ok::<_, std::convert::Infallible>(Response::new(Untouched))
            },
        ));
        let cookie = format!("{}={}", crate::support::COOKIE_NAME, browser.session().unwrap());
        let request = Request::builder().header("cookie", cookie).body(Untouched).unwrap();
        let response = service.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_stream_is_handed_on_piece_by_piece() {
    let world = World::new().await;
    let process = world.process();
    let browser = world.visitor(&process).await;
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<Result<Bytes, std::io::Error>>();
    let receiver = std::sync::Mutex::new(Some(receiver));
    let service = ServiceBuilder::new().layer(process.web.layer()).service(service_fn(async |_: Request<Body>| {
        let mut receiver = receiver.lock().unwrap().take().unwrap();
        let pieces = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
        Ok::<_, std::convert::Infallible>(Response::new(Body::from_stream(pieces)))
    }));
    let cookie = format!("{}={}", crate::support::COOKIE_NAME, browser.session().unwrap());
    let request = Request::builder().header("cookie", cookie).body(Body::empty()).unwrap();
    let mut body = service.oneshot(request).await.unwrap().into_body();
    for piece in ["one", "two"] {
        // The second is sent only after the first has arrived.
        sender.send(Ok(Bytes::from_static(piece.as_bytes()))).unwrap();
        let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), piece);
    }
}
