//! [`EncodedRequest`]: a request in a form of the vendor's own.

use std::fmt;

use url::Url;

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
    /// Where to send it, if not to the endpoint that the metadata names. The dialect answers for this address.
    pub endpoint: Option<Url>,
}

impl EncodedRequest {
    /// A request with `body`.
    pub fn new(content_type: &'static str, body: impl Into<String>) -> Self {
        Self { content_type, headers: Vec::new(), body: body.into(), endpoint: None }
    }

    /// The same with a further header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same for an endpoint of its own.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Url) -> Self {
        self.endpoint = Some(endpoint);
        self
    }
}

impl fmt::Debug for EncodedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedRequest").field("content_type", &self.content_type).finish_non_exhaustive()
    }
}
