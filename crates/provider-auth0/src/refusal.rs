//! What a refusal of the token endpoint means: Auth0's codes, and its texts where the code alone would mislead.

use oidc_session_provider_oidc::{DeviceStatus, Diagnosis, ErrorAnswer, Meaning};

const CREDENTIALS: &str =
    "check the client ID, the client secret and the authentication method under Credentials of the application";

/// What an error answer means for the session.
pub(crate) fn diagnose(answer: &ErrorAnswer) -> Diagnosis {
    if let Some(status) = foreign_status(answer) {
        return by_status(status, answer).into();
    }
    match answer.error() {
        "invalid_grant" => rejected_grant(answer),
        "unauthorized" if says(answer, "user is blocked") => Diagnosis::from(Meaning::Verdict)
            .advice("the user is blocked: unblock under User Management > Users, then sign in again"),
        "access_denied" => denied(answer),
        "mfa_required" => Diagnosis::from(Meaning::InteractionRequired).advice(
            "let the post-login Action skip MFA where event.transaction.protocol is oauth2-refresh-token, or sign in \
             again",
        ),
        "invalid_client" => Diagnosis::from(Meaning::Misconfigured).advice(CREDENTIALS),
        "unauthorized_client" => Diagnosis::from(Meaning::Misconfigured)
            .advice("allow the grant type under Advanced Settings > Grant Types of the application"),
        _ => Meaning::by_standard(answer).into(),
    }
}

/// What an error answer to a device's poll means.
pub(crate) fn device_status(answer: &ErrorAnswer) -> Option<DeviceStatus> {
    match answer.error() {
        "access_denied" if is_client_fault(answer) => None,
        // `expired_token` is said exactly once. From then on the code is unknown.
        "invalid_grant" => Some(DeviceStatus::Expired),
        _ => DeviceStatus::by_standard(answer),
    }
}

fn rejected_grant(answer: &ErrorAnswer) -> Diagnosis {
    let verdict = Diagnosis::from(Meaning::Verdict);
    if says(answer, "Unknown or invalid refresh token") {
        verdict.advice(
            "the refresh token has expired, was revoked or used again, or gave way to a newer one of the same user: \
             Monitoring > Logs tells which",
        )
    } else if says(answer, "The refresh_token was generated for a user who doesn't exist anymore") {
        verdict.advice("the user was deleted from the tenant")
    } else {
        verdict
    }
}

/// Three speakers share this code: client authentication, the lookup of the audience, and the tenant's own Actions.
fn denied(answer: &ErrorAnswer) -> Diagnosis {
    if is_client_fault(answer) {
        Diagnosis::from(Meaning::Misconfigured).advice(CREDENTIALS)
    } else if let Some(diagnosis) = unknown_audience(answer) {
        diagnosis
    } else {
        // Whether the refresh token survives is up to the Action; asking again without a person changes nothing.
        Diagnosis::from(Meaning::InteractionRequired)
            .advice("a post-login Action denied it: Monitoring > Logs tells which; then sign in again")
    }
}

/// What is said of an audience that no API of the tenant has: at the token endpoint and in the browser.
pub(crate) fn unknown_audience(answer: &ErrorAnswer) -> Option<Diagnosis> {
    let names_none = answer.description().is_some_and(|description| description.starts_with("Service not found:"));
    (answer.error() == "access_denied" && names_none).then(|| {
        Diagnosis::from(Meaning::Misconfigured)
            .advice("use as audience the Identifier of an API of the tenant, from Applications > APIs")
    })
}

/// A 401 is about the client. A denial by an Action is a 403, with a text of the tenant's choice.
fn is_client_fault(answer: &ErrorAnswer) -> bool {
    answer.status() == 401 && (answer.description().is_none() || says(answer, "Unauthorized"))
}

/// The status in an answer of what stands before the token endpoint: `{"statusCode", "error", "message"}`, where `error`
/// is the reason phrase and no OAuth code.
fn foreign_status(answer: &ErrorAnswer) -> Option<u64> {
    let status = answer.field("statusCode")?;
    answer.description().is_none().then(|| status.as_u64().unwrap_or_default())
}

fn by_status(status: u64, answer: &ErrorAnswer) -> Meaning {
    match status {
        408 | 429 => Meaning::TryLater { after: answer.retry_after() },
        500..600 => Meaning::OutcomeUnknown,
        _ => Meaning::Misconfigured,
    }
}

/// Whether the description is `text`, with or without its full stop.
fn says(answer: &ErrorAnswer, text: &str) -> bool {
    answer.description().unwrap_or_default().trim().trim_end_matches('.').eq_ignore_ascii_case(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_is_not_let_in_is_not_denied_by_the_user() {
        let polled = |status, code, text: &str| {
            device_status(&ErrorAnswer::new(status, code).with_field("error_description", text))
        };
        for (status, code, text, expected) in [
            (403, "authorization_pending", "User has yet to authorize device code.", Some(DeviceStatus::Pending)),
            (429, "slow_down", "You are polling faster than the specified interval.", Some(DeviceStatus::SlowDown)),
            (403, "access_denied", "User cancelled the confirmation prompt.", Some(DeviceStatus::Denied)),
            (403, "expired_token", "The provided device code is expired.", Some(DeviceStatus::Expired)),
            (403, "invalid_grant", "Invalid or expired device code.", Some(DeviceStatus::Expired)),
            (401, "access_denied", "Unauthorized", None),
            (401, "invalid_client", "", None),
            (429, "too_many_requests", "Rate limit exceeded.", None),
        ] {
            assert_eq!(polled(status, code, text), expected, "{status} {code} {text}");
        }
        assert_eq!(
            diagnose(&ErrorAnswer::new(401, "access_denied").with_field("error_description", "Unauthorized")).meaning,
            Meaning::Misconfigured
        );
    }
}
