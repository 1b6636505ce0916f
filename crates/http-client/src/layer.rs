//! [`SessionLayer`]: a fresh access token on the requests of any tower client.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::exchange::{Answered, Exchange};
use crate::origin::Address;
use crate::replay::{Cloned, Replay};
use crate::{HttpSessionError, SessionAuth};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Puts a [`SessionService`] around a client of [`http::Request`]s.
///
/// Whatever completes or changes the address of a request belongs outside this layer, and so does whatever follows
/// redirects: then each address is judged by itself, and a header of this layer is on no request but its own.
///
/// ```text
/// right: ServiceBuilder::new().layer(FollowRedirectLayer::new()).layer(SessionLayer::new(auth)).service(client)
/// wrong: ServiceBuilder::new().layer(SessionLayer::new(auth)).layer(FollowRedirectLayer::new()).service(client)
/// ```
///
/// A request whose address has no host gets no token.
#[derive(Clone, Debug)]
pub struct SessionLayer<R = Cloned> {
    auth: SessionAuth,
    replay: R,
}

/// Sends requests with the access token of their session, refreshed first if it had expired.
///
/// The token that a server refuses with a 401 and `invalid_token` is refreshed, if it is still the session's, and the request
/// sent once more. If that is not possible, the 401 is the answer, with the reason in its extensions
/// ([`HttpSessionError::of_answer`]).
///
/// A request that gets no token fails with an [`HttpSessionError`], boxed beside the errors of the client
/// ([`HttpSessionError::find`]). Dropping the future of a call drops the request; a refresh that has begun goes on.
#[derive(Clone, Debug)]
pub struct SessionService<S, R = Cloned> {
    inner: S,
    auth: SessionAuth,
    replay: R,
}

impl SessionLayer {
    /// A layer for bodies that can be cloned.
    pub fn new(auth: SessionAuth) -> Self {
        Self { auth, replay: Cloned }
    }
}

impl<R> SessionLayer<R> {
    /// The same with another way to have a body twice, such as [`Never`](crate::Never).
    #[must_use]
    pub fn replay<N>(self, replay: N) -> SessionLayer<N> {
        SessionLayer { auth: self.auth, replay }
    }
}

impl<S, R: Clone> Layer<S> for SessionLayer<R> {
    type Service = SessionService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService { inner, auth: self.auth.clone(), replay: self.replay.clone() }
    }
}

impl<S, R, B, A> Service<Request<B>> for SessionService<S, R>
where
    S: Service<Request<B>, Response = Response<A>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    R: Replay<B> + Clone + Send + 'static,
    B: Send + 'static,
    A: Send + 'static,
{
    type Response = Response<A>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<A>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that was polled is ready; its clone is not.
        let next = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, next);
        let (auth, replay) = (self.auth.clone(), self.replay.clone());
        Box::pin(async move { send(ready, auth, replay, request).await })
    }
}

async fn send<S, R, B, A>(
    mut ready: S,
    auth: SessionAuth,
    replay: R,
    request: Request<B>,
) -> Result<Response<A>, BoxError>
where
    S: Service<Request<B>, Response = Response<A>>,
    S::Error: Into<BoxError>,
    R: Replay<B>,
{
    let (mut parts, mut body) = request.into_parts();
    let begun = Exchange::begin(&auth, Address::Uri(&parts.uri), &parts.headers, &parts.extensions, false).await?;
    let Some(mut exchange) = begun else {
        return ready.call(Request::from_parts(parts, body)).await.map_err(Into::into);
    };
    let mut credentials = exchange.credentials(&parts.method, Address::Uri(&parts.uri))?;
    loop {
        let kept = replay.replay(&body).map(|body| (parts.clone(), body));
        credentials.attach(&mut parts.headers);
        let response = ready.call(Request::from_parts(parts, body)).await.map_err(Into::into)?;
        let answered = exchange.heed(response.status(), response.headers()).await;
        let (Answered::Again, Some((next, again))) = (&answered, kept) else {
            return Ok(with_reason(response, answered));
        };
        match exchange.credentials(&next.method, Address::Uri(&next.uri)) {
            Ok(next) => credentials = next,
            Err(error) => return Ok(with_reason(response, Answered::Final(Some(error)))),
        }
        (parts, body) = (next, again);
        // What is still to be read of the refusal is in nobody's way.
        drop(response);
        poll_fn(|context| ready.poll_ready(context)).await.map_err(Into::into)?;
    }
}

fn with_reason<A>(mut response: Response<A>, answered: Answered) -> Response<A> {
    if let Answered::Final(Some(error)) = answered {
        response.extensions_mut().insert::<HttpSessionError>(error);
    }
    response
}
