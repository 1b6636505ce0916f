//! [`Server`]: a server that is not ours, and what the checks may ask of it beside the protocol.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_session::ClientSecret;
use reqwest::redirect;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::checks::{Result, ensure};

/// The variable in which `cargo xtask e2e` tells of the server, as JSON.
const VARIABLE: &str = "E2E_SERVER";

/// A server that is not ours.
#[derive(Debug, Deserialize)]
pub(crate) struct Server {
    /// Which checks to run.
    pub(crate) checks: String,
    /// What its launcher announced.
    announced: Value,
    /// Where sessions may be kept.
    pub(crate) folder: PathBuf,
    /// The secret of the clients that have a plain one.
    secret: String,
}

impl Server {
    /// The server that `cargo xtask e2e` tells of.
    pub(crate) fn announced() -> Result<Self> {
        let text =
            std::env::var(VARIABLE).map_err(|_| format!("{VARIABLE} is not set: this is for cargo xtask e2e"))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// A text among what was announced, by its JSON pointer.
    pub(crate) fn text(&self, pointer: &str) -> Result<&str> {
        let value = self.announced.pointer(pointer).and_then(Value::as_str);
        Ok(value.ok_or_else(|| format!("the server announced no {pointer}"))?)
    }

    /// Its issuer.
    pub(crate) fn issuer(&self) -> Result<&str> {
        self.text("/issuer")
    }

    /// The secret of the clients that have a plain one.
    pub(crate) fn secret(&self) -> ClientSecret {
        ClientSecret::new(&self.secret)
    }

    /// Does what only an administrator or a test may: `/_admin/...`.
    pub(crate) async fn administer(&self, action: &str, query: &[(&str, &str)]) -> Result<Value> {
        let url = Url::parse(self.issuer()?)?.join(&format!("/_admin/{action}"))?;
        let url = Url::parse_with_params(url.as_str(), query)?;
        let answer = http()?.get(url).send().await?.error_for_status()?;
        Ok(serde_json::from_slice(&answer.bytes().await?)?)
    }

    /// One of its counters.
    pub(crate) async fn count(&self, name: &str) -> Result<u64> {
        let counters = self.administer("counters", &[]).await?;
        Ok(counters[name].as_u64().ok_or_else(|| format!("the server counts no {name}"))?)
    }

    /// Fails unless a counter says `expected`.
    pub(crate) async fn has_counted(&self, name: &str, expected: u64) -> Result {
        let counted = self.count(name).await?;
        ensure(counted == expected, || format!("the server counted {counted} {name}, not {expected}"))
    }

    /// Lets the end user open a page, say yes to everything, and go where that leads.
    pub(crate) async fn visit(&self, url: &Url) -> Result<Url> {
        self.browse(&[("url", url.as_str())]).await
    }

    /// Lets the end user open a page and say no.
    pub(crate) async fn refuse(&self, url: &Url) -> Result<Url> {
        self.browse(&[("url", url.as_str()), ("refuse", "")]).await
    }

    async fn browse(&self, query: &[(&str, &str)]) -> Result<Url> {
        let ended = self.administer("visit", query).await?;
        Ok(Url::parse(ended["url"].as_str().ok_or("the visit ended nowhere")?)?)
    }
}

/// Where one request to `url` is redirected to; `None` if it is answered by a page.
pub(crate) async fn redirected(url: &Url) -> Result<Option<String>> {
    let answer = http()?.get(url.clone()).send().await?;
    ensure(answer.status().as_u16() < 400, || format!("{} answered {}", url.path(), answer.status()))?;
    Ok(answer.headers().get("location").map(|location| location.to_str().map(str::to_owned)).transpose()?)
}

/// A client for servers on loopback.
pub(crate) fn http() -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder().no_proxy().tls_backend_rustls().tls_certs_only([]);
    Ok(builder.redirect(redirect::Policy::none()).build()?)
}

/// The claims of a JWT, whoever signed it.
pub(crate) fn claims(jwt: &str) -> Result<Value> {
    let payload = jwt.split('.').nth(1).ok_or("not a JWT")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}
