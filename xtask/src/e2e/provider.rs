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
