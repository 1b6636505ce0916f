//! What an answer of the token endpoint means. The one place that decides who may be signed out.

use oidc_session_core::{ProviderError, ProviderErrorKind, Revocation};
use reqwest::StatusCode;
use serde_json::{Map, Value};

use crate::diagnosis::standard_advice;
use crate::grant::Grant;
use crate::transport::{BrokenBody, HttpAnswer};
use crate::{Diagnosis, Dialect, ErrorAnswer, Meaning};

/// The grant in an answer, or what its absence means.
///
/// | Answer | Means |
/// |---|---|
/// | 2xx with a token | the grant |
/// | 2xx with an `error` instead, 4xx with a JSON object | what the dialect makes of it |
/// | 2xx with anything else, a body that broke off | the outcome is unknown |
/// | 408, 429, 503 with a `Retry-After` | try later |
/// | any other 5xx | unknown: a gateway cannot tell whether the request was processed, whatever code it quotes |
/// | 3xx, other 4xx | misconfigured: never a verdict, it may be any proxy on the way |
pub(crate) fn grant(answer: HttpAnswer, dialect: &dyn Dialect) -> Result<Grant, ProviderError> {
    if !answer.status.is_success() {
        return Err(refusal(answer, dialect));
    }
    let fields = object(&answer.body.map_err(broken)?);
    let Some(fields) = fields else {
        return Err(unknown("the answer is not a JSON object"));
    };
    let fields = dialect.decode_answer(fields);
    let error = fields.contains_key("error").then(|| fields.clone());
    let grant = Grant::read(fields);
    match error {
        _ if grant.has_tokens() => Ok(grant),
        Some(fields) => {
            let refused = ErrorAnswer::from_fields(answer.status.as_u16(), fields).with_retry_after(answer.retry_after);
            Err(classified(&refused, dialect))
        }
        None => Err(unknown("the answer carries neither a token nor an error")),
    }
}

/// What an answer without success means.
pub(crate) fn refusal(answer: HttpAnswer, dialect: &dyn Dialect) -> ProviderError {
    let status = answer.status;
    // Gateways send a bare 503 for an upstream that died with the request, too; a server that means it says until when.
    let is_overloaded = status == StatusCode::SERVICE_UNAVAILABLE && answer.retry_after.is_some();
    match status {
        _ if is_overloaded || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) => {
            ProviderError::new(ProviderErrorKind::TryLater, format!("the server asks to come back later ({status})"))
                .with_retry_after(answer.retry_after)
        }
        _ if status.is_redirection() => misconfigured(status, "redirects to another address"),
        _ if status.is_client_error() => match answer.body.map(|body| object(&body)) {
            Ok(Some(fields)) => {
                let refused = ErrorAnswer::from_fields(status.as_u16(), fields).with_retry_after(answer.retry_after);
                classified(&refused, dialect)
            }
            Ok(None) => misconfigured(status, "does not answer like a token endpoint"),
            Err(body) => broken(body),
        },
        _ => unknown(format!("the server failed (HTTP {})", status.as_u16())).with_retry_after(answer.retry_after),
    }
}

/// The fields of an answer that grants nothing yet, or what their absence means.
pub(crate) fn fields(answer: HttpAnswer, dialect: &dyn Dialect) -> Result<Map<String, Value>, ProviderError> {
    if !answer.status.is_success() {
        return Err(refusal(answer, dialect));
    }
    let (status, retry_after) = (answer.status.as_u16(), answer.retry_after);
    let Some(fields) = object(&answer.body.map_err(broken)?) else {
        return Err(unknown("the answer is not a JSON object"));
    };
    if fields.contains_key("error") {
        let refused = ErrorAnswer::from_fields(status, fields).with_retry_after(retry_after);
        return Err(classified(&refused, dialect));
    }
    Ok(fields)
}

/// The error answer that `answer` is, whatever its status says. `None` if it carries a token, or no JSON object.
pub(crate) fn error_answer(answer: &HttpAnswer) -> Option<ErrorAnswer> {
    let fields = answer.body.as_ref().ok().and_then(|body| object(body))?;
    if answer.status.is_success() && Grant::read(fields.clone()).has_tokens() {
        return None;
    }
    Some(ErrorAnswer::from_fields(answer.status.as_u16(), fields).with_retry_after(answer.retry_after))
}

