//! [`Api`]: refresh and revocation in the form of the user pools API, JSON over a single address.

use std::fmt;

use oidc_session_core::Session;
use oidc_session_provider_oidc::{EncodedRequest, Fields};
use serde_json::{Map, Value};
use url::Url;

use crate::Cognito;

/// What the API needs beyond what a token endpoint does.
#[derive(Clone, Default)]
pub(crate) struct Api {
    device_key: Option<String>,
}

impl Api {
    /// For sessions that are all on one device.
    pub(crate) fn of_device(key: impl Into<String>) -> Self {
        Self { device_key: Some(key.into()) }
    }

    /// A refresh (`GetTokensFromRefreshToken`).
    pub(crate) fn refresh(&self, at: &Url, session: &Session, fields: &[(&'static str, String)]) -> EncodedRequest {
        let mut body = client(session, fields);
        put(&mut body, "RefreshToken", field(fields, "refresh_token"));
        let own = session.provider_data.get(Cognito::DEVICE_KEY).and_then(Value::as_str);
        put(&mut body, "DeviceKey", own.or(self.device_key.as_deref()));
        operation(at, "AWSCognitoIdentityProviderService.GetTokensFromRefreshToken", body)
    }

    /// A revocation (`RevokeToken`).
    pub(crate) fn revocation(&self, at: &Url, session: &Session, fields: &[(&'static str, String)]) -> EncodedRequest {
        let mut body = client(session, fields);
        put(&mut body, "Token", field(fields, "token"));
        operation(at, "AWSCognitoIdentityProviderService.RevokeToken", body)
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("has_device_key", &self.device_key.is_some()).finish()
    }
}

/// The answer to a refresh (`AuthenticationResultType`) under the standard names. Any other answer stays as it is.
pub(crate) fn standard_names(mut answer: Fields) -> Fields {
    const NAMES: [(&str, &str); 5] = [
        ("AccessToken", "access_token"),
        ("ExpiresIn", "expires_in"),
        ("IdToken", "id_token"),
        ("RefreshToken", "refresh_token"),
        ("TokenType", "token_type"),
    ];
    let Some(Value::Object(mut result)) = answer.remove("AuthenticationResult") else {
        return answer;
    };
    for (theirs, standard) in NAMES {
        if let Some(value) = result.remove(theirs) {
            answer.insert(standard.to_owned(), value);
        }
    }
    answer
}

fn client(session: &Session, fields: &[(&'static str, String)]) -> Map<String, Value> {
    let mut body = Map::new();
    put(&mut body, "ClientId", Some(&session.client_id));
    put(&mut body, "ClientSecret", field(fields, "client_secret"));
    body
}

fn operation(at: &Url, target: &'static str, body: Map<String, Value>) -> EncodedRequest {
    EncodedRequest::new("application/x-amz-json-1.1", Value::Object(body).to_string())
        .header("x-amz-target", target)
        .endpoint(at.clone())
}

fn field<'a>(fields: &'a [(&'static str, String)], wanted: &str) -> Option<&'a str> {
    fields.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str())
}

fn put(body: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn debug_shows_no_device_key() {
        assert_eq!(format!("{:?}", Api::of_device("secret-key")), "Api { has_device_key: true }");
    }

    #[test]
    fn an_answer_of_another_shape_stays_as_it_is() {
        for answer in [json!({ "access_token": "at" }), json!({}), json!({ "ChallengeName": "NEW_PASSWORD_REQUIRED" })]
        {
            let Value::Object(fields) = answer else { unreachable!() };
            assert_eq!(standard_names(fields.clone()), fields);
        }
    }
}
