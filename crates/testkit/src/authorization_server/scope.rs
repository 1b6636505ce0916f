//! [`Scope`]: what a sign-in or a token is good for (RFC 6749 §3.3).

use std::fmt;

/// A set of scope values in the order they were asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Scope(Vec<String>);

impl Scope {
    /// Reads a space-separated list.
    pub(super) fn parse(list: &str) -> Self {
        let mut values: Vec<String> = Vec::new();
        for value in list.split_ascii_whitespace() {
            if !values.iter().any(|known| known == value) {
                values.push(value.to_owned());
            }
        }
        Self(values)
    }

    pub(super) fn contains(&self, value: &str) -> bool {
        self.0.iter().any(|known| known == value)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The values that are `chosen`.
    pub(super) fn keep(&self, chosen: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|value| chosen(value)).cloned().collect())
    }

    /// Adds what it does not hold yet.
    pub(super) fn extend(&mut self, more: &Self) {
        for value in &more.0 {
            if !self.contains(value) {
                self.0.push(value.clone());
            }
        }
    }

    pub(super) fn is_within(&self, wider: &Self) -> bool {
        self.0.iter().all(|value| wider.contains(value))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_set_that_keeps_its_order() {
        let scope = Scope::parse(" openid  profile openid ");
        assert_eq!(scope.to_string(), "openid profile");
        assert!(Scope::parse("profile").is_within(&scope));
        assert!(!Scope::parse("profile email").is_within(&scope));
        assert!(Scope::default().is_within(&scope));
    }
}
