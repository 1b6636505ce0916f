//! [`Refusal`]: what an answer says about the token that it was sent.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, StatusCode};

use crate::challenge::Challenge;

/// What an answer says about the access token that it was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    /// Nothing that another token, or another proof, would change.
    None,
    /// The token is expired, revoked or otherwise no good (RFC 6750 §3.1).
    InvalidToken,
    /// The proof of possession needs the server's nonce (RFC 9449 §9).
    UseNonce,
}

/// Nobody sends as many `WWW-Authenticate` headers.
const MOST_HEADERS: usize = 16;

impl Refusal {
    /// A 403 is no refusal of the token, and neither is a 401 that does not say so.
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        if status != StatusCode::UNAUTHORIZED {
            return Self::None;
        }
        let mut refusal = Self::None;
        for value in headers.get_all(WWW_AUTHENTICATE).iter().take(MOST_HEADERS) {
            for challenge in Challenge::all(value.as_bytes()) {
                if challenge.says("DPoP", "use_dpop_nonce") {
                    return Self::UseNonce;
                }
                if challenge.says("Bearer", "invalid_token") || challenge.says("DPoP", "invalid_token") {
                    refusal = Self::InvalidToken;
                }
            }
        }
        refusal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, values: &[&'static str]) -> Refusal {
        let headers = values.iter().map(|value| (WWW_AUTHENTICATE, http::HeaderValue::from_static(value))).collect();
        Refusal::of(StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn only_a_401_that_says_so_refuses_the_token() {
        const INVALID: &str = r#"Bearer error="invalid_token""#;
        const NONCE: &str = r#"DPoP error="use_dpop_nonce""#;
        for (status, values, expected) in [
            (401, &[INVALID][..], Refusal::InvalidToken),
            (401, &["Basic", INVALID], Refusal::InvalidToken),
            (401, &[r#"DPoP error="invalid_token", algs="ES256""#], Refusal::InvalidToken),
            (401, &[INVALID, NONCE], Refusal::UseNonce),
            (401, &[], Refusal::None),
            (401, &[r#"Bearer realm="x""#], Refusal::None),
            (401, &[r#"Bearer error="insufficient_scope""#], Refusal::None),
            (401, &[r#"Bearer error="use_dpop_nonce""#], Refusal::None),
            (403, &[INVALID], Refusal::None),
            (400, &[INVALID], Refusal::None),
            (407, &[INVALID], Refusal::None),
            (200, &[INVALID], Refusal::None),
        ] {
            assert_eq!(refusal(status, values), expected, "{status} {values:?}");
        }
    }

    #[test]
    fn a_flood_of_headers_is_read_to_a_point() {
        let mut values = vec!["Basic"; MOST_HEADERS];
        values.push(r#"Bearer error="invalid_token""#);
        assert_eq!(refusal(401, &values), Refusal::None);
    }
}
