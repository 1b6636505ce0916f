//! [`AuthState`] and [`Visitor`]: what a handler knows about who sent a request.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use oidc_session_core::EndReason;
use oidc_session_manager::{Outcome, SessionError, SessionHandle};

use crate::{WebSessions, guard};

/// Whether a request comes from a signed-in visitor: an extractor for routes behind the
/// [`SessionLayer`](crate::SessionLayer).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AuthState {
    /// There is no session.
    SignedOut,
    /// There is one, and its access token is valid now.
    SignedIn(Visitor),
    /// There was one, and it has ended.
    Ended(EndReason),
    /// There is one, and it cannot be used now: its refresh could not be had, or the user has to act at the authorization
    /// server ([`SessionErrorKind::SignInNeeded`](oidc_session_manager::SessionErrorKind::SignInNeeded)).
    Unavailable(SessionError),
}

impl AuthState {
    /// The visitor, if there is one who is signed in.
    pub fn visitor(&self) -> Option<&Visitor> {
        match self {
            Self::SignedIn(visitor) => Some(visitor),
            Self::SignedOut | Self::Ended(_) | Self::Unavailable(_) => None,
        }
    }

    /// Looks at a session for the sake of one request, and refreshes it if need be.
    pub(crate) async fn of(session: SessionHandle) -> Self {
        match session.refresh_if_expired().await {
            Ok(Outcome::NoSession) => Self::SignedOut,
            Ok(Outcome::Ended(reason)) => Self::Ended(reason),
            Ok(outcome) => Self::SignedIn(Visitor { session, outcome }),
            Err(error) => Self::Unavailable(error),
        }
    }
}

/// A signed-in visitor: an extractor that turns the others away as the [`GuardLayer`](crate::GuardLayer) does.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub(crate) session: SessionHandle,
    pub(crate) outcome: Outcome,
}

impl Visitor {
    /// The visitor's session. Its access token was valid when the request came.
    pub fn session(&self) -> &SessionHandle {
        &self.session
    }

    /// What the look at the session came to that this request began with.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }
}

/// What the layer found out about a request.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) web: WebSessions,
    pub(crate) auth: AuthState,
}

impl<S: Send + Sync> FromRequestParts<S> for AuthState {
    type Rejection = LayerMissing;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, LayerMissing> {
        parts.extensions.get::<Found>().map(|found| found.auth.clone()).ok_or(LayerMissing(()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = VisitorMissing;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, VisitorMissing> {
        let Some(found) = parts.extensions.get::<Found>() else {
            return Err(VisitorMissing(Box::new(LayerMissing(()).into_response())));
        };
        match &found.auth {
            AuthState::SignedIn(visitor) => Ok(visitor.clone()),
            _ => {
                let answer = guard::turn_away(&found.web, &found.auth, &parts.method, &parts.uri, parts);
                Err(VisitorMissing(Box::new(answer.into_response())))
            }
        }
    }
}

/// The route has no [`SessionLayer`](crate::SessionLayer) around it: a slip of the program, answered with 500.
#[derive(Debug)]
pub struct LayerMissing(());

impl IntoResponse for LayerMissing {
    fn into_response(self) -> Response {
        tracing::error!(
            "a route asks for a visitor, but there is no session layer around it: add `.layer(web.layer())`"
        );
        (StatusCode::INTERNAL_SERVER_ERROR, "This page is not set up right.").into_response()
    }
}

/// There is no signed-in visitor. As an answer: a redirect to the sign-in for pages, 401 for fetches.
#[derive(Debug)]
pub struct VisitorMissing(Box<Response>);

impl IntoResponse for VisitorMissing {
    fn into_response(self) -> Response {
        *self.0
    }
}
