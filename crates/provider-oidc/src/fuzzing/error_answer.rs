//! [`error_answer`]: an answer without success.

use oidc_session_core::ProviderErrorKind as Kind;
use reqwest::StatusCode;
use serde_json::Value;

use super::answered;
use super::secret::{SECRET, assert_quiet, with_secrets};
use crate::{Dialect, ErrorAnswer, outcome};

/// The longest value that a server may have the next sign-in carry.
const LONGEST_PARAMETER: usize = 4096;

/// Reads `body` as an answer without success: it ends a session only where the dialect reads a verdict in JSON.
pub fn error_answer(body: &[u8], dialect: &dyn Dialect) {
    for body in with_secrets(body) {
        for status in [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN] {
            refused(status, &body, dialect);
        }
        said_by_the_status(&body, dialect);
        asked(&body, dialect);
    }
}

fn refused(status: StatusCode, body: &[u8], dialect: &dyn Dialect) {
    let error = outcome::refusal(answered(status, body), dialect);
    assert_quiet(&error);
    assert!(error.may_have_presented());
    for (name, value) in error.sign_in_parameters() {
        assert!(!name.contains(SECRET) && value.len() <= LONGEST_PARAMETER, "{name}");
    }
    let Some(fields) = outcome::object(body) else {
        assert_eq!(error.kind(), Kind::Misconfigured, "it may be any proxy on the way");
        return;
    };
    if error.kind() == Kind::Rejected {
        let names_code = ["error", "__type"].iter().any(|name| fields.contains_key(*name));
        assert!(names_code, "a verdict without a code");
    }
    if dialect.profile().id.as_str() == "oidc" {
        let is_verdict = fields.get("error").and_then(Value::as_str) == Some("invalid_grant");
        assert_eq!(error.kind() == Kind::Rejected, is_verdict);
    }
    let revoked = outcome::revocation(answered(status, body), dialect);
    if let Err(error) = revoked {
        assert_quiet(&error);
    }
}

/// Where the status says it all, nobody asks what the body says.
fn said_by_the_status(body: &[u8], dialect: &dyn Dialect) {
    for (status, expected) in [
        (StatusCode::FOUND, Kind::Misconfigured),
        (StatusCode::REQUEST_TIMEOUT, Kind::TryLater),
        (StatusCode::TOO_MANY_REQUESTS, Kind::TryLater),
        (StatusCode::INTERNAL_SERVER_ERROR, Kind::OutcomeUnknown),
        (StatusCode::SERVICE_UNAVAILABLE, Kind::TryLater),
    ] {
        let error = outcome::refusal(answered(status, body), dialect);
        assert_eq!(error.kind(), expected, "{status}");
        assert_quiet(&error);
    }
}

/// The other questions that dialects answer.
fn asked(body: &[u8], dialect: &dyn Dialect) {
    let Some(fields) = outcome::object(body) else { return };
    let answer = ErrorAnswer::from_fields(403, fields);
    assert!(!format!("{answer:?}").contains(SECRET));
    let _ = dialect.device_status(&answer);
    if let Some(diagnosis) = dialect.refused_sign_in(&answer) {
        assert_quiet(&outcome::diagnosed(diagnosis, &answer));
    }
}