/// Whether the server refused the request unread, for want of the nonce that came with the answer (RFC 9449 §8).
pub(crate) fn wants_nonce(answer: &HttpAnswer) -> bool {
    answer.status == StatusCode::BAD_REQUEST
        && answer.dpop_nonce.is_some()
        && error_answer(answer).is_some_and(|refused| refused.error() == "use_dpop_nonce")
}

/// What an answer of the revocation endpoint without success comes to.
pub(crate) fn revocation(answer: HttpAnswer, dialect: &dyn Dialect) -> Result<Revocation, ProviderError> {
    let status = answer.status.as_u16();
    let fields = match &answer.body {
        Ok(body) if answer.status.is_client_error() => object(body),
        Ok(_) | Err(_) => None,
    };
    match fields.and_then(|fields| dialect.revoked(&ErrorAnswer::from_fields(status, fields))) {
        Some(revocation) => Ok(revocation),
        None => Err(refusal(answer, dialect)),
    }
}

/// What an error answer means, by the dialect.
pub(crate) fn classified(answer: &ErrorAnswer, dialect: &dyn Dialect) -> ProviderError {
    diagnosed(dialect.classify(answer), answer)
}

/// The error that says what was made of an error answer.
pub(crate) fn diagnosed(diagnosis: Diagnosis, answer: &ErrorAnswer) -> ProviderError {
    let Diagnosis { meaning, code, advice, sign_in_parameters } = diagnosis;
    let mut error = match meaning {
        Meaning::Verdict => ProviderError::new(ProviderErrorKind::Rejected, "the server rejected the grant"),
        Meaning::InteractionRequired => {
            ProviderError::new(ProviderErrorKind::InteractionRequired, "the server wants the subject to sign in again")
        }
        Meaning::Misconfigured => {
            ProviderError::new(ProviderErrorKind::Misconfigured, "the server does not accept the client's request")
        }
        Meaning::TryLater { after } => {
            ProviderError::new(ProviderErrorKind::TryLater, "the server asks to come back later")
                .with_retry_after(after)
        }
        Meaning::OutcomeUnknown => unknown("the server failed"),
    };
    if let Some(code) = code {
        error = error.with_vendor_code(&code);
    }
    let standard = || standard_advice(answer.error()).filter(|_| meaning == Meaning::Misconfigured);
    if let Some(advice) = advice.or_else(standard) {
        error = error.with_advice(advice);
    }
    error.with_error_code(answer.error()).with_sign_in_parameters(sign_in_parameters)
}

/// The object in a body. The parser's own error is dropped: it quotes what it did not expect.
pub(crate) fn object(body: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(body).ok()
}

/// What a body that is not there means.
pub(crate) fn broken(body: BrokenBody) -> ProviderError {
    match body {
        BrokenBody::Cut(error) => unknown("the answer arrived incomplete").because(error.without_url()),
        BrokenBody::TooLarge => unknown("the answer is too large"),
        BrokenBody::Late => unknown("the answer did not arrive in time"),
    }
}

fn misconfigured(status: StatusCode, detail: &str) -> ProviderError {
    let detail = format!("the endpoint {detail} (HTTP {})", status.as_u16());
    ProviderError::new(ProviderErrorKind::Misconfigured, detail)
        .with_advice("check the address of the server, and look for a proxy or a firewall on the way to it")
}

