//! The revocation endpoint (RFC 7009).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::answer;
use crate::authorization_server::authority::Authority;
use crate::authorization_server::grants::Revoked;
use crate::authorization_server::opaque::Digest;
use crate::authorization_server::params::Params;
use crate::authorization_server::protocol_error::ProtocolError;

pub(super) async fn revoke(State(authority): State<Arc<Authority>>, headers: HeaderMap, body: Bytes) -> Response {
    match revoked(&authority, &headers, &body) {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => answer::refusal(refusal),
    }
}

fn revoked(authority: &Authority, headers: &HeaderMap, body: &[u8]) -> Result<(), ProtocolError> {
    let params = Params::parse(body)?;
    let client = authority.authenticate("/revoke", headers, &params)?;
    let token = params.require("token", "the token is missing")?;
    let mut state = authority.state();
    let revoked = state.grants.revoke_token(&Digest::of(token), client.id());
    tracing::debug!(client_id = client.id(), ?revoked, "revocation");
    match revoked {
        Revoked::NotYours => Err(ProtocolError::new("unauthorized_client", "the token belongs to another client")),
        // An unknown token is as good as revoked (RFC 7009 §2.2).
        Revoked::Family | Revoked::AccessToken | Revoked::Nothing => {
            state.counters.revocations += 1;
            Ok(())
        }
    }
}
