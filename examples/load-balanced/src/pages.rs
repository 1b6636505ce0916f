//! The routes of an instance.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use oidc_session::http_server::{AuthState, Visitor, WebSessions};
use oidc_session::{EndReason, FeedState, SessionError, SessionManager, Snapshot};
use serde_json::{Value, json};

use crate::protected_api::{ApiError, ProtectedApi};

/// What the handlers of one instance share.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) name: String,
    pub(crate) sessions: SessionManager,
    pub(crate) api: ProtectedApi,
}

/// All routes.
///
/// | Route | Is |
/// |---|---|
/// | `/session` | guarded: the access token's times, from this instance's memory |
/// | `/me` | guarded: who is signed in, and the session's times, from the store |
/// | `/api/me` | guarded: what a protected API answers to the visitor's access token |
/// | `/` | whether somebody is signed in |
/// | `/auth/…` | signing in and out |
/// | `/healthz` | for the load balancer: no cookie is looked at, and no store is asked |
pub(crate) fn router(web: &WebSessions, instance: Arc<Instance>) -> Router {
    Router::new()
        .route("/session", get(session))
        .route("/me", get(me))
        .route("/api/me", get(api_me))
        .layer(web.guard())
        .route("/", get(home))
        .merge(web.routes())
        .layer(web.layer())
        .route("/healthz", get(healthz))
        .with_state(instance)
}

async fn home(State(instance): State<Arc<Instance>>, auth: AuthState) -> Json<Value> {
    Json(json!({ "served_by": instance.name, "signed_in": auth.visitor().is_some(), "about_you": "/me" }))
}

/// What most handlers do: the access token is at hand, and nobody is asked.
async fn session(State(instance): State<Arc<Instance>>, visitor: Visitor) -> Result<Json<Value>, Refused> {
    let served = visitor.session().token_for(Duration::ZERO).await?;
    Ok(Json(json!({
        "served_by": instance.name,
        "outcome": visitor.outcome().as_str(),
        "access_token_expires_at_unix_ms": served.expires_at.map(|at| at.as_unix_millis()),
    })))
}

async fn me(State(instance): State<Arc<Instance>>, visitor: Visitor) -> Result<Json<Value>, Refused> {
    match visitor.session().snapshot().await? {
        Snapshot::Active { session, schedule, .. } => Ok(Json(json!({
            "served_by": instance.name,
            "subject": session.subject,
            "signed_in_at_unix_ms": session.signed_in_at.as_unix_millis(),
            "session_ends_at_unix_ms": session.ends_at.map(|at| at.as_unix_millis()),
            "access_token_expires_at_unix_ms": schedule.expires_at().map(|at| at.as_unix_millis()),
        }))),
        Snapshot::Ended { tombstone, .. } => Err(Refused::Ended(Some(tombstone.reason))),
        Snapshot::None => Err(Refused::Ended(None)),
    }
}

async fn api_me(State(instance): State<Arc<Instance>>, visitor: Visitor) -> Result<Json<Value>, Refused> {
    let answer = instance.api.call(visitor.session()).await?;
    Ok(Json(json!({ "served_by": instance.name, "answer": answer })))
}

/// A process without the feed is alive and right, but hears of logouts elsewhere later: somebody should look at its store.
async fn healthz(State(instance): State<Arc<Instance>>) -> Json<Value> {
    let feed = match instance.sessions.feed() {
        FeedState::Followed => "followed",
        FeedState::NotFollowed => "not_followed",
        FeedState::Absent => "absent",
        _ => "unknown",
    };
    Json(json!({ "served_by": instance.name, "status": "ok", "feed": feed }))
}

/// Why a guarded handler has no answer, although its visitor was let through a moment ago.
enum Refused {
    /// The session has ended since, for this reason if it is known.
    Ended(Option<EndReason>),
    /// The session is kept, and cannot be used now.
    Unavailable,
    /// The API did not answer as it should.
    Api,
}

impl From<SessionError> for Refused {
    fn from(error: SessionError) -> Self {
        tracing::info!(%error, "a session could not be used");
        match error.end_reason() {
            Some(reason) => Self::Ended(Some(reason)),
            None => Self::Unavailable,
        }
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Session(error) => error.into(),
            ApiError::Answer(error) => {
                tracing::warn!(error, "the protected API failed");
                Self::Api
            }
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, body) = match self {
            // As the guard has it.
            Self::Ended(reason) => {
                (StatusCode::UNAUTHORIZED, json!({ "error": "signed_out", "reason": reason.map(EndReason::as_str) }))
            }
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, json!({ "error": "unavailable" })),
            Self::Api => (StatusCode::BAD_GATEWAY, json!({ "error": "api_failed" })),
        };
        (status, Json(body)).into_response()
    }
}
