//! The device authorization: what is asked for, and the answer as servers really write it (RFC 8628 §3.1, §3.2).

use std::time::Duration;

use oidc_session_core::{
    DeviceCode, DeviceRequest, PendingDevice, ProviderError, ProviderErrorKind, Scopes, Timestamp,
};
use serde_json::Value;
use url::Url;

use crate::Dialect;
use crate::channel::Channel;
use crate::dialect::Fields;
use crate::free_parameters::free_parameters;
use crate::grant::lifetime;

/// The parameters that a caller cannot set: they say who asks, and for what.
const RESERVED_PARAMETERS: [&str; 6] =
    ["client_id", "client_secret", "client_assertion", "client_assertion_type", "scope", "resource"];

/// How long a code is good for if the server does not say, or says nothing sensible.
const USUAL_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Beyond this a lifetime is a mistake of units. Nobody types in a code that is a day old.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How long to wait between two polls if the server does not say (RFC 8628 §3.2).
const USUAL_INTERVAL: Duration = Duration::from_secs(5);

/// Beyond this an interval is a mistake of units, too.
const LONGEST_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// A person types it in. Longer than this it is something else.
const LONGEST_USER_CODE: usize = 256;

/// The scopes to ask for.
pub(crate) fn scopes(dialect: &dyn Dialect, request: &DeviceRequest) -> Scopes {
    dialect.scopes_to_request(&Scopes::parse(&format!("openid {}", request.scopes)))
}

/// The dialect's parameters, except where the caller gave another value, and the caller's.
pub(crate) fn parameters(
    dialect: &dyn Dialect,
    request: DeviceRequest,
) -> Result<Vec<(String, String)>, ProviderError> {
    let free = free_parameters(&RESERVED_PARAMETERS, dialect.device_parameters(), request.parameters)?;
    let resources = request.resources.into_iter().map(|resource| ("resource".to_owned(), resource));
    Ok(resources.chain(free).collect())
}

/// Reads an answer to a request that was started at `requested_at`.
pub(crate) fn read(
    fields: &Fields,
    channel: Channel,
    scopes: Scopes,
    requested_at: Timestamp,
) -> Result<PendingDevice, ProviderError> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let device_code = text("device_code").ok_or_else(|| invalid("the answer carries no device code"))?;
    let user_code = text("user_code").ok_or_else(|| invalid("the answer carries no user code"))?;
    // It goes to a terminal as it is.
    if user_code.len() > LONGEST_USER_CODE || user_code.chars().any(char::is_control) {
        return Err(invalid("the user code of the answer cannot be shown"));
    }
    // The older name is Google's, from before the standard.
    let verification_uri = text("verification_uri").or_else(|| text("verification_url"));
    let verification_uri = verification_uri.ok_or_else(|| invalid("the answer carries no verification address"))?;
    let complete = text("verification_uri_complete").or_else(|| text("verification_url_complete"));

    let seconds = |name: &str| fields.get(name).and_then(lifetime).filter(|seconds| !seconds.is_zero());
    let expires_in = seconds("expires_in").unwrap_or(USUAL_LIFETIME).min(LONGEST_LIFETIME);
    let mut pending = PendingDevice::new(
        user_code,
        address(channel, verification_uri).ok_or_else(|| invalid("the verification address is not one to open"))?,
        DeviceCode::new(device_code),
        requested_at + expires_in,
        scopes,
    );
    // A convenience: without it the subject types the code in.
    pending.verification_uri_complete = complete.and_then(|complete| address(channel, complete));
    pending.interval = seconds("interval").unwrap_or(USUAL_INTERVAL).min(LONGEST_INTERVAL);
    Ok(pending)
}

/// An address that a browser may be sent to: the subject is going to type a password in there.
fn address(channel: Channel, address: &str) -> Option<Url> {
    channel.endpoint("verification_uri", address).ok()
}

