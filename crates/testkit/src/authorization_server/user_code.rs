//! [`UserCode`]: what a person types to connect a device (RFC 8628 §6.1).

use std::fmt;

/// No vowels, so that no words come of it; no digits, so that nothing looks alike.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LETTERS: usize = 8;

/// Eight letters out of twenty, written in two groups.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct UserCode(String);

impl UserCode {
    /// Draws a new code.
    pub(super) fn mint() -> Self {
        let mut bits = [0_u8; LETTERS];
        getrandom::fill(&mut bits).expect("the operating system provides random bytes");
        Self(bits.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect())
    }

    /// Whether somebody typed this code: case and punctuation do not matter.
    pub(super) fn is(&self, typed: &str) -> bool {
        let letters = typed.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase());
        letters.eq(self.0.chars())
    }
}

impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at(LETTERS / 2);
        write!(f, "{first}-{second}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_recognised_however_it_is_typed() {
        let code = UserCode::mint();
        assert_eq!(code.to_string().len(), 9);
        for typed in [code.to_string(), code.to_string().to_lowercase(), code.to_string().replace('-', " ")] {
            assert!(code.is(&typed), "{typed}");
        }
        assert!(!code.is(&code.to_string()[..8]) && !code.is(""));
    }
}
