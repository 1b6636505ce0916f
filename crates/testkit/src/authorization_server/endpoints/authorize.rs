//! The authorization endpoint (OIDC Core 3.1.2): approves at once, or asks whoever sits before it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use axum::response::{IntoResponse, Response};
use url::Url;

use super::page;
use crate::authorization_server::authority::{Authority, Decision};
use crate::authorization_server::authorization_request::{AuthorizationRequest, Rejection};
use crate::authorization_server::params::Params;
use crate::authorization_server::protocol_error::ProtocolError;

const REPEATED: &str = "A parameter of the request is repeated.";

/// The request of the client, carried by a browser.
pub(super) async fn ask(State(authority): State<Arc<Authority>>, RawQuery(query): RawQuery) -> Response {
    let Ok(params) = Params::parse(query.unwrap_or_default().as_bytes()) else {
        return refused(REPEATED);
    };
    let request = match authority.authorization_request(&params) {
        Ok(request) => request,
        Err(rejection) => return rejected(&authority, rejection),
    };
    if !authority.interactive {
        return redirect(StatusCode::FOUND, &by_default(&authority, &request));
    }
    if request.silent {
        let nobody = ProtocolError::new("login_required", "somebody has to sign in");
        return redirect(StatusCode::FOUND, &request.with_error(&authority.issuer, nobody));
    }
    let subject = request.login_hint.as_deref().unwrap_or(&authority.subject);
    page::sign_in(&request.client_id, &request.scope.to_string(), subject, &params)
}

/// The page comes back with a decision.
pub(super) async fn decided(State(authority): State<Arc<Authority>>, body: Bytes) -> Response {
    let Ok(params) = Params::parse(&body) else {
        return refused(REPEATED);
    };
    let request = match authority.authorization_request(&params) {
        Ok(request) => request,
        Err(rejection) => return rejected(&authority, rejection),
    };
    let decision = match params.get("decision") {
        Some("sign_in") => Decision::Approve,
        Some("refuse") => Decision::Deny,
        // A client may also POST its request (OIDC Core 3.1.2.1): then nobody was asked yet.
        _ if authority.interactive => return refused("The decision is missing."),
        _ => return redirect(StatusCode::SEE_OTHER, &by_default(&authority, &request)),
    };
    let callback = authority.decide(&request, decision, params.get("subject"));
    // 303, so that the browser does not repeat the form at the client (RFC 9700 §4.12).
    redirect(StatusCode::SEE_OTHER, &callback)
}

/// What [`ask`] does when nobody is asked, without HTTP: where the browser would be sent, or what the page would say.
pub(in crate::authorization_server) fn answer_in_process(
    authority: &Authority,
    query: &str,
) -> Result<Url, &'static str> {
    let params = Params::parse(query.as_bytes()).map_err(|_| REPEATED)?;
    match authority.authorization_request(&params) {
        Ok(request) => Ok(by_default(authority, &request)),
        Err(Rejection::Redirect(return_to, error)) => Ok(return_to.with_error(&authority.issuer, error)),
        Err(Rejection::Page(reason)) => Err(reason),
    }
}

fn by_default(authority: &Authority, request: &AuthorizationRequest) -> Url {
    let decision = authority.state().decision;
    authority.decide(request, decision, None)
}

fn rejected(authority: &Authority, rejection: Rejection) -> Response {
    match rejection {
        Rejection::Page(reason) => refused(reason),
        Rejection::Redirect(return_to, error) => {
            redirect(StatusCode::FOUND, &return_to.with_error(&authority.issuer, error))
        }
    }
}

fn refused(reason: &str) -> Response {
    page::message(StatusCode::BAD_REQUEST, "This sign-in cannot continue", reason)
}

fn redirect(status: StatusCode, to: &Url) -> Response {
    (status, [(LOCATION, to.as_str()), (CACHE_CONTROL, "no-store"), (REFERRER_POLICY, "no-referrer")]).into_response()
}
