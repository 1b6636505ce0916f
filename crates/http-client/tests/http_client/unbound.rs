//! Without the feature `dpop` there are no proofs.

use oidc_session_http_client::HttpSessionError;
use oidc_session_manager::SessionErrorKind;

use crate::resource::ResourceServer;
use crate::world::World;

#[tokio::test]
async fn a_bound_token_is_not_sent_at_all_where_it_cannot_be_proven() {
    let world = World::with(|server| server, true).await;
    let session = world.signed_in("alice").await;
    let api = ResourceServer::always(200, None).await;
    let error = world.client(&session, &api.origin()).get(api.url("/me")).send().await.unwrap_err();
    assert_eq!(HttpSessionError::find(&error).unwrap().kind(), SessionErrorKind::Misconfigured);
    assert_eq!(api.seen().len(), 0);
}
