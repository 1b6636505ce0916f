//! The userinfo endpoint (OIDC Core 5.3): the resource that tells whether an access token still works.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer;
use crate::authorization_server::authority::Authority;
use crate::authorization_server::dpop::USE_NONCE;
use crate::authorization_server::opaque::Digest;
use crate::authorization_server::protocol_error::ProtocolError;
use crate::authorization_server::thumbprint::Thumbprint;

/// How an access token is presented.
#[derive(Clone, Copy)]
enum Scheme {
    Bearer,
    Dpop,
}

pub(super) async fn userinfo(State(authority): State<Arc<Authority>>, method: Method, headers: HeaderMap) -> Response {
    authority.count(|counters| counters.userinfo_requests += 1);
    let Some((scheme, access_token)) = presented(&headers) else {
        return challenge(StatusCode::UNAUTHORIZED, "Bearer".to_owned());
    };
    let key = match scheme {
        Scheme::Bearer => Ok(None),
        Scheme::Dpop => {
            let url = authority.endpoint("/userinfo");
            authority.prover_of_access(&headers, method.as_str(), &url, access_token)
        }
    };
    match key.and_then(|key| claims(&authority, access_token, scheme, key)) {
        Ok(claims) => ([(CACHE_CONTROL, "no-store")], Json(claims)).into_response(),
        Err(refusal) => refused(&authority, scheme, refusal),
    }
}

fn presented(headers: &HeaderMap) -> Option<(Scheme, &str)> {
    let (scheme, access_token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Scheme::Bearer,
        "dpop" => Scheme::Dpop,
        _ => return None,
    };
    Some((scheme, access_token.trim()))
}

fn claims(
    authority: &Authority,
    access_token: &str,
    scheme: Scheme,
    key: Option<Thumbprint>,
) -> Result<Value, ProtocolError> {
    const INVALID: ProtocolError = ProtocolError::new("invalid_token", "the access token is not active");
    let state = authority.state();
    let (sign_in, token) = state.grants.active(&Digest::of(access_token), authority.now()).ok_or(INVALID)?;
    // Neither may a bound token be used without its key, nor an unbound one pretend (RFC 9449 §7.1, §7.2).
    let usable = match scheme {
        Scheme::Bearer => token.key.is_none(),
        Scheme::Dpop => key.is_some() && token.key == key,
    };
    if !usable {
        return Err(INVALID);
    }
    let scope = &token.permit.scope;
    if !scope.contains("openid") {
        return Err(ProtocolError::new("insufficient_scope", "the access token is not for this"));
    }
    let mut claims = json!({ "sub": sign_in.subject });
    if scope.contains("profile") {
        claims["name"] = sign_in.subject.as_str().into();
    }
    if scope.contains("email") {
        claims["email"] = format!("{}@example.test", sign_in.subject).into();
    }
    Ok(claims)
}

fn refused(authority: &Authority, scheme: Scheme, refusal: ProtocolError) -> Response {
    let scheme = match scheme {
        Scheme::Bearer => "Bearer",
        Scheme::Dpop => "DPoP",
    };
    let error = refusal.code();
    if error == "insufficient_scope" {
        return challenge(StatusCode::FORBIDDEN, format!(r#"{scheme} error="{error}", scope="openid""#));
    }
    let mut response = challenge(StatusCode::UNAUTHORIZED, format!(r#"{scheme} error="{error}""#));
    if refusal == USE_NONCE {
        answer::add_dpop_nonce(&mut response, authority.state().dpop.nonce());
    }
    response
}

fn challenge(status: StatusCode, challenge: String) -> Response {
    (status, [(WWW_AUTHENTICATE, challenge.as_str()), (CACHE_CONTROL, "no-store")]).into_response()
}
