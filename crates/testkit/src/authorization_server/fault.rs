//! [`Fault`]: what may go wrong at the token endpoint.

use std::fmt;
use std::time::Duration;

use oidc_session_core::Timestamp;
use url::Url;

/// Something that goes wrong with one request at the token endpoint.
///
/// What matters most about each is whether the grant happens, that is, whether a presented refresh token is consumed:
///
/// | Fault | Grant happens |
/// |---|---|
/// | [`Status`](Self::Status), [`Error`](Self::Error), [`Redirect`](Self::Redirect), [`DropBefore`](Self::DropBefore) | no |
/// | all others | yes, if the request deserves it |
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The request is processed at once, but the answer takes this much longer.
    Delay(Duration),
    /// Another status instead of an answer, such as 429 or 503.
    Status {
        /// The status code; 500 if it is not one.
        code: u16,
        /// A `Retry-After` header.
        retry_after: Option<RetryAfter>,
        /// What the body is.
        body: StatusBody,
    },
    /// An error answer (RFC 6749 §5.2) with this code and the status that goes with it.
    Error(String),
    /// A 302 to this address.
    Redirect(Url),
    /// The connection is closed without an answer, and the request is not processed.
    DropBefore,
    /// The request is processed, then the connection is closed without an answer.
    DropAfter,
    /// A 200 whose body is not JSON.
    Garbage,
    /// The answer stops halfway through its body, and the connection is closed.
    Truncated,
    /// A 200 with a body of many MiB.
    Huge,
    /// The answer lacks this field.
    Omit(Field),
    /// The ID token is correctly signed, for another subject.
    WrongSubject,
    /// The ID token names another issuer.
    WrongIssuer,
    /// The ID token is for another client.
    WrongAudience,
    /// The ID token has a nonce that nobody sent.
    WrongNonce,
    /// `expires_in` is a string instead of a number.
    ExpiresInString,
}

impl Fault {
    /// A bare status with a JSON error body and no `Retry-After`.
    pub fn status(code: u16) -> Self {
        Self::Status { code, retry_after: None, body: StatusBody::Json }
    }

    /// A 429 that says when to come back.
    pub fn too_many_requests(retry_after: RetryAfter) -> Self {
        Self::Status { code: 429, retry_after: Some(retry_after), body: StatusBody::Json }
    }

    /// An error answer with this code.
    pub fn error(code: impl Into<String>) -> Self {
        Self::Error(code.into())
    }
}

/// The two forms of a `Retry-After` header (RFC 9110 §10.2.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RetryAfter {
    /// So many seconds from now.
    Seconds(u64),
    /// At this instant, sent in whole seconds.
    Date(Timestamp),
}

/// The last second that fits an HTTP date: the end of the year 9999.
const LAST_HTTP_DATE: Timestamp = Timestamp::from_unix_seconds(253_402_300_799);

/// The value of the header.
impl fmt::Display for RetryAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Seconds(seconds) => seconds.fmt(f),
            Self::Date(at) => {
                let at = at.clamp(Timestamp::UNIX_EPOCH, LAST_HTTP_DATE);
                f.write_str(&httpdate::fmt_http_date(at.into()))
            }
        }
    }
}

/// What comes with a [`Fault::Status`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StatusBody {
    /// `{"error": "temporarily_unavailable"}`.
    Json,
    /// A page, as a gateway would send it.
    Html,
    /// Nothing.
    Empty,
}

/// A field of a token answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Field {
    /// `access_token`.
    AccessToken,
    /// `token_type`.
    TokenType,
    /// `expires_in`.
    ExpiresIn,
    /// `scope`.
    Scope,
    /// `refresh_token`.
    RefreshToken,
    /// `id_token`.
    IdToken,
}

impl Field {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::TokenType => "token_type",
            Self::ExpiresIn => "expires_in",
            Self::Scope => "scope",
            Self::RefreshToken => "refresh_token",
            Self::IdToken => "id_token",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let date = |seconds| RetryAfter::Date(Timestamp::from_unix_seconds(seconds)).to_string();
        assert_eq!(RetryAfter::Seconds(7).to_string(), "7");
        assert_eq!(date(1_475_419_451), "Sun, 02 Oct 2016 14:44:11 GMT");
        assert_eq!(date(-1), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(RetryAfter::Date(Timestamp::MAX).to_string(), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
