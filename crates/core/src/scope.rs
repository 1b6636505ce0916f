//! [`Scopes`]: the `scope` of a request or an answer (RFC 6749 §3.3).

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A set of scope tokens. Order and repetition carry no meaning.
///
/// ```
/// use oidc_session_core::Scopes;
///
/// let scopes = Scopes::parse("openid  offline_access openid");
/// assert!(scopes.contains("offline_access"));
/// assert_eq!(scopes.to_string(), "offline_access openid");
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Scopes(BTreeSet<String>);

impl Scopes {
    /// The scopes of a space-delimited list.
    pub fn parse(list: &str) -> Self {
        Self(list.split_ascii_whitespace().map(str::to_owned).collect())
    }

    /// Whether `scope` is among them.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each scope once, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<'a> FromIterator<&'a str> for Scopes {
    /// Each item is a list of its own: an item with a space in it is two scopes.
    fn from_iter<I: IntoIterator<Item = &'a str>>(scopes: I) -> Self {
        Self(scopes.into_iter().flat_map(str::split_ascii_whitespace).map(str::to_owned).collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{scope}")?;
        }
        Ok(())
    }
}

impl From<String> for Scopes {
    fn from(list: String) -> Self {
        Self::parse(&list)
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> Self {
        scopes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn order_repetition_and_gaps_carry_no_meaning() {
        let scopes = Scopes::parse(" openid\temail  openid\n");
        assert_eq!(scopes, Scopes::parse("email openid"));
        assert_eq!(scopes.iter().collect::<Vec<_>>(), ["email", "openid"]);
        assert!(!scopes.contains("mail") && !scopes.contains("Openid") && !scopes.contains(""));
        assert!(Scopes::parse(" \t").is_empty());
        assert_eq!(Scopes::default().to_string(), "");
    }

    proptest! {
        #[test]
        fn what_is_displayed_parses_to_the_same_scopes(list in "[ -~\t]{0,40}|\\PC{0,40}", more in any::<String>()) {
            for list in [list, more] {
                let scopes = Scopes::parse(&list);
                prop_assert_eq!(Scopes::parse(&scopes.to_string()), scopes.clone());
                prop_assert_eq!(Scopes::from(String::from(scopes.clone())), scopes.clone());
                prop_assert!(scopes.iter().all(|scope| list.contains(scope) && scopes.contains(scope)));
                prop_assert_eq!(scopes.is_empty(), scopes.to_string().is_empty());
            }
        }
    }
}
