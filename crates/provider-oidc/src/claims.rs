//! The claims of a token, read as servers really write them. `null` counts as absent.

use oidc_session_core::Timestamp;
use serde_json::Value;

use crate::dialect::Fields;
use crate::unverified::Unverified;

const UNREADABLE: Unverified = Unverified::Refused("a claim of it has a form that cannot be read");

/// The claim `name`, which is text if it is there.
pub(crate) fn text<'a>(claims: &'a Fields, name: &str) -> Result<Option<&'a str>, Unverified> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(UNREADABLE),
    }
}

/// The same for one that must be there and not be empty; `missing` says that it is not.
pub(crate) fn required<'a>(claims: &'a Fields, name: &str, missing: &'static str) -> Result<&'a str, Unverified> {
    text(claims, name)?.filter(|text| !text.is_empty()).ok_or(Unverified::Refused(missing))
}

/// `aud`: one audience or a list of them (RFC 7519 §4.1.3).
pub(crate) fn audiences(claims: &Fields) -> Result<Vec<String>, Unverified> {
    match claims.get("aud") {
        Some(Value::String(audience)) => Ok(vec![audience.clone()]),
        Some(Value::Array(audiences)) => {
            audiences.iter().map(|audience| audience.as_str().map(str::to_owned).ok_or(UNREADABLE)).collect()
        }
        None | Some(Value::Null) => Err(Unverified::Refused("it names no audience")),
        Some(_) => Err(UNREADABLE),
    }
}

/// A time in seconds, whole or broken (RFC 7519 §2, "NumericDate").
pub(crate) fn instant(claims: &Fields, name: &str) -> Result<Option<Timestamp>, Unverified> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(seconds)) => match (seconds.as_i64(), seconds.as_f64()) {
            (Some(seconds), _) => Ok(Some(Timestamp::from_unix_seconds(seconds))),
            (None, Some(seconds)) => Ok(Some(Timestamp::from_unix_millis((seconds * 1000.0) as i64))),
            (None, None) => Err(UNREADABLE),
        },
        Some(_) => Err(UNREADABLE),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(json: Value) -> Fields {
        json.as_object().unwrap().clone()
    }

    #[test]
    fn times_may_be_broken_and_absurd_but_not_text() {
        for (written, expected) in [
            (json!(7), Ok(Some(Timestamp::from_unix_seconds(7)))),
            (json!(7.5), Ok(Some(Timestamp::from_unix_millis(7500)))),
            (json!(-1), Ok(Some(Timestamp::from_unix_seconds(-1)))),
            (json!(u64::MAX), Ok(Some(Timestamp::MAX))),
            (json!(1e300), Ok(Some(Timestamp::MAX))),
            (json!(null), Ok(None)),
            (json!("7"), Err(UNREADABLE)),
            (json!([7]), Err(UNREADABLE)),
        ] {
            assert_eq!(instant(&fields(json!({ "exp": written.clone() })), "exp"), expected, "{written}");
        }
    }

    #[test]
    fn what_is_required_is_text_that_says_something() {
        let missing = Err(Unverified::Refused("none"));
        for (written, expected) in [
            (json!("a"), Ok("a")),
            (json!(""), missing),
            (json!(null), missing),
            (json!(7), Err(UNREADABLE)),
            (json!(["a"]), Err(UNREADABLE)),
        ] {
            assert_eq!(required(&fields(json!({ "sub": written })), "sub", "none"), expected);
        }
        assert_eq!(required(&Fields::new(), "sub", "none"), missing);
    }

    #[test]
    fn audiences_are_one_or_several_texts() {
        for (written, expected) in [
            (json!("a"), Ok(vec!["a".to_owned()])),
            (json!(["a", "b"]), Ok(vec!["a".to_owned(), "b".to_owned()])),
            (json!([]), Ok(vec![])),
            (json!(["a", 7]), Err(UNREADABLE)),
            (json!({ "a": 1 }), Err(UNREADABLE)),
            (json!(null), Err(Unverified::Refused("it names no audience"))),
        ] {
            assert_eq!(audiences(&fields(json!({ "aud": written.clone() }))), expected, "{written}");
        }
    }
}
