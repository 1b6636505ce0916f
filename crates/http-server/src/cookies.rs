//! [`SessionCookie`]: the cookie that names a session, and how cookies are read.

use std::time::Duration;

use cookie::{Cookie, SameSite};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use oidc_session_core::SessionId;

/// The cookie that names a session.
#[derive(Clone, Debug)]
pub(crate) struct SessionCookie {
    name: String,
    secure: bool,
    persist_for: Option<Duration>,
}

/// How long a random session id is as text: 256 bits in base64url.
const ID_LENGTH: usize = 43;

/// The longest time that browsers keep a cookie for.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

impl SessionCookie {
    /// The browser itself sees to it that a cookie with the prefix is for TLS only, and for no other host.
    pub(crate) fn new(name: &str, secure: bool, persist_for: Option<Duration>) -> Self {
        let name = if secure { format!("__Host-{name}") } else { name.to_owned() };
        Self { name, secure, persist_for: persist_for.map(|time| time.min(LONGEST)) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The session that a request names. None if the cookie holds anything but a random id: nobody may ask for a session by
    /// a name that a program chose.
    pub(crate) fn session_id(&self, headers: &HeaderMap) -> Option<SessionId> {
        let value = single(headers, &self.name)?;
        let is_random = value.len() == ID_LENGTH
            && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if is_random { SessionId::named(value).ok() } else { None }
    }

    /// Hands `id` to the browser.
    pub(crate) fn set(&self, id: &SessionId) -> Option<HeaderValue> {
        header(&self.name, id.expose(), self.secure, self.persist_for)
    }

    /// Takes the cookie from the browser.
    pub(crate) fn clear(&self) -> Option<HeaderValue> {
        self.clear_named(&self.name)
    }

    /// Hands a cookie of another name to the browser, for `time`.
    pub(crate) fn set_named(&self, name: &str, value: &str, time: Duration) -> Option<HeaderValue> {
        header(name, value, self.secure, Some(time))
    }

    /// Takes a cookie of another name from the browser.
    pub(crate) fn clear_named(&self, name: &str) -> Option<HeaderValue> {
        header(name, "", self.secure, Some(Duration::ZERO))
    }
}

fn header(name: &str, value: &str, secure: bool, max_age: Option<Duration>) -> Option<HeaderValue> {
    let mut cookie = Cookie::new(name, value);
    cookie.set_path("/");
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Lax);
    cookie.set_secure(secure);
    cookie.set_max_age(max_age.map(|time| time.try_into().unwrap_or(cookie::time::Duration::ZERO)));
    let mut header = HeaderValue::try_from(cookie.to_string()).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// Every cookie of a request as name and value, as they were sent.
pub(crate) fn all(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .into_iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
}

/// The value of a cookie. None if there are two: then somebody else has set one of them.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = all(headers).filter(|(found, _)| *found == name).map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(cookies: &[&str]) -> HeaderMap {
        let headers = cookies.iter().map(|value| (COOKIE, HeaderValue::from_str(value).unwrap()));
        let mut map = HeaderMap::new();
        headers.for_each(|(name, value)| {
            map.append(name, value);
        });
        map
    }

    #[test]
    fn a_session_is_named_by_a_random_id_and_by_nothing_else() {
        let cookie = SessionCookie::new("session", true, None);
        let id = SessionId::random();
        let good = format!("a=b; __Host-session={}; c", id.expose());
        assert_eq!(cookie.session_id(&sent(&[&good])), Some(id.clone()));
        assert_eq!(cookie.session_id(&sent(&["a=b", &good])), Some(id.clone()));
        for bad in [
            String::new(),
            "__Host-session=default".to_owned(),
            format!("session={}", id.expose()),
            format!("__Host-session={}x", id.expose()),
            format!("__Host-session=\"{}\"", id.expose()),
            format!("__Host-session={}; __Host-session={}", id.expose(), SessionId::random().expose()),
            format!("__Host-session={}", "x".repeat(100_000)),
        ] {
            assert_eq!(cookie.session_id(&sent(&[&bad])), None, "{}", &bad[..bad.len().min(80)]);
        }
    }

    #[test]
    fn the_cookie_says_who_may_have_it() {
        let id = SessionId::random();
        let text = |cookie: &SessionCookie| cookie.set(&id).unwrap().to_str().unwrap().replace(id.expose(), "ID");
        let forever = Some(Duration::MAX);
        assert_eq!(
            text(&SessionCookie::new("session", true, None)),
            "__Host-session=ID; HttpOnly; SameSite=Lax; Secure; Path=/"
        );
        assert_eq!(
            text(&SessionCookie::new("session", false, forever)),
            "session=ID; HttpOnly; SameSite=Lax; Path=/; Max-Age=34560000"
        );
        assert!(SessionCookie::new("session", true, None).set(&id).unwrap().is_sensitive());
    }
}
