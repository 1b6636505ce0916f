//! Just enough HTTP to talk to a server on loopback.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::Result;

const PATIENCE: Duration = Duration::from_secs(20);

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status code.
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    /// Every value of a header, in order.
    pub(super) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.body).map_err(|error| format!("status {}, not JSON: {error}", self.status))?)
    }
}

/// Fetches `url`, which starts with `http://` and a loopback address.
pub(super) fn fetch(url: &str, headers: &[(&str, &str)]) -> Result<Answer> {
    send("GET", url, headers, "")
}

/// Posts a form.
pub(super) fn post(url: &str, form: &[(&str, &str)]) -> Result<Answer> {
    send("POST", url, &[("content-type", "application/x-www-form-urlencoded")], &self::form(form))
}

/// Fields as a form or a query has them.
pub(super) fn form(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
}

/// Fetches JSON.
pub(super) fn fetch_json(url: &str) -> Result<Value> {
    fetch(url, &[])?.json()
}

/// The part of `url` before its path.
pub(super) fn origin(url: &str) -> &str {
    let path = url.find("://").and_then(|at| url[at + 3..].find(['/', '?']).map(|length| at + 3 + length));
    &url[..path.unwrap_or(url.len())]
}

fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Result<Answer> {
    let origin = origin(url);
    let authority = origin.strip_prefix("http://").ok_or_else(|| format!("not an http URL: {origin}"))?;
    let target = match &url[origin.len()..] {
        "" => "/",
        target => target.split('#').next().unwrap_or("/"),
    };
    let mut request = format!("{method} {target} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n");
    for (name, value) in headers {
        write!(request, "{name}: {value}\r\n")?;
    }
    write!(request, "content-length: {}\r\n\r\n{body}", body.len())?;
    let answer = exchange(authority, &request).map_err(|error| format!("{method} {origin}: {error}"))?;
    parse(&answer).ok_or_else(|| format!("{method} {origin}: the answer is not HTTP").into())
}

fn exchange(authority: &str, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    Some(Answer { status, headers, body: body.to_owned() })
}

fn encoded(value: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(byte.into()),
            // Writing to a string cannot fail.
            _ => _ = write!(text, "%{byte:02X}"),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_ends_before_the_path_or_query() {
        for url in
            ["http://127.0.0.1:80", "http://127.0.0.1:80/", "http://127.0.0.1:80/a/b?c=/", "http://127.0.0.1:80?a"]
        {
            assert_eq!(origin(url), "http://127.0.0.1:80");
        }
    }

    #[test]
    fn an_answer_is_status_headers_and_body() {
        let answer = parse("HTTP/1.1 303 See Other\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n\r\n{}").unwrap();
        assert_eq!(answer.status, 303);
        assert_eq!(answer.headers("set-cookie").collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert_eq!(answer.json().unwrap(), serde_json::json!({}));
    }

    #[test]
    fn form_values_are_percent_encoded() {
        assert_eq!(encoded("http://a b"), "http%3A%2F%2Fa%20b");
    }
}
