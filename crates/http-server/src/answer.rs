//! [`Answer`]: what is said to a browser without asking the application.

use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, StatusCode};

/// An answer of a few words. No cache may keep it.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn new(status: StatusCode) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("Cookie"));
        Self { status, headers, body: String::new() }
    }

    /// Sends the browser to an address that was checked.
    pub(crate) fn redirect(location: &str) -> Self {
        // Whatever the address is, it is no reason to fail: `/` is always there.
        let location = HeaderValue::try_from(location).unwrap_or(HeaderValue::from_static("/"));
        Self::new(StatusCode::SEE_OTHER).with(LOCATION, location)
    }

    /// One JSON object.
    pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Self {
        let mut answer = Self::new(status).with(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        answer.body = body.to_string();
        answer
    }

    /// A page with a heading, a sentence, and the way on.
    pub(crate) fn page(status: StatusCode, heading: &str, sentence: &str, way_on: Option<(&str, &str)>) -> Self {
        let mut answer = Self::new(status)
            .with(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))
            .with(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
        let way_on = way_on.map_or(String::new(), |(words, path)| {
            format!("<p><a href=\"{}\">{}</a></p>", escaped(path), escaped(words))
        });
        let (heading, sentence) = (escaped(heading), escaped(sentence));
        answer.body = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>{heading}</title>\
             <h1>{heading}</h1><p>{sentence}</p>{way_on}</html>"
        );
        answer
    }

    /// Nothing but a status.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self::new(status)
    }

    /// RFC 9110 asks for a challenge with each 401; a session's is answered by a sign-in.
    pub(crate) fn with_challenge(self) -> Self {
        self.with(WWW_AUTHENTICATE, HeaderValue::from_static("Cookie realm=\"session\""))
    }

    pub(crate) fn with_retry_after(self, seconds: u64) -> Self {
        self.with(RETRY_AFTER, HeaderValue::from(seconds))
    }

    pub(crate) fn with(mut self, name: http::HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// The same answer for any kind of body.
    pub(crate) fn into_http<B: From<String>>(self) -> http::Response<B> {
        let mut response = http::Response::new(B::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        self.into_http()
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_quotes_nothing_as_markup() {
        let page = Answer::page(StatusCode::OK, "<b>", "a & \"b\"", Some(("'x'", "/?a=\"><script>")));
        assert!(!page.body.contains("<b>") && !page.body.contains("<script>"), "{}", page.body);
        assert!(page.body.contains("href=\"/?a=&quot;&gt;&lt;script&gt;\""));
    }
}
