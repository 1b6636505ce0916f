//! What a refusal of Entra ID means: `error` and `suberror` decide, codes refine.

use std::time::Duration;

use oidc_session_provider_oidc::{Diagnosis, ErrorAnswer, Meaning};
use serde_json::Value;

use crate::known_code::{Class, KnownCode};
use crate::{aadsts, suberror};

/// As many codes as any answer was seen to carry, and some more.
const MOST_CODES: usize = 16;
/// Far more than any challenge holds; it has to fit into an address.
const LONGEST_CHALLENGE: usize = 4096;

/// What an error answer of Entra ID or External ID means.
pub(crate) fn diagnosis(answer: &ErrorAnswer) -> Diagnosis {
    let numbers = codes(answer);
    let known = numbers.iter().copied().filter_map(aadsts::find).min_by_key(|known| known.class);
    let suberror = answer.field("suberror").and_then(Value::as_str).and_then(suberror::find);

    let mut diagnosis = Diagnosis::from(meaning(answer, known, suberror.map(|suberror| suberror.meaning)));
    if let Some(number) = known.map(|known| known.number).or(numbers.first().copied()) {
        diagnosis = diagnosis.code(format!("AADSTS{number}"));
    }
    if let Some(advice) = known.and_then(|known| known.advice).or(suberror.and_then(|suberror| suberror.advice)) {
        diagnosis = diagnosis.advice(advice);
    }
    match (diagnosis.meaning, challenge(answer)) {
        (Meaning::InteractionRequired | Meaning::Verdict, Some(claims)) => {
            diagnosis.sign_in_parameter("claims", claims)
        }
        _ => diagnosis,
    }
}

/// What an error means that came back from the browser, if more is known than its standard code says.
///
/// A user who declined has refused, and needs no advice.
pub(crate) fn refused_sign_in(answer: &ErrorAnswer) -> Option<Diagnosis> {
    const DECLINED: u32 = 65004;
    let known = in_text(answer, "AADSTS").and_then(aadsts::find)?;
    (known.advice.is_some() && known.number != DECLINED).then(|| diagnosis(answer))
}

/// What an answer means whose code and `suberror` are known, or not.
///
/// | `error` | decides |
/// |---|---|
/// | any, with a code of a server that could not judge | try later |
/// | any, with a `suberror` that asks for something | interaction required |
/// | `invalid_grant` with `bad_token` or `token_expired` | a verdict |
/// | `invalid_grant` with a code | the code |
/// | `invalid_grant` | interaction required: the refresh token may serve for another resource |
/// | `interaction_required` and its kin, `server_error` and its kin | the standard |
/// | any other | misconfigured, unless the code asks for interaction |
pub(crate) fn meaning(answer: &ErrorAnswer, known: Option<&KnownCode>, suberror: Option<Meaning>) -> Meaning {
    let class = known.map(|known| known.class);
    if let Some(known) = known.filter(|known| known.class == Class::Transient) {
        return try_later(answer, known);
    }
    let standard = Meaning::by_standard(answer);
    match (standard, suberror) {
        (_, Some(asks @ Meaning::InteractionRequired)) => asks,
        (Meaning::Verdict, Some(verdict)) => verdict,
        (Meaning::Verdict, None) => match class {
            Some(Class::Dead | Class::Malformed) => Meaning::Verdict,
            Some(Class::Setup) => Meaning::Misconfigured,
            Some(Class::Interaction | Class::Transient) | None => Meaning::InteractionRequired,
        },
        (Meaning::Misconfigured, _) => match class {
            Some(Class::Interaction) => Meaning::InteractionRequired,
            Some(Class::Malformed) if answer.error() == "invalid_request" => Meaning::Verdict,
            _ => Meaning::Misconfigured,
        },
        (decided, _) => decided,
    }
}

fn try_later(answer: &ErrorAnswer, known: &KnownCode) -> Meaning {
    let least = (known.least_wait > 0).then(|| Duration::from_secs(known.least_wait));
    Meaning::TryLater { after: answer.retry_after().max(least) }
}

/// The numbers of `error_codes`, which are strings in places; without them, the one in the text.
fn codes(answer: &ErrorAnswer) -> Vec<u32> {
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    match answer.field("error_codes") {
        Some(Value::Array(values)) => values.iter().take(MOST_CODES).filter_map(number).collect(),
        Some(value) => number(value).into_iter().collect(),
        None => in_text(answer, "AADSTS").into_iter().collect(),
    }
}

