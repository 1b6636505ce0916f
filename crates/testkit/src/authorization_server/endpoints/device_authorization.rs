//! The device authorization endpoint (RFC 8628 §3.1).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::answer;
use crate::authorization_server::authority::Authority;
use crate::authorization_server::device_grant::DeviceGrant;
use crate::authorization_server::device_habits::DeviceHabits;
use crate::authorization_server::opaque::Opaque;
use crate::authorization_server::params::Params;
use crate::authorization_server::protocol_error::ProtocolError;
use crate::authorization_server::scope::Scope;

pub(super) async fn device_authorization(
    State(authority): State<Arc<Authority>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match authorized(&authority, &headers, &body) {
        Ok(body) => answer::json(StatusCode::OK, body),
        Err(refusal) => answer::refusal(refusal),
    }
}

fn authorized(authority: &Authority, headers: &HeaderMap, body: &[u8]) -> Result<Value, ProtocolError> {
    let params = Params::parse(body)?;
    let client = authority.authenticate("/device_authorization", headers, &params)?;
    let scope = Scope::parse(params.get("scope").unwrap_or_default());
    let resources = authority.resources.named(&params)?;

    let device_code = Opaque::mint("dc_");
    let mut state = authority.state();
    let rules = *state.device_grants.rules();
    let grant = DeviceGrant::new(client.id().to_owned(), scope, resources, &rules, authority.now());
    let user_code = grant.user_code.to_string();
    state.device_grants.insert(device_code.digest(), grant);
    state.counters.device_authorizations += 1;
    drop(state);
    tracing::debug!(client_id = client.id(), "device authorization");

    let page = authority.endpoint("/device");
    let mut complete = page.clone();
    complete.query_pairs_mut().append_pair("user_code", &user_code);
    let mut body = json!({
        "device_code": device_code.expose(),
        "user_code": user_code,
        "expires_in": rules.lifetime.as_secs(),
        "interval": rules.interval.as_secs(),
    });
    match rules.habits {
        DeviceHabits::Google => body["verification_url"] = page.as_str().into(),
        DeviceHabits::Entra => {
            body["verification_uri"] = page.as_str().into();
            body["message"] = format!("To sign in, open {page} and enter the code {user_code}.").into();
        }
        DeviceHabits::Standard | DeviceHabits::Auth0 => {
            body["verification_uri"] = page.as_str().into();
            body["verification_uri_complete"] = complete.as_str().into();
        }
    }
    Ok(body)
}
