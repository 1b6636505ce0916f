//! Tokens that are bound to a key (DPoP): a proof for each request, with the nonce of the server it goes to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_session_testkit::AuthorizationServerBuilder;
use serde_json::Value;

use crate::resource::{ResourceServer, Seen, answer, invalid_token, ok, redirect};
use crate::world::{World, client};

async fn world(settings: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder) -> World {
    World::with(settings, true).await
}

fn claims(seen: &Seen) -> Value {
    let payload = seen.header("dpop").unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The testkit's userinfo endpoint checks signature, key, token, address and nonce.
#[tokio::test]
async fn a_resource_server_that_checks_everything_is_satisfied() {
    let world = world(|server| server.require_dpop(true)).await;
    let session = world.signed_in("alice").await;
    let client = world.client(&session, &world.server.issuer().as_str().parse().unwrap());
    for _ in 0..3 {
        let answer = client.get(world.server.issuer().join("userinfo?x=1").unwrap()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    assert_eq!((world.server.counters().userinfo_requests, world.refreshes()), (3, 0));
}

#[tokio::test]
async fn a_nonce_is_asked_for_once_and_sent_from_then_on_until_it_is_renewed() {
    let world = world(|server| server.require_dpop_nonce_at_userinfo(true)).await;
    let session = world.signed_in("alice").await;
    let client = world.client(&session, &world.server.issuer().as_str().parse().unwrap());
    let url = world.server.issuer().join("userinfo").unwrap();
    let mut asked = Vec::new();
    for _ in 0..3 {
        assert_eq!(client.get(url.clone()).send().await.unwrap().status(), 200);
        asked.push(world.server.counters().userinfo_requests);
    }
    world.server.renew_dpop_nonce();
    assert_eq!(client.get(url).send().await.unwrap().status(), 200);
    asked.push(world.server.counters().userinfo_requests);
    assert_eq!((asked, world.refreshes()), (vec![2, 3, 4, 6], 0));
}

#[tokio::test]
async fn a_token_that_is_refused_after_the_nonce_is_refreshed_too() {
    let world = world(|server| server).await;
    let session = world.signed_in("alice").await;
    let old = session.access_token().await.unwrap();
    let api = ResourceServer::start(move |seen| {
        let answer = match (claims(&seen)["nonce"].as_str(), seen.token() == old.expose()) {
            (None, _) => use_nonce("n-1"),
            (Some(_), true) => answer(401, Some(("www-authenticate", r#"DPoP error="invalid_token""#))),
            (Some(_), false) => ok(),
        };
        async move { answer }
    })
    .await;
    let answer = world.client(&session, &api.origin()).post(api.url("/things")).body("data").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), world.refreshes()), (200, 1));
    let seen = api.seen();
    let nonces: Vec<_> = seen.iter().map(|seen| claims(seen)["nonce"].as_str().map(str::to_owned)).collect();
    assert_eq!(nonces, [None, Some("n-1".to_owned()), Some("n-1".to_owned())]);
    assert!(seen.iter().all(|seen| seen.body == "data" && seen.authorization().unwrap().starts_with("DPoP ")));
    let ids: std::collections::HashSet<_> = seen.iter().map(|seen| claims(seen)["jti"].to_string()).collect();
    assert_eq!(ids.len(), 3, "each proof is of its own");
}

#[tokio::test]
async fn a_server_that_is_never_content_with_a_nonce_is_asked_twice() {
    let world = world(|server| server).await;
    let session = world.signed_in("alice").await;
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let api = ResourceServer::start(move |_| {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        async move { use_nonce(&format!("n-{n}")) }
    })
    .await;
    let answer = world.client(&session, &api.origin()).get(api.url("/me")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), api.seen().len(), world.refreshes()), (401, 2, 0));
}

#[tokio::test]
async fn a_server_that_refuses_every_bound_token_causes_one_refresh() {
    let world = world(|server| server).await;
    let session = world.signed_in("alice").await;
    let api = ResourceServer::start(|_| async { invalid_token() }).await;
    let client = world.client(&session, &api.origin());
    for _ in 0..4 {
        assert_eq!(client.get(api.url("/me")).send().await.unwrap().status(), 401);
    }
    assert_eq!((api.seen().len(), world.refreshes()), (5, 1));
}

#[tokio::test]
async fn a_proof_is_for_one_address_and_leaves_for_no_other_origin() {
    let world = world(|server| server).await;
    let session = world.signed_in("alice").await;
    let evil = ResourceServer::always(200, None).await;
    let to = evil.url("/to");
    let api = ResourceServer::start(move |seen| {
        let to = to.clone();
        async move { if seen.path == "/from" { redirect(307, "/within?q=1#f") } else { redirect(307, to.as_str()) } }
    })
    .await;
    world.client(&session, &api.origin()).put(api.url("/from?a=b")).send().await.unwrap();
    let seen = api.seen();
    let proven: Vec<_> = seen.iter().map(|seen| (claims(seen)["htm"].clone(), claims(seen)["htu"].clone())).collect();
    let expected = ["/from", "/within"].map(|path| ("PUT".into(), api.url(path).to_string().into()));
    assert_eq!(proven, expected);
    let arrived = evil.only();
    assert_eq!((arrived.authorization(), arrived.header("dpop")), (None, None));
}

#[tokio::test]
async fn nonces_are_those_of_the_server_that_gave_them() {
    let world = world(|server| server).await;
    let session = world.signed_in("alice").await;
    let wanting = async |nonce: &'static str| {
        ResourceServer::start(move |seen| {
            let fits = claims(&seen)["nonce"] == nonce;
            async move { if fits { ok() } else { use_nonce(nonce) } }
        })
        .await
    };
    let (one, other) = (wanting("one").await, wanting("other").await);
    let client = client(world.auth(&one.origin()).origin(other.origin()).session(session).build());
    for _ in 0..3 {
        assert_eq!(client.get(one.url("/")).send().await.unwrap().status(), 200);
        assert_eq!(client.get(other.url("/")).send().await.unwrap().status(), 200);
    }
    assert_eq!((one.seen().len(), other.seen().len()), (4, 4));
}

#[tokio::test]
async fn two_bound_sessions_prove_with_their_own_keys() {
    use oidc_session_http_client::WithSession as _;
    let world = world(|server| server).await;
    let (alice, bob) = (world.signed_in("alice").await, world.signed_in("bob").await);
    let client = client(world.auth(&world.server.issuer().as_str().parse().unwrap()).build());
    let url = world.server.issuer().join("userinfo").unwrap();
    for session in [&alice, &bob, &alice, &bob] {
        let answer = client.get(url.clone()).with_session(session.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
}

fn use_nonce(nonce: &str) -> axum::response::Response {
    let mut response = answer(401, Some(("www-authenticate", r#"DPoP error="use_dpop_nonce""#)));
    response.headers_mut().insert("dpop-nonce", nonce.parse().unwrap());
    response
}
