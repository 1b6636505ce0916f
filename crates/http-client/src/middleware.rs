//! [`SessionMiddleware`]: a fresh access token on the requests of a reqwest client.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::Extensions;
use reqwest::redirect::Policy;
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error, Middleware, Next, Result};

use crate::exchange::{Answered, Exchange};
use crate::origin::Address;
use crate::redirect::Hop;
use crate::{HttpSessionError, SessionAuth};

/// Sends requests with the access token of their session, refreshed first if it had expired.
///
/// The token that a server refuses with a 401 and `invalid_token` is refreshed, if it is still the session's, and the request
/// sent once more. If that is not possible, because the body is a stream or the refresh came to nothing, the 401 is the
/// answer, with the reason in its extensions ([`HttpSessionError::of_answer`]).
///
/// A request that gets no token fails with an [`HttpSessionError`] inside a `reqwest_middleware::Error`
/// ([`HttpSessionError::find`]). Dropping the future of a request drops the request; a refresh that has begun goes on. The
/// timeout of a request is for each sending.
///
/// # Redirects
///
/// The client of [`client`](Self::client) follows no redirects by itself; this does, ten at most, and looks at each address
/// anew: a token goes to no address that it would not go to directly, and a proof of possession is made for each. Other
/// credentials of the request (`Authorization`, `Cookie`) stay behind when the origin changes. A redirect from `https` to
/// `http` is not followed, nor one for which a body would be needed twice that can be read only once: the answer is then the
/// redirect itself.
#[derive(Clone)]
pub struct SessionMiddleware {
    auth: SessionAuth,
    outside: Vec<Arc<dyn Middleware>>,
    most_redirects: usize,
}

impl SessionMiddleware {
    /// The middleware, to make a client with.
    ///
    /// It can also be attached to a client that is there. That one must follow no redirects by itself
    /// (`reqwest::redirect::Policy::none()`): reqwest keeps access tokens from other origins too, but sends a proof of
    /// possession along, and knows nothing of the further origins of `auth`.
    pub fn new(auth: SessionAuth) -> Self {
        Self { auth, outside: Vec::new(), most_redirects: 10 }
    }

    /// Puts another middleware outside of this one: what it does, such as a retry, comes before a token is attached. Of
    /// several, the first is the outermost. For clients made by [`client`](Self::client).
    #[must_use]
    pub fn behind(mut self, outer: impl Middleware) -> Self {
        self.outside.push(Arc::new(outer));
        self
    }

    /// How many redirects of a request are followed; 10 by default, none with 0. The answer to one more is the redirect
    /// itself.
    #[must_use]
    pub fn most_redirects(mut self, most: usize) -> Self {
        self.most_redirects = most;
        self
    }

    /// The client whose requests carry tokens. The redirect policy of `client` is replaced by this one's.
    ///
    /// # Errors
    ///
    /// As `reqwest::ClientBuilder::build`.
    pub fn client(mut self, client: reqwest::ClientBuilder) -> reqwest::Result<ClientWithMiddleware> {
        let mut builder = ClientBuilder::new(client.redirect(Policy::none()).build()?);
        for outer in std::mem::take(&mut self.outside) {
            builder = builder.with_arc(outer);
        }
        Ok(builder.with(self).build())
    }

    /// Sends a request to one address. However many addresses a request has, there is one refresh for it.
    async fn send(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: &Next<'_>,
        refreshed: &mut bool,
    ) -> Result<Response> {
        let address = Address::Url(request.url());
        let begun = Exchange::begin(&self.auth, address, request.headers(), extensions, *refreshed).await;
        let Some(mut exchange) = begun.map_err(Error::middleware)? else {
            return next.clone().run(request, extensions).await;
        };
        let credentials = exchange.credentials(request.method(), Address::Url(request.url()));
        let mut credentials = credentials.map_err(Error::middleware)?;
        loop {
            let kept = request.try_clone();
            credentials.attach(request.headers_mut());
            let response = next.clone().run(request, extensions).await?;
            let answered = exchange.heed(response.status(), response.headers()).await;
            *refreshed = exchange.has_refreshed();
            let (Answered::Again, Some(again)) = (&answered, kept) else {
                return Ok(with_reason(response, answered));
            };
            match exchange.credentials(again.method(), Address::Url(again.url())) {
                Ok(next) => credentials = next,
                Err(error) => return Ok(with_reason(response, Answered::Final(Some(error)))),
            }
            request = again;
        }
    }
}

#[async_trait]
impl Middleware for SessionMiddleware {
    async fn handle(&self, mut request: Request, extensions: &mut Extensions, next: Next<'_>) -> Result<Response> {
        let has_own = request.headers().contains_key(http::header::AUTHORIZATION);
        let mut refreshed = false;
        let mut hops = 0;
        loop {
            let (method, url) = (request.method().clone(), request.url().clone());
            // Of a body that can be read only once, the rest of the request may still go on.
            let (kept, bare) = match request.try_clone() {
                Some(kept) => (Some(kept), None),
                None => (None, Some(bare(&request))),
            };
            let response = if has_own {
                next.clone().run(request, extensions).await?
            } else {
                self.send(request, extensions, &next, &mut refreshed).await?
            };
            let hop = Hop::of(&method, &url, response.status(), response.headers());
            let Some(hop) = hop.filter(|_| hops < self.most_redirects) else { return Ok(response) };
            let left = if hop.keeps_body() { kept } else { kept.or(bare) };
            let Some(left) = left else { return Ok(response) };
            hops += 1;
            request = hop.apply(left);
        }
    }
}

/// The request without its body.
fn bare(request: &Request) -> Request {
    let mut bare = Request::new(request.method().clone(), request.url().clone());
    bare.headers_mut().clone_from(request.headers());
    *bare.timeout_mut() = request.timeout().copied();
    *bare.version_mut() = request.version();
    bare
}

fn with_reason(mut response: Response, answered: Answered) -> Response {
    if let Answered::Final(Some(error)) = answered {
        response.extensions_mut().insert::<HttpSessionError>(error);
    }
    response
}

impl fmt::Debug for SessionMiddleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionMiddleware").field("auth", &self.auth).finish_non_exhaustive()
    }
}
