//! [`SessionView`]: what a page learns of its session. Times and words, never a token.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use oidc_session::http_server::Visitor;
use oidc_session::{
    Clock as _, EndReason, Phase, Schedule, Session, SessionError, SessionErrorKind, SessionHandle, Snapshot,
    SystemClock, Timestamp,
};
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::sign_in_page;

/// A living session, all times in milliseconds of the Unix epoch.
#[derive(Debug, Serialize)]
pub(crate) struct SessionView {
    /// By the clock of this server, so that a browser whose clock is wrong can count down.
    now: i64,
    subject: Option<String>,
    #[serde(serialize_with = "as_word")]
    phase: Phase,
    signed_in_at: i64,
    received_at: i64,
    refresh_at: Option<i64>,
    expires_at: Option<i64>,
    refresh_token: bool,
}

/// A session, or how it ended.
#[derive(Debug)]
pub(crate) enum Looked {
    Active(Box<Session>, SessionView),
    Ended(Option<EndReason>),
}

/// Looks at the session as it is stored now; refreshes nothing.
pub(crate) async fn look(session: &SessionHandle) -> Result<Looked, SessionError> {
    Ok(match session.snapshot().await? {
        Snapshot::Active { session, schedule, phase, .. } => {
            let view = SessionView::of(&session, schedule, phase);
            Looked::Active(session, view)
        }
        Snapshot::Ended { tombstone, .. } => Looked::Ended(Some(tombstone.reason)),
        Snapshot::None => Looked::Ended(None),
    })
}

/// `GET /session`: refreshed by now if it had expired, as whoever mounts a page wants it.
pub(crate) async fn session(visitor: Visitor) -> Response {
    match look(visitor.session()).await {
        Ok(Looked::Active(_, view)) => {
            let mut body = json!(view);
            body["outcome"] = visitor.outcome().as_str().into();
            Json(body).into_response()
        }
        Ok(Looked::Ended(reason)) => signed_out(reason),
        Err(error) => kept(&error),
    }
}

/// What a fetch is told whose session is over: as the guard tells it.
pub(crate) fn signed_out(reason: Option<EndReason>) -> Response {
    let word = reason.map_or("no_session", EndReason::as_str);
    let body = json!({ "error": "signed_out", "reason": word, "sign_in": sign_in_page::address(reason) });
    (StatusCode::UNAUTHORIZED, Json(body)).into_response()
}

/// What a fetch is told whose session cannot be used now.
pub(crate) fn kept(error: &SessionError) -> Response {
    if error.kind() == SessionErrorKind::SignInNeeded {
        return signed_out(error.end_reason());
    }
    let body = json!({ "error": "unavailable", "reason": error.outcome(), "message": error.to_string() });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

pub(crate) const fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Fresh => "fresh",
        Phase::Due => "due",
        Phase::Expired => "expired",
    }
}

fn as_word<S: Serializer>(phase: &Phase, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(phase_word(*phase))
}

impl SessionView {
    /// Where the present falls in the life of the access token.
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    fn of(session: &Session, schedule: Schedule, phase: Phase) -> Self {
        Self {
            now: SystemClock.now().as_unix_millis(),
            subject: session.subject.clone(),
            phase,
            signed_in_at: session.signed_in_at.as_unix_millis(),
            received_at: session.tokens.received_at.as_unix_millis(),
            refresh_at: schedule.refresh_at().map(Timestamp::as_unix_millis),
            expires_at: schedule.expires_at().map(Timestamp::as_unix_millis),
            refresh_token: session.tokens.refresh_token.is_some(),
        }
    }
}
