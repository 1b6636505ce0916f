//! The callback: finishes a sign-in.

use axum::extract::{RawQuery, State};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use oidc_session_core::{EndReason, Session, SessionId};
use oidc_session_manager::SessionError;

use super::parameter;
use crate::answer::Answer;
use crate::pending::Begun;
use crate::{AuthState, SignInFailure, WebSessions};

/// Exchanges the code for a session, gives it a new id, and sends the browser where it wanted to go.
pub(super) async fn callback(
    State(web): State<WebSessions>,
    auth: AuthState,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let shared = &web.0;
    let query = query.unwrap_or_default();
    let begun = parameter(query.as_bytes(), "state").and_then(|state| {
        let now = shared.sessions.now();
        shared.pending.finish(&headers, &shared.cookie, &state, &shared.sign_in_request(), &shared.base_url, now)
    });
    let Some((begun, clear_pending)) = begun else {
        return not_begun(&web, &auth);
    };
    let answer = match finish(&web, begun, &query, &headers).await {
        Ok((location, cookie)) => {
            let answer = Answer::redirect(&location);
            cookie.into_iter().fold(answer, |answer, cookie| answer.with(SET_COOKIE, cookie))
        }
        Err(failure) => failure.answer(&web),
    };
    // Whatever came of it: it was good once.
    clear_pending.into_iter().fold(answer, |answer, cookie| answer.with(SET_COOKIE, cookie))
}

/// Whoever is signed in and comes here again, by the back button, has what they wanted.
fn not_begun(web: &WebSessions, auth: &AuthState) -> Answer {
    match auth {
        AuthState::SignedIn(_) => Answer::redirect(&web.0.after_sign_in),
        _ => SignInFailure::Expired.answer(web),
    }
}

async fn finish(
    web: &WebSessions,
    begun: Begun,
    query: &str,
    headers: &HeaderMap,
) -> Result<(String, Option<HeaderValue>), SignInFailure> {
    let shared = &web.0;
    let mut callback = web.redirect_uri();
    callback.set_query(Some(query));
    let session = shared.provider.exchange(begun.pending, &callback).await.map_err(|error| {
        tracing::warn!(%error, "a sign-in was not finished");
        SignInFailure::of(&error)
    })?;
    // Never the id that the browser came with: somebody else might have given it that one.
    let id = SessionId::random();
    let is_in = store(web, session, &id).await.map_err(|error| {
        tracing::warn!(%error, "a sign-in could not be stored");
        SignInFailure::Unavailable
    })?;
    if !is_in {
        return Err(SignInFailure::Expired);
    }
    if let Some(before) = shared.cookie.session_id(headers) {
        replace(web, before);
    }
    Ok((begun.return_to.as_str().to_owned(), shared.cookie.set(&id)))
}

/// Stores a session. `false` if a logout at the authorization server was faster.
async fn store(web: &WebSessions, session: Session, id: &SessionId) -> Result<bool, SessionError> {
    let shared = &web.0;
    let handle = shared.sessions.session(id);
    if shared.logout_tokens.is_none() {
        handle.sign_in(session).await?;
        return Ok(true);
    }
    shared.directory.enlist(&session, id).await?;
    handle.sign_in(session.clone()).await?;
    let is_in = shared.directory.has(&session, id).await?;
    if !is_in {
        handle.end(EndReason::LoggedOutElsewhere).await?;
    }
    Ok(is_in)
}

/// Ends the session that the browser had before. Nobody waits for that, and nothing is revoked: the authorization server may
/// have put both sign-ins under one grant.
fn replace(web: &WebSessions, before: SessionId) {
    let web = web.clone();
    tokio::spawn(async move {
        let ended = web.0.sessions.session(&before).end(EndReason::Replaced).await;
        let struck_out = match ended {
            Ok(Some(session)) if web.0.logout_tokens.is_some() => web.0.directory.strike_out(&session, &before).await,
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = struck_out {
            tracing::warn!(%error, "the session before a new sign-in could not be ended; it ends by its limits");
        }
    });
}
