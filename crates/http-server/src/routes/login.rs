//! The login route: begins a sign-in.

use axum::extract::{RawQuery, State};
use http::HeaderMap;
use http::header::SET_COOKIE;

use super::parameter;
use crate::answer::Answer;
use crate::pending::Begun;
use crate::return_to::ReturnTo;
use crate::{AuthState, SignInFailure, WebSessions};

/// Sends the browser to the authorization server, with a cookie that lets it finish what it began.
pub(super) async fn login(
    State(web): State<WebSessions>,
    auth: AuthState,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let shared = &web.0;
    let asked = parameter(query.unwrap_or_default().as_bytes(), "return_to");
    let return_to = asked
        .and_then(|path| ReturnTo::parse(&path, &shared.base_url))
        .filter(|path| !shared.paths.has(path.path()))
        .or_else(|| ReturnTo::parse(&shared.after_sign_in, &shared.base_url));
    let Some(return_to) = return_to else { return SignInFailure::Misconfigured.answer(&web) };

    let mut request = shared.sign_in_request();
    if let AuthState::Unavailable(error) = &auth {
        // What the authorization server asked for when it refused to refresh, such as another factor.
        request.parameters.extend_from_slice(error.sign_in_parameters());
    }
    let pending = match shared.provider.authorization_request(request).await {
        Ok(pending) => pending,
        Err(error) => {
            tracing::warn!(%error, "a sign-in could not begin");
            return SignInFailure::of(&error).answer(&web);
        }
    };
    let location = pending.authorization_url.to_string();
    let begun = Begun { pending, return_to };
    let Some(cookies) = shared.pending.begin(&headers, &shared.cookie, &begun, shared.sessions.now()) else {
        tracing::error!("what a sign-in has to remember does not fit into a cookie");
        return SignInFailure::Misconfigured.answer(&web);
    };
    cookies.into_iter().fold(Answer::redirect(&location), |answer, cookie| answer.with(SET_COOKIE, cookie))
}
