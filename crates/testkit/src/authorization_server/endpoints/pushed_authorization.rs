//! The pushed authorization request endpoint (RFC 9126 §2).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::answer;
use crate::authorization_server::authority::Authority;
use crate::authorization_server::authorization_request::{AuthorizationRequest, Rejection};
use crate::authorization_server::params::Params;
use crate::authorization_server::protocol_error::ProtocolError;
use crate::authorization_server::pushed_requests::LIFETIME;

pub(super) async fn push(State(authority): State<Arc<Authority>>, headers: HeaderMap, body: Bytes) -> Response {
    match pushed(&authority, &headers, &body) {
        Ok(body) => answer::json(StatusCode::CREATED, body),
        Err(refusal) => answer::refusal(refusal),
    }
}

fn pushed(authority: &Authority, headers: &HeaderMap, body: &[u8]) -> Result<Value, ProtocolError> {
    let params = Params::parse(body)?;
    let client = authority.authenticate("/par", headers, &params)?;
    if params.get("request_uri").is_some() {
        return Err(ProtocolError::invalid_request("a request URI cannot be pushed"));
    }
    AuthorizationRequest::validate(&params, &authority.clients, &authority.resources).map_err(|rejection| {
        match rejection {
            Rejection::Page(reason) => ProtocolError::invalid_request(reason),
            Rejection::Redirect(_, error) => error,
        }
    })?;
    let mut state = authority.state();
    let params = params.without(&["client_secret", "client_assertion"]);
    let request_uri = state.pushed_requests.push(client.id(), params, authority.now());
    state.counters.pushed_authorization_requests += 1;
    Ok(json!({ "request_uri": request_uri, "expires_in": LIFETIME.as_secs() }))
}
