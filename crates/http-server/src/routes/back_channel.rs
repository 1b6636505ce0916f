//! Back-channel logout: the authorization server says that somebody has logged out.

use axum::body::{Body, to_bytes};
use axum::extract::State;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use oidc_session_core::ProviderErrorKind;
use serde_json::json;

use super::parameter;
use crate::WebSessions;
use crate::answer::Answer;

/// The longest request that is read, in bytes: a token of the size that all servers keep to, with room for its encoding.
const LONGEST: usize = 64 * 1024;

/// Answers as OpenID Connect Back-Channel Logout 1.0 §2.8 says: 200 once the sessions have ended, 400 for a token that must
/// not be acted upon; and 503 for what may go better the next time.
pub(super) async fn back_channel_logout(State(web): State<WebSessions>, headers: HeaderMap, body: Body) -> Answer {
    let Some(logout_tokens) = &web.0.logout_tokens else { return Answer::empty(StatusCode::NOT_FOUND) };
    let is_form = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(|kind| {
        kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    let token = match to_bytes(body, LONGEST).await {
        Ok(form) if is_form => parameter(&form, "logout_token"),
        _ => None,
    };
    let Some(token) = token else { return refused("there is no logout token") };
    let token = match logout_tokens.verify_logout_token(&token).await {
        Ok(token) => token,
        Err(error) if error.kind() == ProviderErrorKind::InvalidAnswer => {
            tracing::warn!(%error, "refused a logout token");
            return refused("the logout token must not be acted upon");
        }
        Err(error) => {
            tracing::warn!(%error, "a logout token could not be verified");
            return Answer::empty(StatusCode::SERVICE_UNAVAILABLE).with_retry_after(5);
        }
    };
    match web.0.directory.has_seen(&token).await {
        Ok(true) => refused("the logout token has been used before"),
        Ok(false) => match web.0.directory.log_out(&token).await {
            Ok(ended) => {
                tracing::info!(ended, "the authorization server logged somebody out");
                Answer::empty(StatusCode::OK)
            }
            Err(error) => unavailable(&error),
        },
        Err(error) => unavailable(&error),
    }
}

fn refused(description: &str) -> Answer {
    let body = json!({ "error": "invalid_request", "error_description": description });
    Answer::json(StatusCode::BAD_REQUEST, &body)
}

fn unavailable(error: &oidc_session_manager::SessionError) -> Answer {
    tracing::warn!(%error, "a back-channel logout could not be carried out");
    Answer::empty(StatusCode::SERVICE_UNAVAILABLE).with_retry_after(5)
}
