//! [`ErrorAnswer`]: a refusal of the token endpoint, as a dialect sees it.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

/// An error answer of the token endpoint (RFC 6749 §5.2), parsed but not yet understood.
///
/// It is there to be read by [`Dialect::classify`](crate::Dialect::classify), not to be shown: servers echo tokens in
/// their descriptions, so `Debug` leaves out everything they wrote.
///
/// ```
/// use oidc_session_provider_oidc::{Dialect as _, ErrorAnswer, Meaning, PlainOidc};
///
/// let answer = ErrorAnswer::new(400, "invalid_grant");
/// assert_eq!(PlainOidc.classify(&answer).meaning, Meaning::Verdict);
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct ErrorAnswer {
    status: u16,
    fields: Map<String, Value>,
    retry_after: Option<Duration>,
}

impl ErrorAnswer {
    /// An answer with nothing but a status and a code.
    pub fn new(status: u16, error: &str) -> Self {
        Self::from_fields(status, Map::new()).with_field("error", error)
    }

    pub(crate) fn from_fields(status: u16, fields: Map<String, Value>) -> Self {
        Self { status, fields, retry_after: None }
    }

    /// The same answer with another field of its body.
    #[must_use]
    pub fn with_field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// The same answer with how long the server asked to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The OAuth error code; empty if the body is JSON without one.
    pub fn error(&self) -> &str {
        self.field("error").and_then(Value::as_str).unwrap_or_default()
    }

    /// `error_description`, which some servers use to tell causes apart.
    pub fn description(&self) -> Option<&str> {
        self.field("error_description").and_then(Value::as_str)
    }

    /// Any field of the body.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// How long the server asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Debug for ErrorAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorAnswer")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_leaves_out_what_the_server_wrote() {
        let answer = ErrorAnswer::new(400, "secret-1").with_field("error_description", "token secret-2");
        assert!(!format!("{answer:?}").contains("secret"));
    }
}
