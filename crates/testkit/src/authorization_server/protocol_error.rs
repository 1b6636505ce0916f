//! [`ProtocolError`]: a refusal in the words of RFC 6749 §5.2.

use axum::http::StatusCode;
use serde_json::{Value, json};

/// Why a request was refused. Descriptions are fixed sentences: nothing of the request is ever repeated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct ProtocolError {
    code: &'static str,
    description: &'static str,
    /// Where a vendor sends another status than the standard one.
    status: Option<u16>,
}

impl ProtocolError {
    pub(super) const fn new(code: &'static str, description: &'static str) -> Self {
        Self { code, description, status: None }
    }

    pub(super) const fn invalid_request(description: &'static str) -> Self {
        Self::new("invalid_request", description)
    }

    pub(super) const fn invalid_client(description: &'static str) -> Self {
        Self::new("invalid_client", description)
    }

    pub(super) const fn invalid_grant(description: &'static str) -> Self {
        Self::new("invalid_grant", description)
    }

    pub(super) const fn server_error(description: &'static str) -> Self {
        Self::new("server_error", description)
    }

    /// The same refusal with another status.
    pub(super) fn with_status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    pub(super) fn code(self) -> &'static str {
        self.code
    }

    pub(super) fn description(self) -> &'static str {
        self.description
    }

    pub(super) fn status(self) -> StatusCode {
        self.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(status_of(self.code))
    }

    pub(super) fn body(self) -> Value {
        json!({ "error": self.code, "error_description": self.description })
    }
}

/// The status that goes with an error code at the token endpoint.
pub(super) fn status_of(code: &str) -> StatusCode {
    match code {
        "invalid_client" => StatusCode::UNAUTHORIZED,
        "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
        "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    }
}
