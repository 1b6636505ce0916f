//! [`SECRET`]: what no error may quote, and how it gets into the input.

use std::error::Error;

use oidc_session_core::ProviderError;
use serde_json::Value;

/// Stands for a token, a password, a description. No code of an error has such characters, and no text of ours.
pub(super) const SECRET: &str = "~hunter2~";

/// `json` as it is, and with the secret behind some of its texts. Its own bytes choose which.
pub(super) fn with_secrets(json: &[u8]) -> Vec<Vec<u8>> {
    let mut variants = vec![json.to_vec()];
    if let Ok(mut value) = serde_json::from_slice::<Value>(json) {
        let mut choice = json
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
        plant(&mut value, &mut choice);
        variants.push(value.to_string().into_bytes());
    }
    variants
}

fn plant(value: &mut Value, choice: &mut u64) {
    *choice = choice.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    match value {
        Value::String(text) if *choice & 1 == 0 => text.push_str(SECRET),
        Value::Array(items) => items.iter_mut().for_each(|item| plant(item, choice)),
        Value::Object(fields) => fields.values_mut().for_each(|field| plant(field, choice)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The error shows no secret, nor does what it comes from, and its codes are codes.
pub(super) fn assert_quiet(error: &ProviderError) {
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(shown) = cause {
        let text = format!("{shown} {shown:?}");
        assert!(!text.contains(SECRET), "{text}");
        cause = shown.source();
    }
    for code in [error.error_code(), error.vendor_code()].into_iter().flatten() {
        let is_code = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        assert!((1..=64).contains(&code.len()) && is_code, "{code:?}");
    }
}
