//! [`Exception`]: an error of the user pools API, and what it means for a session.

use std::time::Duration;

use oidc_session_provider_oidc::{Diagnosis, ErrorAnswer, Meaning};
use serde_json::Value;

/// How long to leave a failing Lambda trigger alone. It may be its cold start; if it is a fault, nobody hammers it.
const TRIGGER_PAUSE: Duration = Duration::from_secs(10);

/// An error of the user pools API: `{"__type": "...", "message": "..."}`.
pub(crate) struct Exception<'a> {
    /// Its name, without the namespace and the address that may surround it.
    pub(crate) kind: &'a str,
    message: &'a str,
}

impl<'a> Exception<'a> {
    /// The exception in an answer, if it is one.
    pub(crate) fn of(answer: &'a ErrorAnswer) -> Option<Self> {
        let text = |name: &str| answer.field(name).and_then(Value::as_str);
        let name = text("__type")?;
        let name = name.split_once(':').map_or(name, |(name, _)| name);
        let kind = name.rsplit_once('#').map_or(name, |(_, kind)| kind);
        Some(Self { kind, message: text("message").or_else(|| text("Message")).unwrap_or_default() })
    }

    /// The messages of a `NotAuthorizedException` that are about the refresh token. Others are about the client.
    fn rejects_the_token(&self) -> bool {
        const REJECTIONS: [&str; 3] =
            ["invalid refresh token", "refresh token has expired", "refresh token has been revoked"];
        let message = self.message.trim().trim_end_matches('.').to_ascii_lowercase();
        REJECTIONS.contains(&message.as_str())
    }
}

/// What an exception means.
pub(crate) fn diagnosis(exception: &Exception<'_>, answer: &ErrorAnswer) -> Diagnosis {
    let diagnosis = match exception.kind {
        "NotAuthorizedException" if exception.rejects_the_token() => Diagnosis::from(Meaning::Verdict)
            .advice("sign in again; if that fails likewise and the pool remembers devices, give the key of the device"),
        "NotAuthorizedException" => Diagnosis::from(Meaning::Misconfigured)
            .advice("check the app client id and its secret, and that the user is enabled"),
        "RefreshTokenReuseException" => Diagnosis::from(Meaning::Verdict)
            .advice("sign in again; if it happens often, look for another program that refreshes the same session"),
        "UserNotFoundException" => Meaning::Verdict.into(),
        "PasswordResetRequiredException" | "UserNotConfirmedException" => Meaning::InteractionRequired.into(),
        "TooManyRequestsException" | "ThrottlingException" => Meaning::TryLater { after: answer.retry_after() }.into(),
        // Once it may be an accident, and a fault if it stays; an answer alone cannot tell. The session is kept.
        "UserLambdaValidationException" | "UnexpectedLambdaException" | "InvalidLambdaResponseException" => {
            Diagnosis::from(Meaning::TryLater { after: answer.retry_after().or(Some(TRIGGER_PAUSE)) })
                .advice("if it stays, look at the logs of the pool's Lambda triggers")
        }
        "InternalErrorException" => Meaning::OutcomeUnknown.into(),
        "ForbiddenException" => {
            Diagnosis::from(Meaning::Misconfigured).advice("let the web ACL of the user pool pass these requests")
        }
        "ResourceNotFoundException" => {
            Diagnosis::from(Meaning::Misconfigured).advice("check the app client id and the Region of the user pool")
        }
        // InvalidParameterException, UnsupportedTokenTypeException, and whatever we have never heard of.
        _ => Meaning::Misconfigured.into(),
    };
    diagnosis.code(exception.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_exception_comes_in_many_forms() {
        for name in [
            "NotAuthorizedException",
            "com.amazonaws.cognito.identity.idp.model#NotAuthorizedException",
            "NotAuthorizedException:http://internal.amazon.com/coral/",
            "a.b#NotAuthorizedException:http://internal.amazon.com/#c",
        ] {
            let answer = ErrorAnswer::new(400, "").with_field("__type", name);
            assert_eq!(Exception::of(&answer).unwrap().kind, "NotAuthorizedException");
        }
        assert!(Exception::of(&ErrorAnswer::new(400, "invalid_grant")).is_none());
        assert!(Exception::of(&ErrorAnswer::new(400, "").with_field("__type", 7)).is_none());
    }
}
