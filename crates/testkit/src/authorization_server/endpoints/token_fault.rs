//! The answers of a token endpoint that is not well.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use url::Url;

use super::answer;
use crate::authorization_server::fault::{RetryAfter, StatusBody};
use crate::authorization_server::protocol_error::status_of;

const HUGE_CHUNK: usize = 64 * 1024;
const HUGE_CHUNKS: usize = 512;

pub(super) fn status(code: u16, retry_after: Option<RetryAfter>, body: StatusBody) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match body {
        StatusBody::Json => answer::json(status, json!({ "error": "temporarily_unavailable" })),
        StatusBody::Html => (status, Html("<!doctype html><title>Sorry</title><h1>Sorry</h1>")).into_response(),
        StatusBody::Empty => status.into_response(),
    };
    if let Some(value) = retry_after.and_then(|after| HeaderValue::try_from(after.to_string()).ok()) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

pub(super) fn error(code: &str) -> Response {
    answer::json(status_of(code), json!({ "error": code, "error_description": "injected" }))
}

pub(super) fn redirect(to: &Url) -> Response {
    (StatusCode::FOUND, [(LOCATION, to.as_str())]).into_response()
}

pub(super) fn garbage() -> Response {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], "<html>not what you asked for").into_response()
}

/// Begins like an answer, and goes on for 32 MiB.
pub(super) fn huge() -> Response {
    let beginning = Bytes::from_static(br#"{"access_token":""#);
    let more = Bytes::from(vec![b'A'; HUGE_CHUNK]);
    let chunks = stream::iter(std::iter::once(beginning).chain(std::iter::repeat_n(more, HUGE_CHUNKS)));
    let body = Body::from_stream(chunks.map(Ok::<_, io::Error>));
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body).into_response()
}

/// Promises the whole answer, sends half of it, and fails.
pub(super) fn truncated(status: StatusCode, answer: &Value) -> Response {
    let whole = Bytes::from(answer.to_string());
    let half = whole.slice(..whole.len() / 2);
    let failure = async {
        // Let the half be written before the connection goes down.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    };
    let body = Body::from_stream(stream::iter([Ok(half)]).chain(stream::once(failure)));
    let mut response =
        (status, [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body).into_response();
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
    response
}
