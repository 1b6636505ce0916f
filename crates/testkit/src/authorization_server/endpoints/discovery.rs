//! What the server says about itself: the discovery document (OIDC Discovery 3) and its keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::authorization_server::authority::Authority;
use crate::authorization_server::dpop_proof::ALGORITHMS;
use crate::authorization_server::token_grant::DEVICE_CODE;

const AUTH_METHODS: [&str; 5] =
    ["none", "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"];
const ASSERTION_ALGORITHMS: [&str; 6] = ["ES256", "ES384", "RS256", "PS256", "EdDSA", "HS256"];

pub(super) async fn configuration(State(authority): State<Arc<Authority>>) -> Json<Value> {
    authority.count(|counters| counters.discovery_requests += 1);
    let mut document = document(&authority);
    if let Some(fields) = document.as_object_mut() {
        fields.retain(|name, _| !authority.hidden_from_discovery.iter().any(|hidden| hidden == name));
    }
    Json(document)
}

fn document(authority: &Authority) -> Value {
    json!({
        "issuer": authority.issuer,
        "authorization_endpoint": authority.endpoint("/authorize"),
        "token_endpoint": authority.endpoint("/token"),
        "jwks_uri": authority.endpoint("/jwks"),
        "userinfo_endpoint": authority.endpoint("/userinfo"),
        "revocation_endpoint": authority.endpoint("/revoke"),
        "device_authorization_endpoint": authority.endpoint("/device_authorization"),
        "pushed_authorization_request_endpoint": authority.endpoint("/par"),
        "require_pushed_authorization_requests": authority.pushed_only,
        "end_session_endpoint": authority.endpoint("/end_session"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", DEVICE_CODE],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": ALGORITHMS,
        "scopes_supported": authority.resources.scopes_supported(),
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "sid", "at_hash"],
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "prompt_values_supported": ["none", "login", "consent"],
        "authorization_response_iss_parameter_supported": true,
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    })
}

pub(super) async fn jwks(State(authority): State<Arc<Authority>>) -> Response {
    authority.count(|counters| counters.jwks_requests += 1);
    Json(authority.published_keys()).into_response()
}
