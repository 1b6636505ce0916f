//! [`EncodedRequest`]: a request in a form of the vendor's own.

use std::fmt;

/// A request in a form of the vendor's own: what to send instead of `application/x-www-form-urlencoded`.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct EncodedRequest {
    /// The media type of the body.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl EncodedRequest {
    /// A request with `body`.
    pub fn new(content_type: &'static str, body: impl Into<String>) -> Self {
        Self { content_type, headers: Vec::new(), body: body.into() }
    }

    /// The same with a further header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl fmt::Debug for EncodedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedRequest").field("content_type", &self.content_type).finish_non_exhaustive()
    }
}
