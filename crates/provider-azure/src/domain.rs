//! Domain names, as tenants are named by them.

/// The labels of a domain name in lower case, or `None` if this is none. A single label is enough.
pub(crate) fn domain(text: &str) -> Option<String> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (text.len() <= 253 && text.split('.').all(is_label)).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_change_an_address_is_no_domain() {
        assert_eq!(domain("Contoso.OnMicrosoft.com").as_deref(), Some("contoso.onmicrosoft.com"));
        assert_eq!(domain("contoso").as_deref(), Some("contoso"));
        let long = "a".repeat(64);
        for text in
            ["", ".", "contoso.", ".com", "a..b", "a/b", "a@b", "a:1", "a b", "-a", "a-", "ä.com", "a%2f", "a_b", &long]
        {
            assert_eq!(domain(text), None, "{text}");
        }
    }
}
