//! [`Hop`]: where a redirect leads, and what of the request goes along (RFC 9110 §15.4).

use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderName, LOCATION, PROXY_AUTHORIZATION,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, Method, StatusCode};
use reqwest::Request;
use url::Url;

/// One redirect that may be followed.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Hop {
    url: Url,
    method: Method,
    keeps_body: bool,
    is_elsewhere: bool,
}

/// What proves who somebody is, and is for one origin.
const CREDENTIALS: [HeaderName; 4] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, HeaderName::from_static("dpop")];
/// What describes a body.
const OF_A_BODY: [HeaderName; 4] = [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING];

impl Hop {
    /// Where an answer to a request leads; `None` if it does not, or to where nobody should follow: from `https` to
    /// `http`, or to what is neither.
    pub(crate) fn of(method: &Method, url: &Url, status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        let (method, keeps_body) = match status.as_u16() {
            307 | 308 => (method.clone(), true),
            301 | 302 if method != Method::POST => (method.clone(), true),
            303 if method == Method::HEAD => (Method::HEAD, false),
            301..=303 => (Method::GET, false),
            _ => return None,
        };
        let mut next = url.join(headers.get(LOCATION)?.to_str().ok()?).ok()?;
        match (url.scheme(), next.scheme()) {
            (_, "https") | ("http", "http") => {}
            _ => return None,
        }
        // A client would make an `Authorization` header of them. Both fail only for addresses that cannot have them.
        let _ = next.set_username("");
        let _ = next.set_password(None);
        let is_elsewhere = next.origin() != url.origin();
        Some(Self { url: next, method, keeps_body, is_elsewhere })
    }

    pub(crate) fn keeps_body(&self) -> bool {
        self.keeps_body
    }

    /// The request at its next address.
    pub(crate) fn apply(self, mut request: Request) -> Request {
        *request.url_mut() = self.url;
        *request.method_mut() = self.method;
        if !self.keeps_body {
            *request.body_mut() = None;
            OF_A_BODY.iter().for_each(|name| drop(request.headers_mut().remove(name)));
        }
        if self.is_elsewhere {
            CREDENTIALS.iter().for_each(|name| drop(request.headers_mut().remove(name)));
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const FROM: &str = "https://api.example/v1/things?q=1";

    fn hop(method: Method, from: &str, status: u16, location: &'static str) -> Option<Hop> {
        let headers = [(LOCATION, HeaderValue::from_static(location))].into_iter().collect();
        Hop::of(&method, &Url::parse(from).unwrap(), StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn the_method_is_that_of_the_standard() {
        for (status, method, next, keeps_body) in [
            (301, Method::POST, Method::GET, false),
            (302, Method::POST, Method::GET, false),
            (301, Method::PUT, Method::PUT, true),
            (302, Method::GET, Method::GET, true),
            (303, Method::PUT, Method::GET, false),
            (303, Method::HEAD, Method::HEAD, false),
            (307, Method::POST, Method::POST, true),
            (308, Method::DELETE, Method::DELETE, true),
        ] {
            let hop = hop(method.clone(), FROM, status, "/next").unwrap();
            assert_eq!((hop.method, hop.keeps_body), (next, keeps_body), "{status} {method}");
        }
    }

    #[test]
    fn what_leads_nowhere_good_is_not_followed() {
        for location in ["http://api.example/", "ftp://api.example/", "javascript:alert(1)", "data:,x", "https://"] {
            assert_eq!(hop(Method::GET, FROM, 302, location), None, "{location}");
        }
        for status in [200, 300, 304, 305, 306, 401] {
            assert_eq!(hop(Method::GET, FROM, status, "/next"), None, "{status}");
        }
        let url = Url::parse(FROM).unwrap();
        assert_eq!(Hop::of(&Method::GET, &url, StatusCode::FOUND, &HeaderMap::new()), None);
    }

    #[test]
    fn an_address_is_relative_to_the_last_and_brings_no_user() {
        for (location, url, is_elsewhere) in [
            ("next", "https://api.example/v1/next", false),
            ("//api.example:443/x", "https://api.example/x", false),
            ("https://api.example:8443/", "https://api.example:8443/", true),
            ("https://api.example@evil.example/", "https://evil.example/", true),
            ("//user:pw@api.example/", "https://api.example/", false),
            ("\\\\evil.example/", "https://evil.example/", true),
        ] {
            let hop = hop(Method::GET, FROM, 302, location).unwrap();
            assert_eq!((hop.url.as_str(), hop.is_elsewhere), (url, is_elsewhere), "{location}");
        }
    }
}
