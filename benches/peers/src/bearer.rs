use http::HeaderValue;

/// The header value of `token`, as programs build it whose crate hands out the token alone.
pub(crate) fn bearer(token: &str) -> HeaderValue {
    let mut header = HeaderValue::from_str(&format!("Bearer {token}")).expect("a token of letters");
    header.set_sensitive(true);
    header
}
