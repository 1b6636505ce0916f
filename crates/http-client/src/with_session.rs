//! [`WithSession`]: a request that names its session.

use oidc_session_manager::SessionHandle;

/// A request that names the session it is sent for: for servers that act for their visitors.
///
/// The session lies in the request's extensions, as a [`SessionHandle`], and counts for this request alone. It is found by a
/// [`SessionAuth`](crate::SessionAuth) whether or not that has one for all requests. Of several calls the last counts.
///
/// ```
/// use oidc_session_http_client::WithSession as _;
/// # fn example(session: oidc_session_manager::SessionHandle) -> Result<(), http::Error> {
/// let request = http::Request::get("https://api.example/me").body(())?.with_session(session);
/// # Ok(())
/// # }
/// ```
pub trait WithSession {
    /// The same request, sent for `session`.
    #[must_use]
    fn with_session(self, session: SessionHandle) -> Self;
}

impl<B> WithSession for http::Request<B> {
    fn with_session(mut self, session: SessionHandle) -> Self {
        self.extensions_mut().insert(session);
        self
    }
}

impl WithSession for http::request::Builder {
    fn with_session(self, session: SessionHandle) -> Self {
        self.extension(session)
    }
}

#[cfg(feature = "reqwest")]
impl WithSession for reqwest_middleware::RequestBuilder {
    fn with_session(self, session: SessionHandle) -> Self {
        self.with_extension(session)
    }
}
