//! Answers that hold tokens or say why there are none.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, PRAGMA, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::authorization_server::protocol_error::ProtocolError;

/// A JSON answer that nobody may store (RFC 6749 §5.1).
pub(super) fn json(status: StatusCode, body: Value) -> Response {
    let mut response = ([(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")], Json(body)).into_response();
    *response.status_mut() = status;
    if status == StatusCode::UNAUTHORIZED {
        let challenge = axum::http::HeaderValue::from_static(r#"Basic realm="token endpoint", charset="UTF-8""#);
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

pub(super) fn refusal(error: ProtocolError) -> Response {
    json(error.status(), error.body())
}
