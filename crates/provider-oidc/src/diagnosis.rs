//! [`Diagnosis`]: what a dialect makes of an error answer.

use std::time::Duration;

use crate::ErrorAnswer;

/// What an error answer means for the session, and what to tell people about it.
///
/// ```
/// use oidc_session_provider_oidc::{Diagnosis, Meaning};
///
/// let diagnosis = Diagnosis::from(Meaning::Misconfigured)
///     .code("AADSTS7000222")
///     .advice("the client secret has expired: make a new one in the app registration");
/// assert_eq!(diagnosis.meaning, Meaning::Misconfigured);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// What it means for the session.
    pub meaning: Meaning,
    /// The vendor's own code, if it tells more than the OAuth one.
    pub code: Option<String>,
    /// What to do about it: one clause.
    pub advice: Option<&'static str>,
    /// What the next authorization request must carry, such as a `claims` challenge.
    pub sign_in_parameters: Vec<(String, String)>,
}

impl Diagnosis {
    /// The same with the vendor's own code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn advice(mut self, advice: &'static str) -> Self {
        self.advice = Some(advice);
        self
    }

    /// The same with a parameter that the next authorization request must carry.
    #[must_use]
    pub fn sign_in_parameter(mut self, name: &str, value: impl Into<String>) -> Self {
        self.sign_in_parameters.push((name.to_owned(), value.into()));
        self
    }
}

impl From<Meaning> for Diagnosis {
    fn from(meaning: Meaning) -> Self {
        Self { meaning, code: None, advice: None, sign_in_parameters: Vec::new() }
    }
}

/// What an error answer of the token endpoint means for the session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Meaning {
    /// The grant is gone for good.
    Verdict,
    /// The subject must do something at the authorization server.
    InteractionRequired,
    /// Client, secret, scope or address are wrong.
    Misconfigured,
    /// The server did not process the request and asks to come back.
    TryLater {
        /// How long it asked to wait.
        after: Option<Duration>,
    },
    /// The request may have been processed all the same.
    OutcomeUnknown,
}

impl Meaning {
    /// What the standards say about the answer's code (RFC 6749 §5.2, OIDC Core §3.1.2.6, RFC 8707 §2).
    pub fn by_standard(answer: &ErrorAnswer) -> Self {
        match answer.error() {
            "invalid_grant" => Self::Verdict,
            "interaction_required"
            | "login_required"
            | "consent_required"
            | "account_selection_required"
            | "mfa_required"
            | "unmet_authentication_requirements" => Self::InteractionRequired,
            "temporarily_unavailable" | "server_error" | "slow_down" | "too_many_requests" => {
                Self::TryLater { after: answer.retry_after() }
            }
            // invalid_client, invalid_scope and kin, use_dpop_nonce, and whatever we have never heard of: a person has
            // to look, and the session can wait for that.
            _ => Self::Misconfigured,
        }
    }
}

/// What the standard codes of a misconfiguration ask for.
pub(crate) fn standard_advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "invalid_client" => {
            "check the client id, the client secret and how the client authenticates; an assertion also needs a right clock"
        }
        "invalid_request" => "check how the client authenticates, and the parameters that are set for the sign-in",
        "unauthorized_client" | "unsupported_grant_type" => "allow this client the grant type at the server",
        "invalid_scope" => "check the scopes that are asked for",
        "invalid_target" => "check the resource, and that the server knows it",
        "use_dpop_nonce" => "sign in with DPoP: the server wants tokens that are bound to a key",
        "invalid_dpop_proof" => {
            "check this machine's clock, and that the session's key is the one it was signed in with"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_invalid_grant_is_a_verdict() {
        let later = Meaning::TryLater { after: Some(Duration::from_secs(7)) };
        for (code, expected) in [
            ("invalid_grant", Meaning::Verdict),
            ("invalid_client", Meaning::Misconfigured),
            ("unauthorized_client", Meaning::Misconfigured),
            ("unsupported_grant_type", Meaning::Misconfigured),
            ("invalid_scope", Meaning::Misconfigured),
            ("invalid_request", Meaning::Misconfigured),
            ("invalid_target", Meaning::Misconfigured),
            ("use_dpop_nonce", Meaning::Misconfigured),
            ("interaction_required", Meaning::InteractionRequired),
            ("login_required", Meaning::InteractionRequired),
            ("consent_required", Meaning::InteractionRequired),
            ("account_selection_required", Meaning::InteractionRequired),
            ("mfa_required", Meaning::InteractionRequired),
            ("unmet_authentication_requirements", Meaning::InteractionRequired),
            ("temporarily_unavailable", later),
            ("server_error", later),
            ("slow_down", later),
            ("too_many_requests", later),
            ("access_denied", Meaning::Misconfigured),
            ("INVALID_GRANT", Meaning::Misconfigured),
            ("", Meaning::Misconfigured),
        ] {
            let answer = ErrorAnswer::new(400, code).with_retry_after(Some(Duration::from_secs(7)));
            assert_eq!(Meaning::by_standard(&answer), expected, "{code}");
        }
    }
}
