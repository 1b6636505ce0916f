//! The end user's browser: follows redirects and keeps cookies.

use std::collections::HashMap;

use super::http;
use crate::Result;

/// A sign-in takes five redirects; a loop takes more than these.
const MOST_REDIRECTS: usize = 20;

/// Opens `url` and follows redirects, with fresh cookies, up to a page; returns the page's URL and status.
pub(super) fn visit(url: &str) -> Result<(String, u16)> {
    let mut cookies = Cookies::default();
    let mut url = url.to_owned();
    for _ in 0..MOST_REDIRECTS {
        let origin = http::origin(&url).to_owned();
        let cookie = cookies.header(&origin);
        let answer = http::fetch(&url, &[("cookie", &cookie), ("accept", "text/html")])?;
        answer.headers("set-cookie").for_each(|cookie| cookies.set(&origin, cookie));
        match answer.headers("location").next() {
            Some(path) if path.starts_with('/') => url = format!("{origin}{path}"),
            Some(location) => location.clone_into(&mut url),
            None => return Ok((url, answer.status)),
        }
    }
    Err(format!("more than {MOST_REDIRECTS} redirects").into())
}

/// Cookies by origin. Paths and lifetimes do not matter within one sign-in.
#[derive(Debug, Default)]
struct Cookies(HashMap<String, HashMap<String, String>>);

impl Cookies {
    fn set(&mut self, origin: &str, header: &str) {
        let pair = header.split(';').next().unwrap_or_default();
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let jar = self.0.entry(origin.to_owned()).or_default();
        if value.is_empty() {
            jar.remove(name.trim());
        } else {
            jar.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }

    fn header(&self, origin: &str) -> String {
        let pairs = self.0.get(origin).into_iter().flatten();
        pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_stay_at_their_origin_until_emptied() {
        let mut cookies = Cookies::default();
        cookies.set("http://one", "a=1; path=/; httponly");
        assert_eq!(cookies.header("http://one"), "a=1");
        assert_eq!(cookies.header("http://two"), "");
        cookies.set("http://one", "a=; expires=Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(cookies.header("http://one"), "");
    }
}
