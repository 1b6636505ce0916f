//! What a refusal of Azure AD B2C means. Its codes are in the text alone.

use oidc_session_provider_oidc::{Diagnosis, ErrorAnswer};

use crate::{aadb2c, refusal};

/// What an error answer of Azure AD B2C means.
///
/// The codes refine as in [`refusal`]. An answer without one may come from Entra ID, on which B2C stands.
pub(crate) fn diagnosis(answer: &ErrorAnswer) -> Diagnosis {
    let Some(number) = refusal::in_text(answer, "AADB2C") else {
        return refusal::diagnosis(answer);
    };
    let known = aadb2c::find(number);
    let diagnosis = Diagnosis::from(refusal::meaning(answer, known, None)).code(format!("AADB2C{number}"));
    match known.and_then(|known| known.advice) {
        Some(advice) => diagnosis.advice(advice),
        None => diagnosis,
    }
}

/// What an error means that came back from the browser, if more is known than its standard code says.
pub(crate) fn refused_sign_in(answer: &ErrorAnswer) -> Option<Diagnosis> {
    let Some(number) = refusal::in_text(answer, "AADB2C") else {
        return refusal::refused_sign_in(answer);
    };
    let has_advice = aadb2c::find(number).is_some_and(|known| known.advice.is_some());
    has_advice.then(|| diagnosis(answer))
}

#[cfg(test)]
mod tests {
    use oidc_session_provider_oidc::Meaning;

    use super::*;

    #[test]
    fn codes_refine_and_do_not_decide_alone() {
        for (error, text, meaning, code) in [
            ("invalid_grant", "AADB2C90080: The provided grant has expired.", Meaning::Verdict, Some("AADB2C90080")),
            ("invalid_grant", "AADB2C90085: internal", Meaning::TryLater { after: None }, Some("AADB2C90085")),
            ("invalid_grant", "AADB2C12345: brand new", Meaning::InteractionRequired, Some("AADB2C12345")),
            ("invalid_grant", "", Meaning::InteractionRequired, None),
            ("invalid_client", "AADB2C90080", Meaning::Misconfigured, Some("AADB2C90080")),
            ("access_denied", "AADB2C90118", Meaning::InteractionRequired, Some("AADB2C90118")),
            ("invalid_grant", "AADSTS700082: unused", Meaning::Verdict, Some("AADSTS700082")),
            ("server_error", "AADB2C90080", Meaning::TryLater { after: None }, Some("AADB2C90080")),
        ] {
            let answer = ErrorAnswer::new(400, error).with_field("error_description", text);
            let diagnosis = diagnosis(&answer);
            assert_eq!((diagnosis.meaning, diagnosis.code.as_deref()), (meaning, code), "{error} {text}");
        }
    }
}