fn invalid(detail: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::InvalidAnswer, detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::PlainOidc;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

    fn answer(changes: Value) -> Result<PendingDevice, ProviderError> {
        let mut answer = json!({
            "device_code": "hidden", "user_code": "WDJB-MJHT", "verification_uri": "https://login.example/device",
            "expires_in": 1800,
        });
        for (name, value) in changes.as_object().unwrap() {
            answer[name] = value.clone();
        }
        read(answer.as_object().unwrap(), Channel::Tls, Scopes::parse("openid"), NOW)
    }

    #[test]
    fn a_full_answer_is_read() {
        let complete = "https://login.example/device?user_code=WDJB-MJHT";
        let pending = answer(json!({ "verification_uri_complete": complete, "interval": 7 })).unwrap();
        assert_eq!(pending.user_code, "WDJB-MJHT");
        assert_eq!(pending.verification_uri.as_str(), "https://login.example/device");
        assert_eq!(pending.verification_uri_complete.unwrap().as_str(), complete);
        assert_eq!(pending.interval, Duration::from_secs(7));
        assert_eq!(pending.expires_at, NOW + Duration::from_secs(1800));
        assert_eq!(pending.device_code, DeviceCode::new("hidden"));
        assert_eq!(pending.scopes, Scopes::parse("openid"));
    }

    #[test]
    fn the_older_names_of_the_addresses_are_read() {
        let pending = answer(json!({
            "verification_uri": null, "verification_url": "https://www.login.example/device",
            "verification_url_complete": "https://www.login.example/device?c=1",
        }));
        let pending = pending.unwrap();
        assert_eq!(pending.verification_uri.as_str(), "https://www.login.example/device");
        assert!(pending.verification_uri_complete.is_some());
    }

    #[test]
    fn numbers_come_in_many_forms_and_have_bounds() {
        for (value, interval, lifetime) in [
            (json!(30), 30, 30),
            (json!(30.5), 30, 30),
            (json!("30"), 30, 30),
            (json!("30.0"), 30, 30),
            (json!(null), 5, 900),
            (json!("soon"), 5, 900),
            (json!(0), 5, 900),
            (json!(-1), 5, 900),
            (json!(86_400), 300, 86_400),
            (json!(1_800_000), 300, 86_400),
            (json!(1e300), 300, 86_400),
        ] {
            let pending = answer(json!({ "interval": value.clone(), "expires_in": value.clone() })).unwrap();
            assert_eq!(pending.interval, Duration::from_secs(interval), "{value}");
            assert_eq!(pending.expires_at, NOW + Duration::from_secs(lifetime), "{value}");
        }
        let mut fields = json!({ "device_code": "d", "user_code": "u", "verification_uri": "https://login.example" });
        let pending = read(fields.as_object_mut().unwrap(), Channel::Tls, Scopes::default(), NOW).unwrap();
        assert_eq!(pending.interval, Duration::from_secs(5));
        assert_eq!(pending.expires_at, NOW + Duration::from_secs(900));
    }

    #[test]
    fn what_nobody_can_use_is_refused_without_quoting_it() {
        for changes in [
            json!({ "device_code": null }),
            json!({ "device_code": "" }),
            json!({ "device_code": 7 }),
            json!({ "user_code": null }),
            json!({ "user_code": "" }),
            json!({ "user_code": "hidden\u{1b}[2J" }),
            json!({ "user_code": "hidden".repeat(100) }),
            json!({ "verification_uri": null }),
            json!({ "verification_uri": "login.example/device" }),
            json!({ "verification_uri": "javascript:hidden()" }),
            json!({ "verification_uri": "http://login.example/device" }),
        ] {
            let error = answer(changes.clone()).unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::InvalidAnswer, "{changes}");
            assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
        }
    }

    #[test]
    fn an_odd_address_for_the_qr_code_costs_only_that() {
        let pending = answer(json!({ "verification_uri_complete": "file:///etc/passwd" })).unwrap();
        assert_eq!(pending.verification_uri_complete, None);
    }

    #[test]
    fn the_caller_wins_over_the_dialect_but_not_over_the_protocol() {
        #[derive(Debug)]
        struct Audience;
        impl Dialect for Audience {
            fn device_parameters(&self) -> Vec<(&'static str, String)> {
                vec![("audience", "https://api.example".into()), ("prompt", "login".into()), ("scope", "x".into())]
            }
        }
        let with = |given: &[(&str, &str)]| {
            let mut request = DeviceRequest::new(Scopes::parse("email"));
            request.parameters = given.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            parameters(&Audience, request)
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            with(&[("prompt", "consent")]).unwrap(),
            [pair("audience", "https://api.example"), pair("prompt", "consent")]
        );
        for name in RESERVED_PARAMETERS {
            assert_eq!(with(&[(name, "x")]).unwrap_err().kind(), ProviderErrorKind::Misconfigured, "{name}");
        }
        assert!(with(&[("prompt", "login"), ("prompt", "none")]).is_err());
        let request = DeviceRequest::new(Scopes::parse("email"));
        assert_eq!(scopes(&PlainOidc, &request), Scopes::parse("openid email"));
    }
}