/// The number after the first `prefix` in the description.
pub(crate) fn in_text(answer: &ErrorAnswer, prefix: &str) -> Option<u32> {
    let (_, rest) = answer.description()?.split_once(prefix)?;
    let digits = rest.find(|byte: char| !byte.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
    digits.parse().ok()
}

/// What the next sign-in has to carry as `claims`, unchanged ("Developer guidance for Conditional Access").
fn challenge(answer: &ErrorAnswer) -> Option<&str> {
    let claims = answer.field("claims")?.as_str().filter(|claims| claims.len() <= LONGEST_CHALLENGE)?;
    matches!(serde_json::from_str(claims), Ok(Value::Object(_))).then_some(claims)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(error: &str, codes: Value) -> ErrorAnswer {
        ErrorAnswer::new(400, error).with_field("error_codes", codes)
    }

    #[test]
    fn of_several_codes_the_special_one_counts() {
        for (codes, meaning, code) in [
            (json!([70002, 70008]), Meaning::Verdict, "AADSTS70008"),
            (json!(["70002", "70008"]), Meaning::Verdict, "AADSTS70008"),
            (json!([70008, 50076]), Meaning::InteractionRequired, "AADSTS50076"),
            (json!([70008, 90033]), Meaning::TryLater { after: None }, "AADSTS90033"),
            (json!([1, 70008]), Meaning::Verdict, "AADSTS70008"),
            (json!([123_456]), Meaning::InteractionRequired, "AADSTS123456"),
            (json!(700_082), Meaning::Verdict, "AADSTS700082"),
        ] {
            let diagnosis = diagnosis(&refused("invalid_grant", codes.clone()));
            assert_eq!((diagnosis.meaning, diagnosis.code.as_deref()), (meaning, Some(code)), "{codes}");
        }
    }

    #[test]
    fn codes_that_are_none_are_no_codes() {
        let many: Vec<u32> = (1..=MOST_CODES as u32).chain([70008]).collect();
        for codes in [json!([]), json!([null, -1, 7.5, 4e20, "x", [70008]]), json!({ "a": 1 }), json!(null)] {
            let diagnosis = diagnosis(&refused("invalid_grant", codes.clone()));
            assert_eq!((diagnosis.meaning, diagnosis.code), (Meaning::InteractionRequired, None), "{codes}");
        }
        assert_eq!(diagnosis(&refused("invalid_grant", json!(many))).meaning, Meaning::InteractionRequired);
    }

    #[test]
    fn without_a_list_the_code_is_in_the_text() {
        for (text, code) in [
            ("AADSTS700082: The refresh token has expired", Some("AADSTS700082")),
            ("AADSTS700082", Some("AADSTS700082")),
            ("wrapped: AADSTS50057: ü", Some("AADSTS50057")),
            ("AADSTS: nothing", None),
            ("AADSTS99999999999999999999: too much", None),
            ("ü", None),
        ] {
            let answer = ErrorAnswer::new(400, "invalid_grant").with_field("error_description", text);
            assert_eq!(diagnosis(&answer).code.as_deref(), code, "{text}");
        }
    }

    #[test]
    fn a_loop_waits_five_minutes_or_what_the_server_says_if_that_is_more() {
        for (after, expected) in [(None, 300), (Some(60), 300), (Some(900), 900)] {
            let answer = refused("invalid_grant", json!([50196])).with_field("suberror", "bad_token");
            let answer = answer.with_retry_after(after.map(Duration::from_secs));
            assert_eq!(diagnosis(&answer).meaning, Meaning::TryLater { after: Some(Duration::from_secs(expected)) });
        }
    }

    #[test]
    fn only_invalid_grant_is_a_verdict_but_for_a_request_that_cannot_be_read() {
        for (error, codes, suberror, expected) in [
            ("invalid_client", json!([70000]), "", Meaning::Misconfigured),
            ("invalid_client", json!([9_002_313]), "", Meaning::Misconfigured),
            ("invalid_request", json!([9_002_313]), "", Meaning::Verdict),
            ("invalid_grant", json!([9_002_313]), "", Meaning::Verdict),
            ("interaction_required", json!([50173]), "bad_token", Meaning::InteractionRequired),
            ("invalid_request", json!([]), "bad_token", Meaning::Misconfigured),
            ("invalid_request", json!([50076]), "", Meaning::InteractionRequired),
            ("server_error", json!([70000]), "bad_token", Meaning::TryLater { after: None }),
            ("brand_new", json!([70000]), "", Meaning::Misconfigured),
            ("invalid_grant", json!([50173]), "basic_action", Meaning::InteractionRequired),
            ("invalid_grant", json!([50173]), "brand_new", Meaning::Verdict),
            ("invalid_grant", json!([7_000_222]), "", Meaning::Misconfigured),
        ] {
            let answer = refused(error, codes.clone()).with_field("suberror", suberror);
            assert_eq!(diagnosis(&answer).meaning, expected, "{error} {codes} {suberror}");
        }
    }

    #[test]
    fn a_challenge_goes_into_the_next_sign_in_unchanged() {
        let challenge = r#"{"access_token":{"polids":{"essential":true,"values":["p 1"]}}}"#;
        let long = json!({ "a": "x".repeat(LONGEST_CHALLENGE) }).to_string();
        for (error, claims, expected) in [
            ("interaction_required", json!(challenge), true),
            ("invalid_grant", json!(challenge), true),
            ("temporarily_unavailable", json!(challenge), false),
            ("invalid_client", json!(challenge), false),
            ("interaction_required", json!("not json"), false),
            ("interaction_required", json!("[]"), false),
            ("interaction_required", json!(7), false),
            ("interaction_required", json!(long), false),
        ] {
            let answer = ErrorAnswer::new(400, error).with_field("claims", claims.clone());
            let expected: &[_] = if expected { &[("claims".to_owned(), challenge.to_owned())] } else { &[] };
            assert_eq!(diagnosis(&answer).sign_in_parameters, expected, "{error} {claims}");
        }
    }
}
