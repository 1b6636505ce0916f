//! [`Nonces`]: what the servers want the next proof to carry.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::header::HeaderMap;
use url::Url;

/// Longer than any nonce in use. It is stored with every session, so there must be an end.
const LONGEST: usize = 1024;

/// The nonce that each server gave last (RFC 9449 §8), by origin.
#[derive(Default)]
pub(crate) struct Nonces(Mutex<BTreeMap<String, String>>);

impl Nonces {
    /// Notes the nonce of an answer from `url`, and returns it. An answer without one changes nothing.
    pub(crate) fn remember(&self, url: &Url, answer: &HeaderMap) -> Option<String> {
        let nonce = nonce(answer)?;
        self.by_origin().insert(origin(url), nonce.to_owned());
        Some(nonce.to_owned())
    }

    /// The nonce that the server of `url` gave last.
    pub(crate) fn last(&self, url: &Url) -> Option<String> {
        self.by_origin().get(&origin(url)).cloned()
    }

    fn by_origin(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_origin().keys()).finish()
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The one `DPoP-Nonce` of an answer, if it is made of the characters of a nonce (RFC 9449 §8.1).
pub(crate) fn nonce(answer: &HeaderMap) -> Option<&str> {
    let mut all = answer.get_all("dpop-nonce").iter();
    let (Some(nonce), None) = (all.next(), all.next()) else { return None };
    let fits = |byte: &u8| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~');
    let nonce = nonce.to_str().ok()?;
    (!nonce.is_empty() && nonce.len() <= LONGEST && nonce.as_bytes().iter().all(fits)).then_some(nonce)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn answer(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| ("dpop-nonce".parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn at(url: &str) -> Url {
        Url::parse(url).unwrap()
    }

    #[test]
    fn the_last_nonce_of_an_origin_counts() {
        let nonces = Nonces::default();
        assert_eq!(nonces.last(&at("https://login.example/token")), None);
        assert_eq!(nonces.remember(&at("https://login.example/token"), &answer(&["n-1"])).as_deref(), Some("n-1"));
        assert_eq!(nonces.remember(&at("https://login.example/device"), &answer(&["n-2"])).as_deref(), Some("n-2"));
        assert_eq!(nonces.remember(&at("https://login.example/token"), &answer(&[])), None);
        assert_eq!(nonces.last(&at("https://login.example:443/other")).as_deref(), Some("n-2"));
        assert_eq!(nonces.last(&at("https://login.example:8443/token")), None);
        assert_eq!(nonces.last(&at("https://api.example/token")), None);
    }

    #[test]
    fn what_is_no_nonce_is_not_kept() {
        let long = "n".repeat(LONGEST + 1);
        for values in [&["n 1"][..], &["n\"1"], &["n\\1"], &[""][..], &["n-1", "n-2"], &[&long]] {
            let nonces = Nonces::default();
            assert_eq!(nonces.remember(&at("https://login.example"), &answer(values)), None, "{values:?}");
            assert_eq!(nonces.last(&at("https://login.example")), None, "{values:?}");
        }
    }

    #[test]
    fn debug_shows_no_nonce() {
        let nonces = Nonces::default();
        nonces.remember(&at("https://login.example"), &answer(&["hidden"]));
        assert_eq!(format!("{nonces:?}"), r#"{"https://login.example"}"#);
    }
}
