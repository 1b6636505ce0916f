//! What is kept of a token answer: whose account it is, and how to name it at a logout.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_session_core::SessionData;
use oidc_session_provider_oidc::Fields;
use serde_json::Value;

/// Asks the token endpoint for `client_info`.
pub(crate) const ASK: (&str, &str) = ("client_info", "1");

/// Names of what is kept.
const LOGIN_HINT: &str = "login_hint";
const ACCOUNT: [&str; 2] = ["uid", "utid"];

/// Far more than any such value holds; what is larger must not crowd tokens out of a record.
const LONGEST: usize = 1024;

/// The account (`uid` and `utid` of `client_info`), and the `login_hint` claim.
pub(crate) fn keep(answer: &Fields, claims: Option<&Fields>) -> SessionData {
    let client_info = client_info(answer).unwrap_or_default();
    let account = ACCOUNT.map(|name| (name, client_info.get(name)));
    let login_hint = (LOGIN_HINT, claims.and_then(|claims| claims.get(LOGIN_HINT)));
    let found = account.into_iter().chain([login_hint]);
    found.filter_map(|(name, value)| Some((name.to_owned(), short_text(value?)?.into()))).collect()
}

/// The `login_hint` claim of the sign-in, which a logout gives back as `logout_hint`.
pub(crate) fn login_hint(kept: &SessionData) -> Option<&str> {
    kept.get(LOGIN_HINT).and_then(Value::as_str)
}

/// Text that is there and not too long.
pub(crate) fn short_text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty() && text.len() <= LONGEST)
}

fn client_info(answer: &Fields) -> Option<Fields> {
    let encoded = answer.get("client_info")?.as_str().filter(|text| text.len() <= 4 * LONGEST)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded.trim_end_matches('=')).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE;
    use serde_json::json;

    use super::*;

    fn kept(client_info: Value, claims: Value) -> Value {
        let answer = json!({ "client_info": client_info });
        keep(answer.as_object().unwrap(), claims.as_object()).into()
    }

    #[test]
    fn the_account_is_read() {
        let json = r#"{"uid":"u-1","utid":"t-1","more":7}"#;
        for encoded in [URL_SAFE_NO_PAD.encode(json), URL_SAFE.encode(json)] {
            let claims = json!({ "login_hint": "O.abc", "sub": "s" });
            assert_eq!(kept(json!(encoded), claims), json!({ "uid": "u-1", "utid": "t-1", "login_hint": "O.abc" }));
        }
    }

    #[test]
    fn what_makes_no_sense_is_not_kept() {
        let long = "x".repeat(LONGEST + 1);
        for client_info in [
            json!(7),
            json!("!"),
            json!(URL_SAFE_NO_PAD.encode("not json")),
            json!(URL_SAFE_NO_PAD.encode("[]")),
            json!(URL_SAFE_NO_PAD.encode(r#"{"uid":7,"utid":""}"#)),
            json!(URL_SAFE_NO_PAD.encode(json!({ "uid": long }).to_string())),
            json!(URL_SAFE_NO_PAD.encode(json!({ "uid": "u", "more": "x".repeat(4 * LONGEST) }).to_string())),
        ] {
            assert_eq!(kept(client_info.clone(), json!({ "login_hint": long })), json!({}), "{client_info}");
        }
        assert_eq!(kept(json!(null), json!(null)), json!({}));
    }
}
