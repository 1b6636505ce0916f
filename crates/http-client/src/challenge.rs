//! [`Challenge`]: what a `WWW-Authenticate` header asks for (RFC 9110 §11.6.1).

use std::borrow::Cow;

/// One challenge: its scheme, and its `error` (RFC 6750 §3).
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Challenge<'a> {
    scheme: &'a [u8],
    error: Told<'a>,
}

#[derive(Debug, Eq, PartialEq)]
enum Told<'a> {
    Nothing,
    Once(Cow<'a, [u8]>),
    /// A parameter must not be there twice.
    Ambiguous,
}

/// Longer values are not read. Servers that are meant to be understood need less than a tenth.
const LONGEST: usize = 8 * 1024;
/// Nobody offers as many.
const MOST: usize = 32;

impl<'a> Challenge<'a> {
    /// The challenges of one header value. What cannot be read is left out: up to the next comma, and after a quote
    /// that does not end, up to the end.
    pub(crate) fn all(value: &'a [u8]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        let mut text = Text(if value.len() <= LONGEST { value } else { &[] });
        while text.go_to_element() && all.len() < MOST {
            let Some(name) = text.token() else {
                text.leave_element();
                continue;
            };
            if let Some(value) = text.parameter_value() {
                if let Some(challenge) = all.last_mut() {
                    challenge.note(name, value);
                }
                continue;
            }
            all.push(Challenge { scheme: name, error: Told::Nothing });
            // Behind the scheme there may be the first parameter, or something else in place of all.
            let element = text.0;
            text.leave_blanks();
            if let Some((name, value)) = text.token().and_then(|name| Some((name, text.parameter_value()?)))
                && let Some(challenge) = all.last_mut()
            {
                challenge.note(name, value);
            } else {
                text.0 = element;
                text.leave_element();
            }
        }
        all
    }

    /// Whether it is of `scheme`, in any case of letters, with this `error`.
    pub(crate) fn says(&self, scheme: &str, error: &str) -> bool {
        let is_error = matches!(&self.error, Told::Once(told) if **told == *error.as_bytes());
        is_error && self.scheme.eq_ignore_ascii_case(scheme.as_bytes())
    }

    fn note(&mut self, name: &[u8], value: Cow<'a, [u8]>) {
        if name.eq_ignore_ascii_case(b"error") {
            self.error = if self.error == Told::Nothing { Told::Once(value) } else { Told::Ambiguous };
        }
    }
}

