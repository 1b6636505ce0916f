//! [`Guid`]: the id of a tenant.

/// The id of a tenant, in lower case as the servers write it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Guid(String);

impl Guid {
    /// The tenant of personal Microsoft accounts (Microsoft identity platform, "OpenID Connect").
    pub(crate) const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

    /// Reads the form `11111111-2222-3333-4444-555555555555`, in any case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_hyphen = |index| matches!(index, 8 | 13 | 18 | 23);
        let is_guid = text.len() == 36
            && text.bytes().enumerate().all(
                |(index, byte)| {
                    if is_hyphen(index) { byte == b'-' } else { byte.is_ascii_hexdigit() }
                },
            );
        is_guid.then(|| Self(text.to_ascii_lowercase()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_form_is_a_guid() {
        let guid = Guid::parse("AAAAAAAA-bbbb-CCCC-dddd-0123456789EF").unwrap();
        assert_eq!(guid.as_str(), "aaaaaaaa-bbbb-cccc-dddd-0123456789ef");
        for text in [
            "",
            "common",
            "aaaaaaaabbbbccccdddd0123456789ef",
            "{aaaaaaaa-bbbb-cccc-dddd-0123456789ef}",
            "aaaaaaaa-bbbb-cccc-dddd-0123456789eg",
            "aaaaaaaa-bbbb-cccc-dddd-0123456789e",
            "aaaaaaaa-bbbb-cccc-dddd-0123456789ef ",
            "aaaaaaaabbbbb-cccc-dddd-0123456789ef",
            "äaaaaaaa-bbb-cccc-dddd-0123456789ef",
        ] {
            assert_eq!(Guid::parse(text), None, "{text}");
        }
    }
}
