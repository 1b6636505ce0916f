//! What a request with a fresh token costs: exact, so it gates.

use allocation_counter::measure;
use http::{Request, Response};
use oidc_session_http_client::{SessionAuth, SessionLayer};
use tower::{Layer as _, Service as _};

use crate::world::World;

const TIMES: u64 = 100;

/// What is allocated for each request by this thread, but not by the first.
async fn allocations(auth: SessionAuth, uri: &'static str) -> u64 {
    let inner = tower::service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
    let mut service = SessionLayer::new(auth).layer(inner);
    let mut send = || {
        let call = service.call(Request::get(uri).body(()).unwrap());
        futures_util::FutureExt::now_or_never(call).unwrap().unwrap();
    };
    send();
    let made = measure(|| (0..TIMES).for_each(|_| drop(Request::get(uri).body(()).unwrap()))).count_total;
    (measure(|| (0..TIMES).for_each(|_| send())).count_total - made) / TIMES
}

#[tokio::test]
async fn a_request_with_a_fresh_token_allocates_what_is_listed() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    session.authorization().await.unwrap();
    let auth = || SessionAuth::builder("https://api.example".parse().unwrap()).session(session.clone());
    // The future, and the table of the headers that the token is put into.
    assert_eq!(allocations(auth().build(), "https://api.example/me").await, 3);
    // The future alone.
    assert_eq!(allocations(auth().build(), "https://elsewhere.example/me").await, 1);
}