fn unknown(detail: impl Into<String>) -> ProviderError {
    ProviderError::new(ProviderErrorKind::OutcomeUnknown, detail)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ProviderErrorKind::{InteractionRequired, Misconfigured, OutcomeUnknown, Rejected, TryLater};

    use super::*;
    use crate::PlainOidc;

    fn answered(status: u16, body: Result<&str, BrokenBody>) -> Result<Grant, ProviderError> {
        let answer = HttpAnswer {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: Some(Duration::from_secs(9)),
            dpop_nonce: None,
            body: body.map(|text| text.as_bytes().to_vec()),
        };
        grant(answer, &PlainOidc)
    }

    #[test]
    fn every_failure_has_its_meaning() {
        for (status, body, expected) in [
            (200, r#"{"error":"invalid_grant"}"#, Rejected),
            (200, r#"{"error":"interaction_required"}"#, InteractionRequired),
            (200, "{}", OutcomeUnknown),
            (200, "", OutcomeUnknown),
            (200, "<html>", OutcomeUnknown),
            (200, "[]", OutcomeUnknown),
            (200, r#"{"access_token":""}"#, OutcomeUnknown),
            (200, r#"{"access_token":"at"#, OutcomeUnknown),
            (204, "", OutcomeUnknown),
            (301, r#"{"error":"invalid_grant"}"#, Misconfigured),
            (307, "", Misconfigured),
            (400, r#"{"error":"invalid_grant"}"#, Rejected),
            (401, r#"{"error":"invalid_client"}"#, Misconfigured),
            (403, r#"{"error":"invalid_grant"}"#, Rejected),
            (400, r#"{"error":"server_error"}"#, TryLater),
            (400, r#"{"error":"mfa_required"}"#, InteractionRequired),
            (400, r#"{"error":{"code":"invalid_grant"}}"#, Misconfigured),
            (400, r#"{"message":"invalid_grant"}"#, Misconfigured),
            (400, r#"["invalid_grant"]"#, Misconfigured),
            (400, "invalid_grant", Misconfigured),
            (403, "<html>", Misconfigured),
            (404, "", Misconfigured),
            (408, "", TryLater),
            (429, r#"{"error":"invalid_grant"}"#, TryLater),
            (503, r#"{"error":"invalid_grant"}"#, TryLater),
            (500, r#"{"error":"invalid_grant"}"#, OutcomeUnknown),
            (502, "", OutcomeUnknown),
            (504, "<html>", OutcomeUnknown),
            (501, "", OutcomeUnknown),
            (599, "", OutcomeUnknown),
        ] {
            let error = answered(status, Ok(body)).unwrap_err();
            assert_eq!(error.kind(), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_body_that_broke_off_proves_nothing() {
        for status in [200, 400, 500] {
            for body in [BrokenBody::TooLarge, BrokenBody::Late] {
                assert_eq!(answered(status, Err(body)).unwrap_err().kind(), OutcomeUnknown, "{status}");
            }
        }
        // A status that says it all needs no body.
        assert_eq!(answered(503, Err(BrokenBody::Late)).unwrap_err().kind(), TryLater);
        assert_eq!(answered(302, Err(BrokenBody::Late)).unwrap_err().kind(), Misconfigured);
    }

    #[test]
    fn tokens_beside_an_error_are_kept() {
        let grant = answered(200, Ok(r#"{"error":"invalid_grant","refresh_token":"rt-2"}"#)).unwrap();
        assert!(grant.refresh_token.is_some());
    }

    #[test]
    fn the_wait_is_passed_on() {
        let wait = Some(Duration::from_secs(9));
        assert_eq!(answered(429, Ok("")).unwrap_err().retry_after(), wait);
        assert_eq!(answered(400, Ok(r#"{"error":"slow_down"}"#)).unwrap_err().retry_after(), wait);
    }

    #[test]
    fn nothing_the_server_wrote_is_shown_but_its_code() {
        for (status, body) in [
            (400, r#"{"error":"invalid_grant","error_description":"token hidden was revoked"}"#),
            (400, r#"{"error":"hidden token 7","error_description":"hidden"}"#),
            (400, "hidden"),
            (200, r#"{"access_token":hidden}"#),
            (500, "hidden"),
        ] {
            let error = answered(status, Ok(body)).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
        }
        let error = answered(400, Ok(r#"{"error":"invalid_grant"}"#)).unwrap_err();
        assert_eq!(error.error_code(), Some("invalid_grant"));
    }

    #[test]
    fn an_answer_with_tokens_is_no_error_answer_unless_its_status_says_so() {
        let fields = br#"{"access_token":"at","error":"access_denied"}"#;
        for (status, body, expected) in [
            (200, &fields[..], None),
            (400, fields, Some("access_denied")),
            (200, br#"{"error":"access_denied"}"#, Some("access_denied")),
            (400, b"<html>", None),
        ] {
            let answer = HttpAnswer {
                status: StatusCode::from_u16(status).unwrap(),
                retry_after: None,
                dpop_nonce: None,
                body: Ok(body.to_vec()),
            };
            assert_eq!(error_answer(&answer).as_ref().map(ErrorAnswer::error), expected, "{status}");
        }
    }
}
