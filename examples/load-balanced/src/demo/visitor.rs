//! [`Visitor`]: a browser that follows redirects and keeps cookies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response};
use serde_json::Value;
use tokio::time::{sleep, timeout};
use url::Url;

use crate::Result;

const PATIENCE: Duration = Duration::from_secs(30);
const MOST_REDIRECTS: usize = 10;

/// A browser. Clones are its tabs: they share their cookies.
///
/// Every request has a connection of its own, so that the load balancer has a say in each.
#[derive(Clone)]
pub(super) struct Visitor {
    client: Client,
    base_url: Url,
    // Of the host 127.0.0.1: cookies do not care for ports.
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
}

/// An answer with the JSON that was in it, if any.
pub(super) struct Answer {
    pub(super) status: u16,
    location: Option<String>,
    pub(super) body: Value,
}

impl Visitor {
    pub(super) fn new(base_url: &Url) -> Result<Self> {
        let client = Client::builder().redirect(Policy::none()).pool_max_idle_per_host(0).no_proxy().timeout(PATIENCE);
        Ok(Self { client: client.build()?, base_url: base_url.clone(), cookies: Arc::default() })
    }

    /// Somebody who kept a copy of the cookies.
    pub(super) fn copied(&self) -> Self {
        Self { cookies: Arc::new(Mutex::new(self.jar().clone())), ..self.clone() }
    }

    /// What the cookie of the session holds.
    pub(super) fn session_cookie(&self) -> Result<String> {
        Ok(self.jar().get("session").ok_or("the visitor has no session")?.clone())
    }

    /// Opens a page as a person does, and follows every redirect.
    pub(super) async fn follow(&self, path: &str) -> Result<Answer> {
        let mut url = self.base_url.join(path)?;
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
    pub(super) async fn fetch(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, self.base_url.join(path)?, "application/json").await
    }

    /// Posts nothing, as a script does.
    pub(super) async fn post(&self, path: &str) -> Result<Answer> {
        self.send(Method::POST, self.base_url.join(path)?, "application/json").await
    }

    /// Asks until the answer is 401: news of a logout needs a moment to reach the other instance.
    pub(super) async fn is_turned_away(&self, path: &str) -> Result {
        let asking = async {
            while self.fetch(path).await?.status != 401 {
                sleep(Duration::from_millis(1)).await;
            }
            Ok(())
        };
        timeout(PATIENCE, asking).await.map_err(|_| "a logout is not heard of")?
    }

    async fn send(&self, method: Method, url: Url, accept: &str) -> Result<Answer> {
        let cookies = self.jar().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let request = self.client.request(method, url).header(ACCEPT, accept).header(COOKIE, cookies);
        let response = request.send().await.map_err(reqwest::Error::without_url)?;
        self.keep(&response);
        let status = response.status().as_u16();
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = response.bytes().await.map_err(reqwest::Error::without_url)?;
        Ok(Answer { status, location, body: serde_json::from_slice(&body).unwrap_or_default() })
    }

    fn keep(&self, response: &Response) {
        for header in response.headers().get_all(SET_COOKIE) {
            match header.to_str().ok().and_then(|header| header.split(';').next()?.split_once('=')) {
                Some((name, "")) => drop(self.jar().remove(name)),
                Some((name, value)) => drop(self.jar().insert(name.to_owned(), value.to_owned())),
                None => {}
            }
        }
    }

    fn jar(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    /// Fails unless the status is this one.
    pub(super) fn expect(self, status: u16) -> Result<Self> {
        if self.status == status {
            return Ok(self);
        }
        Err(format!("an instance answered {}, not {status}: {}", self.status, self.body["error"]).into())
    }
}
