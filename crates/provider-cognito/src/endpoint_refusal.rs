//! What the refusals of `/oauth2/token` mean. Each comes with HTTP 400, and mostly with nothing but its code.

use oidc_session_provider_oidc::{Diagnosis, ErrorAnswer, Meaning};

/// Words that no rejected refresh token explains: then the pool is set up wrongly, and the grant may live.
const SIGNS_OF_A_SETTING: [&str; 3] = ["attribute", "lambda", "pretokengeneration"];

/// What an error answer with an OAuth code means.
pub(crate) fn diagnosis(answer: &ErrorAnswer) -> Diagnosis {
    match answer.error() {
        "invalid_grant" => rejected_grant(answer),
        "invalid_client" => Diagnosis::from(Meaning::Misconfigured)
            .advice("check the app client id and its secret, and that the app client still exists"),
        "unauthorized_client" | "unsupported_grant_type" => {
            Diagnosis::from(Meaning::Misconfigured).advice("allow the app client the authorization code grant")
        }
        "invalid_request" => Diagnosis::from(Meaning::Misconfigured)
            .advice("check whether the app client has a secret, and that the address is the pool's own"),
        _ => Meaning::by_standard(answer).into(),
    }
}

/// The same code stands for a dead grant and for an app client that may not read an attribute of a granted scope.
///
/// Where nothing is said beyond the code, it is the verdict that the standard makes of it: otherwise no session of a
/// pool would ever end. A description that speaks of something else makes it a setting.
fn rejected_grant(answer: &ErrorAnswer) -> Diagnosis {
    let description = answer.description().unwrap_or_default().to_ascii_lowercase();
    if SIGNS_OF_A_SETTING.iter().any(|sign| description.contains(sign)) {
        return Diagnosis::from(Meaning::Misconfigured)
            .advice("let the app client read every attribute of its scopes, and check the pool's Lambda triggers");
    }
    Diagnosis::from(Meaning::Verdict).advice(
        "sign in again; if that fails likewise, let the app client read every attribute of the scopes that are asked for",
    )
}
