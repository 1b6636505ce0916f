//! [`Browser`]: what the tests need of one: cookies, pages, fetches, and a person who signs in.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, SET_COOKIE};
use reqwest::{Client, RequestBuilder, StatusCode, Url};

/// A browser. It follows no redirects by itself.
#[derive(Debug)]
pub(crate) struct Browser {
    http: Client,
    base_url: Url,
    cookies: BTreeMap<String, String>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn at(base_url: &Url) -> Self {
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, base_url: base_url.clone(), cookies: BTreeMap::new() }
    }

    /// Opens a page.
    pub(crate) async fn page(&mut self, path: &str) -> Answer {
        let request = self.http.get(self.base_url.join(path).unwrap());
        self.send(request.header("accept", "text/html").header("sec-fetch-mode", "navigate")).await
    }

    /// Asks as a script of a page does.
    pub(crate) async fn fetch(&mut self, path: &str) -> Answer {
        let request = self.http.get(self.base_url.join(path).unwrap());
        self.send(request.header("accept", "application/json").header("sec-fetch-mode", "cors")).await
    }

    /// Posts as a script of a page does, unless `headers` say otherwise.
    pub(crate) async fn post(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.http.post(self.base_url.join(path).unwrap()).header("accept", "application/json");
        let own = request.try_clone().unwrap().header("sec-fetch-site", "same-origin");
        let others = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(if headers.is_empty() { own } else { others }).await
    }

    /// Signs in, as whoever the authorization server suggests; returns where that leads.
    pub(crate) async fn sign_in(&mut self, return_to: &str) -> String {
        let mut login = self.base_url.join("/auth/login").unwrap();
        login.query_pairs_mut().append_pair("return_to", return_to);
        let sent = self.page(login.as_str()).await;
        let authorize = Url::parse(sent.location().unwrap()).unwrap();
        let form: Vec<(String, String)> = authorize
            .query_pairs()
            .into_owned()
            .chain([("decision".to_owned(), "sign_in".to_owned()), ("subject".to_owned(), "alice".to_owned())])
            .collect();
        let decided = self.http.post(authorize.join("/authorize").unwrap()).form(&form).send().await.unwrap();
        let callback = decided.headers()["location"].to_str().unwrap().to_owned();
        let back = self.page(&callback).await;
        back.location().unwrap().to_owned()
    }

    /// A request with the cookies.
    pub(crate) fn with_cookies(&self, request: RequestBuilder) -> RequestBuilder {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { request } else { request.header("cookie", pairs.join("; ")) }
    }

    /// A request for the events of the session.
    pub(crate) fn events(&self) -> RequestBuilder {
        self.with_cookies(self.http.get(self.base_url.join("/events").unwrap()))
    }

    async fn send(&mut self, request: RequestBuilder) -> Answer {
        let response = self.with_cookies(request).send().await.unwrap();
        for cookie in response.headers().get_all(SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            match rest.split(';').next().unwrap() {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, body: response.text().await.unwrap() }
    }
}

impl Answer {
    pub(crate) fn location(&self) -> Option<&str> {
        self.headers.get("location").map(|location| location.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}
