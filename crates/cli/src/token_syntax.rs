//! What tokens and token types are made of (RFC 6749 appendix A). Anything else could break out of the header, or the
//! terminal, that it ends up in.

use url::Url;

/// Whether an `Authorization` header can carry it: visible ASCII. RFC 6749 §A.12 also allows spaces, which no header
/// scheme does.
pub(crate) fn fits_header(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether it is a refresh token: 1*VSCHAR (RFC 6749 §A.17).
pub(crate) fn is_refresh_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

/// Whether it is a token type: a name, or a URI (RFC 6749 §A.13).
pub(crate) fn is_token_type(text: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_uri = |byte: u8| is_name(byte) || b"~:/?#[]@!$&'()*+,;=%".contains(&byte);
    // The parser repairs what is no URI, so the characters are looked at, too.
    !text.is_empty() && (text.bytes().all(is_name) || (text.bytes().all(is_uri) && Url::parse(text).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_visible_ascii() {
        assert!(fits_header("eyJ.a-b_c~+/=") && is_refresh_token("a b"));
        for bad in ["", "a\nb", "a\r\nX-Evil: 1", "\u{1b}[2J", "\u{7f}", "\u{9b}", "é", "\u{202e}"] {
            assert!(!fits_header(bad) && !is_refresh_token(bad), "{bad:?}");
        }
        assert!(!fits_header("a b"));
    }

    #[test]
    fn a_token_type_is_a_name_or_a_uri() {
        for good in ["Bearer", "DPoP", "N_A", "urn:example:pop", "https://example.com/t?a=1"] {
            assert!(is_token_type(good), "{good}");
        }
        for bad in ["", "Bearer x", "a,b", "Bearer\n", "urn:a\u{1b}b", "urn:é", "urn:a\nb"] {
            assert!(!is_token_type(bad), "{bad:?}");
        }
    }
}