/// What is not read yet.
struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// Goes to the next element of the list, if there is one: empty ones do not count (RFC 9110 §5.6.1).
    fn go_to_element(&mut self) -> bool {
        self.leave(|byte| matches!(byte, b' ' | b'\t' | b','));
        !self.0.is_empty()
    }

    /// Goes to the comma behind the present element, or to the end.
    fn leave_element(&mut self) {
        loop {
            self.leave(|byte| !matches!(byte, b',' | b'"'));
            if self.0.first() != Some(&b'"') {
                return;
            }
            if self.quoted().is_none() {
                self.0 = &[];
            }
        }
    }

    /// The value of a parameter whose name was read, if this is one and it ends as elements do.
    fn parameter_value(&mut self) -> Option<Cow<'a, [u8]>> {
        let before = self.0;
        let value = self.after_equals();
        self.leave_blanks();
        if value.is_none() || !matches!(self.0.first(), None | Some(b',')) {
            self.0 = before;
            return None;
        }
        value
    }

    fn after_equals(&mut self) -> Option<Cow<'a, [u8]>> {
        self.leave_blanks();
        self.0 = self.0.strip_prefix(b"=")?;
        self.leave_blanks();
        if self.0.first() == Some(&b'"') { self.quoted() } else { self.token().map(Cow::Borrowed) }
    }

    fn token(&mut self) -> Option<&'a [u8]> {
        let before = self.0;
        self.leave(is_token);
        let token = &before[..before.len() - self.0.len()];
        (!token.is_empty()).then_some(token)
    }

    /// A quoted string (RFC 9110 §5.6.4), from one quote to the other.
    fn quoted(&mut self) -> Option<Cow<'a, [u8]>> {
        let inside = self.0.strip_prefix(b"\"")?;
        let mut plain: Option<Vec<u8>> = None;
        let mut at = 0;
        loop {
            match (inside.get(at)?, &mut plain) {
                (b'"', _) => break,
                (b'\\', plain) => {
                    at += 1;
                    let escaped = *inside.get(at)?;
                    plain.get_or_insert_with(|| inside[..at - 1].to_vec()).push(escaped);
                }
                (byte, Some(plain)) => plain.push(*byte),
                (_, None) => {}
            }
            at += 1;
        }
        self.0 = &inside[at + 1..];
        Some(plain.map_or(Cow::Borrowed(&inside[..at]), Cow::Owned))
    }

    fn leave_blanks(&mut self) {
        self.leave(|byte| matches!(byte, b' ' | b'\t'));
    }

    fn leave(&mut self, what: impl Fn(u8) -> bool) {
        let end = self.0.iter().position(|byte| !what(*byte)).unwrap_or(self.0.len());
        self.0 = &self.0[end..];
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn says(value: &str) -> bool {
        Challenge::all(value.as_bytes()).iter().any(|challenge| challenge.says("Bearer", "invalid_token"))
    }

    #[test]
    fn a_refused_token_is_found_wherever_it_is_said() {
        for value in [
            r#"Bearer error="invalid_token""#,
            r#"Bearer realm="example", error="invalid_token", error_description="The access token expired""#,
            r#"bearer ERROR=invalid_token"#,
            "Bearer realm=\"a \\\" b, Basic\",\terror = \"invalid_token\"",
            r#"Basic realm="simple", Bearer error="invalid_token""#,
            r#"Negotiate YWJjZA==, Bearer error="invalid_token""#,
            r#"Negotiate, Bearer error="invalid_token""#,
            r#",, Bearer , error="invalid_token" ,"#,
            r#"Bearer error="invalid\_token""#,
            r#"Bearer realm=https://api.example/, error="invalid_token""#,
            r#"Bearer error="invalid_token", error_description="never ends"#,
            r#"DPoP algs="ES256 PS256", Bearer error="invalid_token", DPoP error="use_dpop_nonce""#,
        ] {
            assert!(says(value), "{value}");
        }
        assert!(
            Challenge::all(b"Bearer error=\"invalid_token\", error_description=\"\xc3\xbc\"")[0]
                .says("Bearer", "invalid_token")
        );
    }

    #[test]
    fn what_only_looks_like_it_is_not_it() {
        for value in [
            "",
            "Bearer",
            r#"Bearer realm="example""#,
            r#"Bearer error="insufficient_scope""#,
            r#"Basic error="invalid_token""#,
            r#"Bearer, Basic error="invalid_token""#,
            r#"Basic realm="Bearer error=\"invalid_token\"""#,
            r#"Basic realm="x, Bearer error=invalid_token, y""#,
            r#"Bearer error_description="invalid_token""#,
            r#"Bearer error="invalid_token", error="insufficient_scope""#,
            r#"Bearer error="INVALID_TOKEN""#,
            r#"Bearer error="invalid_token"#,
            r#"Bearer error="invalid_token" trailing"#,
            r#"error="invalid_token""#,
            r#"BearerX error="invalid_token""#,
        ] {
            assert!(!says(value), "{value}");
        }
    }

    #[test]
    fn what_is_too_much_is_not_read() {
        assert!(!says(&format!(r#"Bearer realm="{}", error="invalid_token""#, "x".repeat(LONGEST))));
        assert!(!says(&format!(r#"{}Bearer error="invalid_token""#, "Basic, ".repeat(MOST))));
        assert!(says(&format!(r#"{}Bearer error="invalid_token""#, "Basic, ".repeat(MOST - 1))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Challenge::all(&value).len() <= MOST);
        }

        #[test]
        fn any_mix_of_what_matters_is_read_without_harm(value in r#"(Bearer|DPoP|error|invalid_token|[ ,="\\a])*"#) {
            prop_assert!(Challenge::all(value.as_bytes()).len() <= MOST);
        }

        #[test]
        fn whatever_another_scheme_says_in_quotes_is_its_own(text in "[ -~]{0,60}") {
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
            let value = format!(r#"Basic realm="{quoted}", Bearer error="invalid_token""#);
            prop_assert!(says(&value));
            let all_in_quotes = format!(r#"Basic realm="{quoted} Bearer error=invalid_token""#);
            prop_assert!(!says(&all_in_quotes));
        }
    }
}
