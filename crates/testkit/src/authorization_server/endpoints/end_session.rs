//! The end-session endpoint (OIDC RP-Initiated Logout).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::response::{IntoResponse, Response};
use url::Url;

use super::page;
use crate::authorization_server::authority::Authority;
use crate::authorization_server::params::Params;

const REFUSED: &str = "This logout cannot continue";

pub(super) async fn by_query(State(authority): State<Arc<Authority>>, RawQuery(query): RawQuery) -> Response {
    end_session(&authority, query.unwrap_or_default().as_bytes())
}

pub(super) async fn by_form(State(authority): State<Arc<Authority>>, body: Bytes) -> Response {
    end_session(&authority, &body)
}

fn end_session(authority: &Authority, encoded: &[u8]) -> Response {
    let Ok(params) = Params::parse(encoded) else {
        return page::message(StatusCode::BAD_REQUEST, REFUSED, "A parameter of the request is repeated.");
    };
    let hint = match params.get("id_token_hint").map(|id_token| authority.read_hint(id_token)) {
        Some(None) => return page::message(StatusCode::BAD_REQUEST, REFUSED, "The ID token is not from here."),
        Some(Some(hint)) => Some(hint),
        None => None,
    };
    let client_id = hint.as_ref().map(|hint| hint.aud.as_str()).or(params.get("client_id"));
    if params.get("client_id").is_some_and(|id| Some(id) != client_id) {
        return page::message(StatusCode::BAD_REQUEST, REFUSED, "The ID token is for another client.");
    }
    // First the session, then where to go: a wrong address must not keep anybody signed in.
    if let Some(hint) = &hint {
        let mut state = authority.state();
        let ended = state.grants.revoke_where(|sign_in| sign_in.sid == hint.sid);
        state.counters.end_sessions += ended as u64;
        tracing::debug!(ended, "end session");
    }
    let Some(return_to) = params.get("post_logout_redirect_uri") else {
        let text = if hint.is_some() { "The session has ended." } else { "There is no session to end." };
        return page::message(StatusCode::OK, "Logout", text);
    };
    let client = client_id.and_then(|id| authority.client(id));
    let registered = Url::parse(return_to).ok().filter(|uri| client.is_some_and(|client| client.may_return_to(uri)));
    let Some(mut return_to) = registered else {
        return page::message(StatusCode::BAD_REQUEST, REFUSED, "The address to return to is not registered.");
    };
    if let Some(state) = params.get("state") {
        return_to.query_pairs_mut().append_pair("state", state);
    }
    (StatusCode::FOUND, [(LOCATION, return_to.as_str()), (CACHE_CONTROL, "no-store")]).into_response()
}
