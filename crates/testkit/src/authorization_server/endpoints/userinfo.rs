//! The userinfo endpoint (OIDC Core 5.3): the resource that tells whether an access token still works.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::authorization_server::authority::Authority;
use crate::authorization_server::opaque::Digest;

pub(super) async fn userinfo(State(authority): State<Arc<Authority>>, headers: HeaderMap) -> Response {
    authority.count(|counters| counters.userinfo_requests += 1);
    let Some(access_token) = bearer(&headers) else {
        return challenge(StatusCode::UNAUTHORIZED, "Bearer");
    };
    let state = authority.state();
    match state.grants.active(&Digest::of(access_token), authority.now()) {
        None => challenge(StatusCode::UNAUTHORIZED, r#"Bearer error="invalid_token""#),
        Some((_, token)) if !token.permit.scope.contains("openid") => {
            challenge(StatusCode::FORBIDDEN, r#"Bearer error="insufficient_scope", scope="openid""#)
        }
        Some((sign_in, token)) => {
            let scope = &token.permit.scope;
            let mut claims = json!({ "sub": sign_in.subject });
            if scope.contains("profile") {
                claims["name"] = sign_in.subject.as_str().into();
            }
            if scope.contains("email") {
                claims["email"] = format!("{}@example.test", sign_in.subject).into();
            }
            ([(CACHE_CONTROL, "no-store")], Json(claims)).into_response()
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, access_token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(access_token.trim())
}

fn challenge(status: StatusCode, challenge: &'static str) -> Response {
    (status, [(WWW_AUTHENTICATE, challenge), (CACHE_CONTROL, "no-store")]).into_response()
}
