//! Answers that hold tokens or say why there are none.

use axum::Json;
use axum::http::header::{CACHE_CONTROL, PRAGMA, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::authorization_server::protocol_error::ProtocolError;

/// A JSON answer that nobody may store (RFC 6749 §5.1).
pub(super) fn json(status: StatusCode, body: Value) -> Response {
    let mut response = ([(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")], Json(body)).into_response();
    *response.status_mut() = status;
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static(r#"Basic realm="token endpoint", charset="UTF-8""#);
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Tells the client which nonce its next DPoP proof needs (RFC 9449 §8).
pub(super) fn add_dpop_nonce(response: &mut Response, nonce: &str) {
    if let Ok(nonce) = HeaderValue::from_str(nonce) {
        response.headers_mut().insert("dpop-nonce", nonce);
    }
}

pub(super) fn refusal(error: ProtocolError) -> Response {
    json(error.status(), error.body())
}
