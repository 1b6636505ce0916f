//! The token endpoint, and the faults that befall it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::{answer, token_fault};
use crate::authorization_server::authority::Authority;
use crate::authorization_server::fault::Fault;
use crate::authorization_server::params::Params;
use crate::authorization_server::presentation::Outcome;
use crate::authorization_server::protocol_error::ProtocolError;
use crate::authorization_server::token_grant::{TokenAnswer, TokenGrant};
use crate::authorization_server::wire::Line;

/// What becomes of a request.
enum Reply {
    Answer(Response),
    HangUp,
}

pub(super) async fn token(
    State(authority): State<Arc<Authority>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = next_fault(&authority);
    let reply = reply(&authority, &headers, &body, fault.as_ref());
    // The answer is late, not the grant: a client that gives up meanwhile has lost a refresh token, not saved one.
    let delay = if let Some(Fault::Delay(delay)) = fault { delay } else { Duration::ZERO };
    let late = authority.latency.saturating_add(delay);
    if !late.is_zero() {
        tokio::time::sleep(late).await;
    }
    match reply {
        Reply::Answer(response) => response,
        Reply::HangUp => {
            line.cut();
            // Never leaves: there is no line to send it on.
            answer::json(StatusCode::INTERNAL_SERVER_ERROR, serde_json::Value::Null)
        }
    }
}

fn next_fault(authority: &Authority) -> Option<Fault> {
    let mut state = authority.state();
    state.counters.token_requests += 1;
    let fault = state.faults.pop_front()?;
    state.counters.faults_injected += 1;
    tracing::debug!(?fault, "fault injected");
    Some(fault)
}

fn reply(authority: &Authority, headers: &HeaderMap, body: &[u8], fault: Option<&Fault>) -> Reply {
    let params = match read(headers, body) {
        Ok(params) => params,
        Err(refusal) => {
            authority.count(|counters| counters.rejected += 1);
            return Reply::Answer(answer::refusal(refusal));
        }
    };
    let grant = TokenGrant { authority, headers, params: &params, bend: fault, lost: fault.is_some_and(loses_answer) };
    let process = || response(grant.answer());
    let Some(fault) = fault else {
        return Reply::Answer(process());
    };
    match fault {
        Fault::Status { code, retry_after, body } => {
            grant.note_unprocessed(Outcome::Faulted);
            Reply::Answer(token_fault::status(*code, *retry_after, *body))
        }
        Fault::Error(code) => {
            grant.note_unprocessed(Outcome::Faulted);
            Reply::Answer(token_fault::error(code))
        }
        Fault::Redirect(to) => {
            grant.note_unprocessed(Outcome::Faulted);
            Reply::Answer(token_fault::redirect(to))
        }
        Fault::DropBefore => {
            grant.note_unprocessed(Outcome::LostBefore);
            Reply::HangUp
        }
        Fault::DropAfter => {
            grant.answer();
            Reply::HangUp
        }
        Fault::Garbage => {
            grant.answer();
            Reply::Answer(token_fault::garbage())
        }
        Fault::Huge => {
            grant.answer();
            Reply::Answer(token_fault::huge())
        }
        Fault::Truncated => {
            let TokenAnswer { status, body, .. } = grant.answer();
            Reply::Answer(token_fault::truncated(status, &body))
        }
        Fault::Delay(_)
        | Fault::Omit(_)
        | Fault::WrongSubject
        | Fault::WrongIssuer
        | Fault::WrongAudience
        | Fault::WrongNonce
        | Fault::ExpiresInString => Reply::Answer(process()),
    }
}

fn response(answer: TokenAnswer) -> Response {
    let mut response = answer::json(answer.status, answer.body);
    if let Some(nonce) = answer.dpop_nonce {
        answer::add_dpop_nonce(&mut response, &nonce);
    }
    response
}

fn loses_answer(fault: &Fault) -> bool {
    matches!(fault, Fault::DropAfter | Fault::Garbage | Fault::Huge | Fault::Truncated)
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Params, ProtocolError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(ProtocolError::invalid_request("the body must be application/x-www-form-urlencoded"));
    }
    Params::parse(body)
}
