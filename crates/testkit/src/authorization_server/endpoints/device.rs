//! The page where a person connects a device (RFC 8628 §3.3).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::page;
use crate::authorization_server::authority::{Authority, Decision};
use crate::authorization_server::params::Params;

const TITLE: &str = "Connect a device";

pub(super) async fn ask(State(authority): State<Arc<Authority>>, RawQuery(query): RawQuery) -> Response {
    let Ok(params) = Params::parse(query.unwrap_or_default().as_bytes()) else {
        return page::message(StatusCode::BAD_REQUEST, TITLE, "A parameter of the request is repeated.");
    };
    page::device(params.get("user_code").unwrap_or_default(), &authority.subject)
}

pub(super) async fn decided(State(authority): State<Arc<Authority>>, body: Bytes) -> Response {
    let params = Params::parse(&body).ok();
    let value = |name| params.as_ref().and_then(|params| params.get(name));
    let decision = match value("decision") {
        Some("sign_in") => Decision::Approve,
        Some("refuse") => Decision::Deny,
        _ => return page::message(StatusCode::BAD_REQUEST, TITLE, "The decision is missing."),
    };
    let known = authority.decide_device(value("user_code").unwrap_or_default(), decision, value("subject"));
    match (known, decision) {
        (false, _) => page::message(StatusCode::BAD_REQUEST, TITLE, "No device waits with this code."),
        (true, Decision::Approve) => page::message(StatusCode::OK, TITLE, "The device is connected."),
        (true, Decision::Deny) => page::message(StatusCode::OK, TITLE, "The device is not connected."),
    }
}
