//! [`GuardLayer`]: lets signed-in visitors through, and answers the others.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::OriginalUri;
use http::header::{ACCEPT, CACHE_CONTROL, VARY};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use oidc_session_manager::{SessionError, SessionErrorKind};
use pin_project_lite::pin_project;
use serde_json::json;
use tower_layer::Layer;
use tower_service::Service;
use url::form_urlencoded;

use crate::answer::Answer;
use crate::auth_state::Found;
use crate::{AuthState, WebSessions};

/// Lets signed-in visitors through, and answers the others. Goes inside of the [`SessionLayer`](crate::SessionLayer).
///
/// | Visitor | A page | A fetch |
/// |---|---|---|
/// | signed out, or the session has ended | to the sign-in, and back afterwards | 401 |
/// | has a session that cannot be used now | 503, try again | 503, with `Retry-After` |
///
/// A fetch is told in JSON: `{"error": "signed_out", "reason": "rejected", "sign_in": "/auth/login?return_to=…"}`, where
/// `reason` is there if a session ended. What visitors are let through to gets `Cache-Control: no-store`, unless the
/// handler says otherwise: after a logout, the back button shows nothing.
#[derive(Clone, Debug)]
pub struct GuardLayer(());

impl GuardLayer {
    pub(crate) fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner }
    }
}

/// What [`GuardLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct Guard<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Guard<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = GuardFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answer = match request.extensions().get::<Found>() {
            Some(Found { auth: AuthState::SignedIn(_), .. }) => {
                return GuardFuture::Through { future: self.inner.call(request) };
            }
            Some(Found { web, auth }) => turn_away(web, auth, request.method(), request.uri(), &request),
            None => {
                tracing::error!(
                    "a route is guarded, but there is no session layer around it: add `.layer(web.layer())`"
                );
                let sentence = "This page is not set up right.";
                Answer::page(StatusCode::INTERNAL_SERVER_ERROR, "Sorry", sentence, None)
            }
        };
        GuardFuture::Away { answer: Some(answer) }
    }
}

pin_project! {
    /// The answer to a guarded request.
    #[project = GuardProjection]
    pub enum GuardFuture<F> {
        #[doc(hidden)]
        Through { #[pin] future: F },
        #[doc(hidden)]
        Away { answer: Option<Answer> },
    }
}

impl<F, R, E> Future for GuardFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<String>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            GuardProjection::Through { future } => {
                let mut response = ready!(future.poll(context))?;
                keep_from_caches(response.headers_mut());
                Poll::Ready(Ok(response))
            }
            GuardProjection::Away { answer } => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer.into_http())),
                None => Poll::Pending,
            },
        }
    }
}

impl<F> fmt::Debug for GuardFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardFuture").finish_non_exhaustive()
    }
}

fn keep_from_caches(headers: &mut HeaderMap) {
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.append(VARY, HeaderValue::from_static("Cookie"));
    }
}

/// What of a request is looked at here.
pub(crate) trait Asked {
    fn headers(&self) -> &HeaderMap;
    fn extensions(&self) -> &Extensions;
}

impl<B> Asked for Request<B> {
    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn extensions(&self) -> &Extensions {
        self.extensions()
    }
}

impl Asked for Parts {
    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn extensions(&self) -> &Extensions {
        &self.extensions
    }
}

/// The answer to a visitor who is not signed in.
pub(crate) fn turn_away(web: &WebSessions, auth: &AuthState, method: &Method, uri: &Uri, asked: &impl Asked) -> Answer {
    let is_page = is_page(method, asked.headers());
    let reason = match auth {
        AuthState::Unavailable(error) if error.kind() != SessionErrorKind::SignInNeeded => {
            return unavailable(error, is_page);
        }
        AuthState::Unavailable(error) => Some(error.outcome()),
        AuthState::Ended(reason) => Some(reason.as_str()),
        AuthState::SignedOut | AuthState::SignedIn(_) => None,
    };
    // What was asked for, and not what a router made of it.
    let uri = asked.extensions().get::<OriginalUri>().map_or(uri, |original| &original.0);
    let return_to =
        (is_page && (method == Method::GET)).then(|| uri.path_and_query().map_or("/", |path| path.as_str()));
    let sign_in = sign_in_address(web, return_to, reason);
    if is_page {
        return Answer::redirect(&sign_in);
    }
    let body = json!({ "error": "signed_out", "reason": reason, "sign_in": sign_in });
    Answer::json(StatusCode::UNAUTHORIZED, &body).with_challenge()
}

/// Where visitors sign in: the page for that, or else the login route.
fn sign_in_address(web: &WebSessions, return_to: Option<&str>, reason: Option<&str>) -> String {
    let web = &web.0;
    let page = web.sign_in_page.as_deref();
    let mut query = form_urlencoded::Serializer::new(String::new());
    return_to.into_iter().for_each(|path| {
        query.append_pair("return_to", path);
    });
    // The authorization server has its own words.
    reason.filter(|_| page.is_some()).into_iter().for_each(|reason| {
        query.append_pair("reason", reason);
    });
    let query = query.finish();
    let page = page.unwrap_or(&web.paths.login);
    if query.is_empty() {
        return page.to_owned();
    }
    format!("{page}{}{query}", if page.contains('?') { '&' } else { '?' })
}

/// The session is kept, and later may help. Nobody is sent to sign in for that.
pub(crate) fn unavailable(error: &SessionError, is_page: bool) -> Answer {
    let seconds = error.retry_in().map_or(5, |wait| wait.as_secs().clamp(1, 300));
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let answer = if is_page {
        let sentence = "You are still signed in, but that cannot be confirmed just now. Please try again in a moment.";
        Answer::page(status, "One moment", sentence, None)
    } else {
        Answer::json(status, &json!({ "error": "unavailable", "retry_after_seconds": seconds }))
    };
    answer.with_retry_after(seconds)
}

/// Whether a browser shows the answer to a person: as it says itself, or else by what it would like to have.
fn is_page(method: &Method, headers: &HeaderMap) -> bool {
    if let Some(mode) = headers.get("sec-fetch-mode") {
        return mode == "navigate";
    }
    let accepts_pages = |accept: &HeaderValue| accept.to_str().is_ok_and(|accept| accept.contains("text/html"));
    matches!(*method, Method::GET | Method::HEAD | Method::POST) && headers.get(ACCEPT).is_some_and(accepts_pages)
}
