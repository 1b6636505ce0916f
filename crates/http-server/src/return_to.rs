//! [`ReturnTo`]: an address of this server, and of no other, to send a browser to.

use std::fmt;

use url::Url;

/// A path of this server with its query, as it may stand in a `Location` header. Pure.
///
/// Whatever a link can bring here is text that somebody else wrote. Browsers read `\` as `/`, drop tabs and line ends, and
/// take what begins with two slashes for another host; so does what becomes of `/.//evil.example` once its dots are gone.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct ReturnTo(String);

impl ReturnTo {
    /// The longest address that is remembered, in bytes: it travels in a cookie.
    pub(crate) const LONGEST: usize = 1024;

    /// An address of the server at `base_url`. `None` for anything else.
    pub(crate) fn parse(text: &str, base_url: &Url) -> Option<Self> {
        let is_plain = text.chars().all(|c| !c.is_control() && !c.is_whitespace() && c != '\\');
        if !is_plain || !text.starts_with('/') || text.len() > Self::LONGEST {
            return None;
        }
        let url = base_url.join(text).ok()?;
        let has_same_origin =
            url.origin() == base_url.origin() && url.username().is_empty() && url.password().is_none();
        let path = url[url::Position::BeforePath..].to_owned();
        (has_same_origin && !path.starts_with("//") && path.len() <= Self::LONGEST).then_some(Self(path))
    }

    /// Path, query and fragment.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The path alone.
    pub(crate) fn path(&self) -> &str {
        self.0.split(['?', '#']).next().unwrap_or_default()
    }
}

/// A query can hold anything.
impl fmt::Debug for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReturnTo({:?})", self.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<String> {
        let base_url = Url::parse("https://app.example/").unwrap();
        ReturnTo::parse(text, &base_url).map(|address| address.as_str().to_owned())
    }

    #[test]
    fn paths_of_this_server_are_kept_as_they_are() {
        for text in ["/", "/orders", "/orders?page=2&q=a%20b", "/a/b/?x=//evil.example", "/orders#top", "/%2F%2Fevil"] {
            assert_eq!(parsed(text).as_deref(), Some(text));
        }
        assert_eq!(parsed("/a/../b").as_deref(), Some("/b"));
        assert_eq!(parsed("/ä").as_deref(), Some("/%C3%A4"));
    }

    #[test]
    fn whatever_leads_elsewhere_is_refused() {
        for text in [
            "",
            "orders",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/.//evil.example",
            "/a/..//evil.example",
            "/%2e//evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/orders\r\nSet-Cookie: session=x",
            "/ /evil.example",
            "https://evil.example/",
            "https:/evil.example",
            "javascript:alert(1)",
            "@evil.example",
            ".evil.example",
            "/\u{2028}",
        ] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
        assert_eq!(parsed(&format!("/{}", "x".repeat(ReturnTo::LONGEST))), None);
        assert_eq!(parsed(&format!("/{}", "ä".repeat(ReturnTo::LONGEST / 2 - 1))), None, "long once it is encoded");
    }
}
