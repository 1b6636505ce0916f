//! The endpoints: HTTP in, HTTP out. What they decide is decided elsewhere.

mod answer;
mod authorize;
mod device;
mod device_authorization;
mod discovery;
mod end_session;
mod page;
mod pushed_authorization;
mod revoke;
mod token;
mod token_fault;
mod userinfo;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::authority::Authority;

pub(super) use authorize::answer_in_process;

/// All endpoints of one server.
pub(super) fn router(authority: Arc<Authority>) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery::configuration))
        .route("/jwks", get(discovery::jwks))
        .route("/authorize", get(authorize::ask).post(authorize::decided))
        .route("/par", post(pushed_authorization::push))
        .route("/token", post(token::token))
        .route("/device_authorization", post(device_authorization::device_authorization))
        .route("/device", get(device::ask).post(device::decided))
        .route("/revoke", post(revoke::revoke))
        .route("/userinfo", get(userinfo::userinfo).post(userinfo::userinfo))
        .route("/end_session", get(end_session::by_query).post(end_session::by_form))
        .with_state(authority)
}
