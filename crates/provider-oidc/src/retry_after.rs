//! How long a server asked to wait.

use std::time::Duration;

use oidc_session_core::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The longest wait that is believed: a typing error in a header must not park a session for a year.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// `Retry-After` in either form (RFC 9110 §10.2.3), or else, of a 4xx answer, the instant of `X-RateLimit-Reset`.
///
/// Some servers send that one with every answer. With a 5xx it does not say that nothing was processed, nor until when.
pub(crate) fn retry_after(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    text(RETRY_AFTER.as_str())
        .and_then(|value| {
            let seconds = value.parse().ok().map(Duration::from_secs);
            seconds.or_else(|| Some(Timestamp::from(httpdate::parse_http_date(value).ok()?).saturating_since(now)))
        })
        .or_else(|| {
            let reset = text("x-ratelimit-reset").or_else(|| text("x-rate-limit-reset"));
            let reset = reset.filter(|_| status.is_client_error())?;
            let wait = Timestamp::from_unix_seconds(reset.parse().ok()?).saturating_since(now);
            // An instant that has passed is no wish; it may just as well be a number of seconds.
            (!wait.is_zero()).then_some(wait)
        })
        .map(|wait| wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn every_form_is_read() {
        let now = Timestamp::from_unix_seconds(784_111_777); // Sun, 06 Nov 1994 08:49:37 GMT
        for (header, value, expected) in [
            ("retry-after", "120", Some(120)),
            ("retry-after", " 0 ", Some(0)),
            ("retry-after", "99999999", Some(86_400)),
            ("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("retry-after", "Fri, 31 Dec 2100 23:59:59 GMT", Some(86_400)),
            ("retry-after", "-5", None),
            ("retry-after", "soon", None),
            ("x-ratelimit-reset", "784111807", Some(30)),
            ("x-rate-limit-reset", "784111807", Some(30)),
            ("x-ratelimit-reset", "9999999999999", Some(86_400)),
            ("x-ratelimit-reset", "30", None),
            ("x-other", "120", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(header), HeaderValue::from_static(value));
            let found = retry_after(StatusCode::TOO_MANY_REQUESTS, &headers, now);
            assert_eq!(found, expected.map(Duration::from_secs), "{header}: {value}");
        }
    }

    #[test]
    fn retry_after_wins_over_a_reset() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_static("5"));
        headers.insert("x-ratelimit-reset", HeaderValue::from_static("1030"));
        let read = |status, headers: &HeaderMap| retry_after(status, headers, Timestamp::from_unix_seconds(1000));
        assert_eq!(read(StatusCode::TOO_MANY_REQUESTS, &headers), Some(Duration::from_secs(5)));
        assert_eq!(read(StatusCode::SERVICE_UNAVAILABLE, &headers), Some(Duration::from_secs(5)));
        headers.insert("retry-after", HeaderValue::from_static("soon"));
        assert_eq!(read(StatusCode::TOO_MANY_REQUESTS, &headers), Some(Duration::from_secs(30)));
        assert_eq!(read(StatusCode::SERVICE_UNAVAILABLE, &headers), None, "it says that of every answer");
    }
}
