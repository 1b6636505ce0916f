//! Pushed authorization requests (RFC 9126): the server gets the parameters first, the browser carries a reference.

use oidc_session_core::{ProviderError, ProviderErrorKind};
use url::Url;

use crate::outcome;
use crate::transport::HttpAnswer;
use crate::{Dialect, ErrorAnswer};

/// The longest reference that is put into a URL. Servers use some tens of bytes.
const LONGEST_REFERENCE: usize = 2048;

/// What the authorization URL adds to `endpoint`: the parameters to push.
pub(crate) fn parameters(endpoint: &Url, authorization_url: &Url) -> Vec<(String, String)> {
    authorization_url.query_pairs().into_owned().skip(endpoint.query_pairs().count()).collect()
}

/// The authorization URL for a request that was pushed (RFC 9126 §4).
pub(crate) fn authorization_url(endpoint: &Url, client_id: &str, request_uri: &str) -> Url {
    let mut url = endpoint.clone();
    url.query_pairs_mut().append_pair("client_id", client_id).append_pair("request_uri", request_uri);
    url
}

/// The `request_uri` in an answer (RFC 9126 §2.2), or what its absence means.
///
/// `expires_in` is not looked at: the browser is sent at once, and the server judges what comes late.
pub(crate) fn request_uri(answer: HttpAnswer, dialect: &dyn Dialect) -> Result<String, ProviderError> {
    if !answer.status.is_success() {
        return Err(outcome::refusal(answer, dialect));
    }
    let fields = outcome::object(&answer.body.map_err(outcome::broken)?)
        .ok_or_else(|| invalid("the answer to the pushed request is not a JSON object"))?;
    match fields.get("request_uri").and_then(|value| value.as_str()) {
        Some(uri) if uri.len() > LONGEST_REFERENCE => Err(invalid("the request_uri of the answer is too long")),
        Some(uri) if !uri.is_empty() => Ok(uri.to_owned()),
        _ if fields.contains_key("error") => {
            let refused = ErrorAnswer::from_fields(answer.status.as_u16(), fields);
            Err(outcome::classified(&refused.with_retry_after(answer.retry_after), dialect))
        }
        _ => Err(invalid("the answer to the pushed request carries no request_uri")),
    }
}

fn invalid(detail: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::InvalidAnswer, detail)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ProviderErrorKind::{InvalidAnswer, Misconfigured, OutcomeUnknown, TryLater};
    use reqwest::StatusCode;

    use super::*;
    use crate::PlainOidc;

    fn answered(status: u16, body: &str) -> Result<String, ProviderError> {
        let status = StatusCode::from_u16(status).unwrap();
        let retry_after = Some(Duration::from_secs(9));
        request_uri(
            HttpAnswer { status, retry_after, dpop_nonce: None, body: Ok(body.as_bytes().to_vec()) },
            &PlainOidc,
        )
    }

    #[test]
    fn the_reference_is_all_that_an_answer_needs() {
        for expires_in in ["60", "60.5", r#""60""#, "-1", "null", "[]", r#""soon""#] {
            let body = format!(r#"{{"request_uri":"urn:example:1","expires_in":{expires_in}}}"#);
            for status in [201, 200] {
                assert_eq!(answered(status, &body).unwrap(), "urn:example:1", "{body}");
            }
        }
        assert_eq!(answered(201, r#"{"request_uri":"urn:example:1"}"#).unwrap(), "urn:example:1");
    }

    #[test]
    fn every_failure_has_its_meaning() {
        let long = format!(r#"{{"request_uri":"{}"}}"#, "x".repeat(LONGEST_REFERENCE + 1));
        for (status, body, expected) in [
            (201, "{}", InvalidAnswer),
            (201, r#"{"request_uri":""}"#, InvalidAnswer),
            (201, r#"{"request_uri":7}"#, InvalidAnswer),
            (201, r#"["urn:hidden"]"#, InvalidAnswer),
            (201, "hidden", InvalidAnswer),
            (204, "", InvalidAnswer),
            (201, &long, InvalidAnswer),
            (200, r#"{"error":"invalid_client","error_description":"hidden"}"#, Misconfigured),
            (400, r#"{"error":"invalid_request","error_description":"hidden"}"#, Misconfigured),
            (401, r#"{"error":"invalid_client"}"#, Misconfigured),
            (404, "<html>hidden", Misconfigured),
            (302, "", Misconfigured),
            (429, "", TryLater),
            (500, "hidden", OutcomeUnknown),
        ] {
            let error = answered(status, body).unwrap_err();
            assert_eq!(error.kind(), expected, "{status} {body}");
            assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
        }
    }

    #[test]
    fn what_the_endpoint_says_itself_is_not_pushed() {
        let endpoint = Url::parse("https://login.example/authorize?tenant=1").unwrap();
        let whole = Url::parse("https://login.example/authorize?tenant=1&state=a%20b&scope=x").unwrap();
        let pairs = [("state".to_owned(), "a b".to_owned()), ("scope".to_owned(), "x".to_owned())];
        assert_eq!(parameters(&endpoint, &whole), pairs);
        assert_eq!(
            authorization_url(&endpoint, "my app", "urn:a&b").as_str(),
            "https://login.example/authorize?tenant=1&client_id=my+app&request_uri=urn%3Aa%26b"
        );
    }
}
