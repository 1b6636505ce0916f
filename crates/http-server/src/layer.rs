//! [`SessionLayer`]: finds the session of each request.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, StatusCode};
use oidc_session_manager::{Outcome, SessionHandle};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::answer::Answer;
use crate::auth_state::Found;
use crate::{AuthState, Visitor, WebSessions, cross_site};

/// Finds the session of each request, and refreshes it before the handler runs.
///
/// - A request without the cookie passes at once; so does one whose access token is fresh. Neither allocates a future, and
///   no body is touched, in neither direction.
/// - Otherwise the session is refreshed first, once for all requests that wait for it, in this process and in others.
///   Dropping the request's future cancels only the wait.
/// - A session that cannot be refreshed now is told to the handler as [`AuthState::Unavailable`], and ends nobody's
///   sign-in.
/// - A request from another site that could change something is answered with 403: see the [crate](crate).
#[derive(Clone, Debug)]
pub struct SessionLayer {
    web: WebSessions,
}

impl SessionLayer {
    pub(crate) fn new(web: WebSessions) -> Self {
        Self { web }
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        SessionService { inner, web: self.web.clone() }
    }
}

/// What [`SessionLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    inner: S,
    web: WebSessions,
}

impl<S, B, R> Service<Request<B>> for SessionService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = SessionFuture<S, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // A layer further out has looked already.
        if request.extensions().get::<Found>().is_some() {
            return SessionFuture::passing(self.inner.call(request));
        }
        let web = &self.web.0;
        let Some(id) = web.cookie.session_id(request.headers()) else {
            self.found(&mut request, AuthState::SignedOut);
            return SessionFuture::passing(self.inner.call(request));
        };
        if cross_site::is_cross_site_change(request.method(), request.headers(), &web.base_url) {
            tracing::debug!("refused a request that another site sent with a session's cookie");
            return SessionFuture { state: State::Refused };
        }
        let session = web.sessions.session(&id);
        if session.is_fresh() {
            self.found(&mut request, AuthState::SignedIn(Visitor { session, outcome: Outcome::Fresh }));
            return SessionFuture::passing(self.inner.call(request));
        }
        // The one that is ready stays here, its clone waits for the next request.
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        SessionFuture {
            state: State::Looking { look: look(session), waiting: Some((inner, request, self.web.clone())) },
        }
    }
}

impl<S> SessionService<S> {
    fn found<B>(&self, request: &mut Request<B>, auth: AuthState) {
        request.extensions_mut().insert(Found { web: self.web.clone(), auth });
    }
}

type Look = Pin<Box<dyn Future<Output = AuthState> + Send>>;

fn look(session: SessionHandle) -> Look {
    Box::pin(AuthState::of(session))
}

pin_project! {
    /// The answer to a request, after a look at its session.
    pub struct SessionFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Looking { look: Look, waiting: Option<(S, Request<B>, WebSessions)> },
        Passing { #[pin] future: S::Future },
        Refused,
    }
}

impl<S: Service<Request<B>>, B> SessionFuture<S, B> {
    fn passing(future: S::Future) -> Self {
        Self { state: State::Passing { future } }
    }
}

impl<S, B, R> Future for SessionFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<String>,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProjection::Passing { future } => return future.poll(context),
                StateProjection::Refused => {
                    let sentence = "This request was sent by another site.";
                    return Poll::Ready(Ok(Answer::page(StatusCode::FORBIDDEN, "Refused", sentence, None).into_http()));
                }
                StateProjection::Looking { look, waiting } => {
                    let auth = ready!(look.as_mut().poll(context));
                    // Taken once: the state is another one from here on.
                    let Some((mut inner, mut request, web)) = waiting.take() else { return Poll::Pending };
                    request.extensions_mut().insert(Found { web, auth });
                    this.state.set(State::Passing { future: inner.call(request) });
                }
            }
        }
    }
}

impl<S: Service<Request<B>>, B> std::fmt::Debug for SessionFuture<S, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionFuture").finish_non_exhaustive()
    }
}
