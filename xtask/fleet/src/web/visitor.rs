//! [`Visitor`]: a browser that follows redirects and keeps cookies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use oidc_session::SessionId;
use reqwest::header::{ACCEPT, COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response};
use serde_json::Value;
use url::Url;

use crate::{Result, ensure};

/// For one request, on a slow machine with two hundred of them.
const PATIENCE: Duration = Duration::from_secs(30);

/// A sign-in takes four redirects.
const MOST_REDIRECTS: usize = 10;

/// A browser that follows redirects and keeps cookies. Clones are its tabs: they share them.
///
/// Every request has a connection of its own, so that the load balancer has a say in each.
#[derive(Clone)]
pub(crate) struct Visitor {
    client: Client,
    // Of the host 127.0.0.1: cookies do not care for ports.
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
}

/// What a web process answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    location: Option<String>,
    body: Value,
}

impl Visitor {
    pub(crate) fn new() -> Result<Self> {
        let client = Client::builder().redirect(Policy::none()).pool_max_idle_per_host(0).no_proxy().timeout(PATIENCE);
        Ok(Self { client: client.build()?, cookies: Arc::default() })
    }

    /// A browser with a copy of the cookies, which keeps them whatever becomes of these.
    pub(crate) fn copied(&self) -> Self {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { client: self.client.clone(), cookies: Arc::new(Mutex::new(cookies)) }
    }

    /// What the cookie of the session names.
    pub(crate) fn session_id(&self) -> Result<SessionId> {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(SessionId::named(cookies.get("session").ok_or("the visitor has no session")?)?)
    }

    /// Opens a page as a person does, and follows every redirect.
    pub(crate) async fn follow(&self, url: Url) -> Result<Answer> {
        let mut url = url;
        for _ in 0..MOST_REDIRECTS {
            let answer = self.send(Method::GET, url.clone(), "text/html").await?;
            match &answer.location {
                Some(location) => url = url.join(location)?,
                None => return Ok(answer),
            }
        }
        Err(format!("more than {MOST_REDIRECTS} redirects").into())
    }

    /// Fetches, as a script does.
    pub(crate) async fn get(&self, url: Url) -> Result<Answer> {
        self.send(Method::GET, url, "application/json").await
    }

    /// Posts nothing, as a script does.
    pub(crate) async fn post(&self, url: Url) -> Result<Answer> {
        self.send(Method::POST, url, "application/json").await
    }

    async fn send(&self, method: Method, url: Url, accept: &str) -> Result<Answer> {
        let request = self.client.request(method, url).header(ACCEPT, accept).header(COOKIE, self.cookies_sent());
        // A URL may hold a code.
        let response = request.send().await.map_err(reqwest::Error::without_url)?;
        self.keep(&response);
        let (status, headers) = (response.status().as_u16(), response.headers());
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = response.bytes().await.map_err(reqwest::Error::without_url)?;
        Ok(Answer { status, location, body: serde_json::from_slice(&body).unwrap_or_default() })
    }

    fn cookies_sent(&self) -> String {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep(&self, response: &Response) {
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        for header in response.headers().get_all(SET_COOKIE) {
            let pair = header.to_str().ok().and_then(|header| header.split(';').next()?.split_once('='));
            match pair {
                Some((name, "")) => drop(cookies.remove(name)),
                Some((name, value)) => drop(cookies.insert(name.to_owned(), value.to_owned())),
                None => {}
            }
        }
    }
}

impl Answer {
    /// Fails unless the status is this one.
    pub(crate) fn says(self, status: u16) -> Result<Self> {
        // Not the body: it may hold more than its error.
        ensure(self.status == status, || {
            format!("a web process answered {} {}, not {status}", self.status, self.text("error").unwrap_or_default())
        })?;
        Ok(self)
    }

    /// A text of the answer.
    pub(crate) fn text(&self, field: &str) -> Option<String> {
        self.body[field].as_str().map(str::to_owned)
    }

    /// A number of the answer.
    pub(crate) fn number(&self, field: &str) -> Result<i64> {
        Ok(self.body[field].as_i64().ok_or_else(|| format!("an answer has no {field}"))?)
    }

    /// What the protected API answered.
    pub(crate) fn api_subject(&self) -> Option<&str> {
        self.body["answer"]["sub"].as_str()
    }
}
