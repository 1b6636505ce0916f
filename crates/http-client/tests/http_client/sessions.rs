//! Whose token a request carries, and what becomes of one that has no session.

use oidc_session_core::EndReason;
use oidc_session_http_client::{HttpSessionError, ResourceOrigin, WithSession as _, WithoutSession};
use oidc_session_manager::SessionErrorKind;
use oidc_session_testkit::{Fault, RetryAfter};

use crate::resource::ResourceServer;
use crate::world::{LIFETIME, World, bearer, client};

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_two_sessions_at_once_do_not_mix() {
    let world = World::new().await;
    let (alice, bob) = (world.signed_in("alice").await, world.signed_in("bob").await);
    let refused = [alice.access_token().await.unwrap(), bob.access_token().await.unwrap()];
    let api = ResourceServer::refusing(&[refused[0].expose(), refused[1].expose()]).await;
    let client = client(world.auth(&api.origin()).build());
    let calls: Vec<_> = (0..40)
        .map(|n| {
            let (path, session) = if n % 2 == 0 { ("/alice", &alice) } else { ("/bob", &bob) };
            tokio::spawn(client.get(api.url(path)).with_session(session.clone()).send())
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    }
    let (new_alice, new_bob) = (bearer(&alice).await, bearer(&bob).await);
    for seen in api.seen() {
        let (old, new) = if seen.path == "/alice" { (&refused[0], &new_alice) } else { (&refused[1], &new_bob) };
        assert!(seen.token() == old.expose() || seen.authorization() == Some(new), "{}", seen.path);
    }
    assert_eq!(world.refreshes(), 2);
}

#[tokio::test]
async fn a_request_that_names_its_session_is_sent_for_that_one() {
    let world = World::new().await;
    let (own, visitor) = (world.signed_in("own").await, world.signed_in("visitor").await);
    let api = ResourceServer::always(200, None).await;
    let client = world.client(&own, &api.origin());
    client.get(api.url("/me")).send().await.unwrap();
    client.get(api.url("/me")).with_session(visitor.clone()).send().await.unwrap();
    let sent: Vec<_> = api.seen().iter().map(|seen| seen.authorization().unwrap().to_owned()).collect();
    assert_eq!(sent, [bearer(&own).await, bearer(&visitor).await]);
}

#[tokio::test]
async fn without_a_session_a_request_fails_typed_and_is_not_sent() {
    let world = World::new().await;
    let api = ResourceServer::always(200, None).await;
    let ended = world.signed_in("ended").await;
    ended.logout().await.unwrap();
    let client = client(world.auth(&api.origin()).build());
    let get = || client.get(api.url("/me"));
    for (request, reason) in [
        (get(), None),
        (get().with_session(world.session("nobody")), None),
        (get().with_session(ended), Some(EndReason::LoggedOut)),
    ] {
        let error = request.send().await.unwrap_err();
        let found = HttpSessionError::find(&error).unwrap();
        assert_eq!(found.kind(), SessionErrorKind::SignInNeeded);
        assert_eq!(found.session_error().and_then(|error| error.end_reason()), reason);
    }
    assert_eq!(api.seen().len(), 0);
}

#[tokio::test]
async fn without_a_session_a_request_is_sent_plain_where_that_was_chosen() {
    let world = World::new().await;
    let api = ResourceServer::always(200, None).await;
    let ended = world.signed_in("ended").await;
    ended.logout().await.unwrap();
    let client = client(world.auth(&api.origin()).without_session(WithoutSession::SendPlain).build());
    client.get(api.url("/me")).send().await.unwrap();
    client.get(api.url("/me")).with_session(world.session("nobody")).send().await.unwrap();
    client.get(api.url("/me")).with_session(ended).send().await.unwrap();
    assert_eq!(api.seen().len(), 3);
    assert!(api.seen().iter().all(|seen| seen.authorization().is_none()));
}

/// An outage must not show a visitor what is for anybody.
#[tokio::test]
async fn a_session_whose_token_cannot_be_had_now_is_never_sent_plain() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let api = ResourceServer::always(200, None).await;
    let auth = world.auth(&api.origin()).session(session).without_session(WithoutSession::SendPlain).build();
    world.clock.advance(LIFETIME);
    world.server.inject(Fault::too_many_requests(RetryAfter::Seconds(30)));
    let error = client(auth).get(api.url("/me")).send().await.unwrap_err();
    assert_eq!(HttpSessionError::find(&error).unwrap().kind(), SessionErrorKind::Unavailable);
    assert_eq!(api.seen().len(), 0);
}

#[tokio::test]
async fn nothing_that_can_be_shown_shows_a_token() {
    let world = World::new().await;
    let session = world.signed_in("alice").await;
    let token = session.access_token().await.unwrap();
    let api = ResourceServer::refusing(&[token.expose()]).await;
    let auth = world.auth(&api.origin()).session(session.clone()).build();
    let client = client(auth.clone());
    client.get(api.url("/me")).send().await.unwrap();
    let next = session.access_token().await.unwrap();
    session.logout().await.unwrap();
    let error = client.get(api.url("/me")).send().await.unwrap_err();
    let origin: ResourceOrigin = api.origin();
    let shown = format!("{auth:?} {client:?} {error:?} {error} {origin:?} {:?}", world.auth(&origin).session(session));
    assert!(!shown.contains(token.expose()) && !shown.contains(next.expose()), "a token was shown");
    assert!(api.seen()[0].headers["authorization"].to_str().unwrap().contains(token.expose()), "it was the one sent");
}
