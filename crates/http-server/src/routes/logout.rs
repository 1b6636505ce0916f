//! The logout route.

use axum::extract::State;
use http::header::{ACCEPT, HeaderName, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use oidc_session_core::Session;
use serde_json::json;

use crate::answer::Answer;
use crate::{WebSessions, guard};

/// Has the browser forget pages that it keeps for the back button.
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Ends the session: here first, then at the authorization server.
///
/// A form is sent on; a fetch that asks for JSON is told where to go: `{"location": "…"}`.
pub(super) async fn logout(State(web): State<WebSessions>, headers: HeaderMap) -> Answer {
    let shared = &web.0;
    let wants_json = headers.get(ACCEPT).is_some_and(|accept| accept == "application/json");
    let mut location = shared.after_logout.clone();
    if let Some(id) = shared.cookie.session_id(&headers) {
        match shared.sessions.session(&id).logout().await {
            Ok(report) => {
                if let Some(session) = report.ended {
                    if shared.logout_tokens.is_some()
                        && let Err(error) = shared.directory.strike_out(&session, &id).await
                    {
                        tracing::warn!(%error, "a session that was logged out is still in the directory");
                    }
                    location = end_session(&web, &session).await.unwrap_or(location);
                }
            }
            // Nothing has ended, and the cookie is what it takes to try again.
            Err(error) => {
                tracing::warn!(%error, "a visitor could not be logged out");
                return guard::unavailable(&error, !wants_json);
            }
        }
    }
    let answer = if wants_json {
        Answer::json(StatusCode::OK, &json!({ "location": location }))
    } else {
        Answer::redirect(&location)
    };
    let answer = answer.with(CLEAR_SITE_DATA, HeaderValue::from_static("\"cache\""));
    shared.cookie.clear().into_iter().fold(answer, |answer, cookie| answer.with(SET_COOKIE, cookie))
}

/// Where the authorization server ends its own session, if it has such a page.
async fn end_session(web: &WebSessions, session: &Session) -> Option<String> {
    let return_to = web.0.base_url.join(&web.0.after_logout).ok();
    match web.0.provider.end_session_url(session, return_to.as_ref()).await {
        Ok(url) => url.map(|url| url.to_string()),
        Err(error) => {
            tracing::warn!(%error, "the session has ended here, but the authorization server's own session was not");
            None
        }
    }
}
