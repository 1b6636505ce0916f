//! Whether another site made the browser send a request. Pure.

use http::header::ORIGIN;
use http::{HeaderMap, Method};
use url::Url;

/// Whether a request that could change something was sent by a page of another site, as the browser tells.
///
/// `Sec-Fetch-Site` is what no page can set. Where it is missing, an old browser still sends `Origin` with such requests;
/// who sends neither is no browser, and has no cookie that it did not choose to send.
pub(crate) fn is_cross_site_change(method: &Method, headers: &HeaderMap, base_url: &Url) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE) {
        return false;
    }
    let mut sites = headers.get_all("sec-fetch-site").iter().peekable();
    if sites.peek().is_some() {
        // `none`: a person did it, without any page.
        return !sites.all(|site| site == "same-origin" || site == "none");
    }
    let is_own = |origin: &http::HeaderValue| {
        origin
            .to_str()
            .ok()
            .and_then(|origin| Url::parse(origin).ok())
            .is_some_and(|url| url.origin() == base_url.origin())
    };
    !headers.get_all(ORIGIN).iter().all(is_own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_site_sends_is_told_from_what_our_pages_send() {
        let base_url = Url::parse("https://app.example/").unwrap();
        for (method, headers, expected) in [
            (Method::GET, &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")][..], false),
            (Method::POST, &[], false),
            (Method::POST, &[("sec-fetch-site", "same-origin")], false),
            (Method::POST, &[("sec-fetch-site", "none")], false),
            (Method::POST, &[("sec-fetch-site", "same-site")], true),
            (Method::POST, &[("sec-fetch-site", "cross-site")], true),
            (Method::POST, &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], true),
            (Method::POST, &[("sec-fetch-site", "whatever")], true),
            (Method::PUT, &[("origin", "https://app.example")], false),
            (Method::PUT, &[("origin", "https://app.example:443")], false),
            (Method::DELETE, &[("origin", "http://app.example")], true),
            (Method::DELETE, &[("origin", "https://app.example:8443")], true),
            (Method::PATCH, &[("origin", "https://app.example.evil.example")], true),
            (Method::POST, &[("origin", "null")], true),
            (Method::POST, &[("origin", "")], true),
            (Method::POST, &[("origin", "https://app.example"), ("origin", "https://evil.example")], true),
        ] {
            let mut map = HeaderMap::new();
            headers.iter().for_each(|(name, value)| {
                map.append(*name, value.parse().unwrap());
            });
            assert_eq!(is_cross_site_change(&method, &map, &base_url), expected, "{method} {headers:?}");
        }
    }
}
