//! The third-party OpenID provider: `xtask/e2e/provider.mjs`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::checks::ensure;
use super::http::{self, Answer};
use super::launcher::{Launcher, Server};
use super::node::Node;
use super::process::Process;
use super::session::text;
use crate::Result;

/// Who signs in.
pub(super) const SUBJECT: &str = "end-user-1";

const LAUNCHER: Launcher = Launcher { name: "provider", arguments: &[] };

const CONVERSATION: Duration = Duration::from_secs(60);

/// A running provider; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Provider {
    /// Its issuer URL.
    pub(super) issuer: String,
    server: Server,
}

impl Provider {
    /// Installs and starts the provider in a folder of `target`.
    pub(super) fn start(node: &Node, target: &Path, web_app_secret: &str) -> Result<Self> {
        let environment = [("E2E_SUBJECT", SUBJECT), ("E2E_WEB_APP_SECRET", web_app_secret)];
        let server = LAUNCHER.start(node, target, &environment)?;
        Ok(Self { issuer: server.issuer()?, server })
    }

    /// What it said a client needs.
    pub(super) fn announced(&self) -> &Value {
        &self.server.announced
    }

    /// A counter of `/_admin/counters`.
    pub(super) fn count(&self, name: &str) -> Result<u64> {
        self.server.count(name)
    }

    /// Has the end user's browser, which keeps its cookies, open a page and confirm whatever it asks. Returns the URL and
    /// the status of where it ended.
    pub(super) fn visit(&self, url: &str) -> Result<(String, u16)> {
        let ended = self.server.administer(&format!("visit?{}", http::form(&[("url", url)])))?;
        let status = ended["status"].as_u64().and_then(|status| status.try_into().ok());
        Ok((text(&ended, "url")?, status.ok_or("the browser ended without a page")?))
    }

    /// The cookies that this browser sends to a URL.
    pub(super) fn cookies_of(&self, url: &str) -> Result<String> {
        text(&self.server.administer(&format!("cookies?{}", http::form(&[("url", url)])))?, "cookies")
    }

    /// Has `client` told of logouts at `uri`.
    pub(super) fn name_logout_uri(&self, client: &str, uri: &str) -> Result {
        self.server.administer(&format!("logout-uri?{}", http::form(&[("client", client), ("uri", uri)]))).map(drop)
    }

    /// Every logout token issued for `client` so far, oldest first.
    pub(super) fn logout_tokens(&self, client: &str) -> Result<Vec<String>> {
        let listed = self.server.administer(&format!("logout-tokens?{}", http::form(&[("client", client)])))?;
        let tokens = listed["tokens"].as_array().ok_or("the provider lists no logout tokens")?;
        Ok(tokens.iter().filter_map(|token| token.as_str().map(str::to_owned)).collect())
    }

    /// Revokes every grant, as an administrator would.
    pub(super) fn revoke_all(&self) -> Result {
        self.server.administer("revoke-all").map(drop)
    }

    /// Every secret issued so far: codes, access, refresh and ID tokens.
    pub(super) fn issued(&self) -> Result<Vec<String>> {
        self.server.secrets("issued")
    }

    /// Every refresh token issued so far, oldest first.
    pub(super) fn refresh_tokens(&self) -> Result<Vec<String>> {
        self.server.secrets("refresh_tokens")
    }

    /// What the userinfo endpoint answers to the bearer of `access_token`.
    pub(super) fn userinfo(&self, access_token: &str) -> Result<Value> {
        let answer =
            http::fetch(&format!("{}/me", self.issuer), &[("authorization", &format!("Bearer {access_token}"))])?;
        ensure(answer.status == 200, || format!("userinfo answered {}", answer.status))?;
        answer.json()
    }

    /// Presents a refresh token, as a thief would.
    pub(super) fn present(&self, refresh_token: &str, client_id: &str) -> Result<Answer> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("client_id", client_id)];
        http::post(&format!("{}/token", self.issuer), &form)
    }
}

/// Lets a client that is not ours talk to a provider of its own, about everything that `provider.mjs` offers.
pub(super) fn check_conversation(node: &Node, target: &Path, web_app_secret: &str) -> Result {
    let environment = [("E2E_SUBJECT", SUBJECT), ("E2E_WEB_APP_SECRET", web_app_secret)];
    let server = LAUNCHER.start(node, target, &environment)?;
    let mut command = Command::new("node");
    command.arg("provider-check.mjs").current_dir(target.join(LAUNCHER.name));
    command.env("E2E_ANNOUNCED", server.announced.to_string()).envs(environment);
    let ended = Process::start(&mut command, |_| false)?.ended(CONVERSATION)?;
    ensure(ended.status.success(), || ended.stderr)
}
