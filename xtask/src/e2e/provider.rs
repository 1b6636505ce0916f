//! The third-party provider: `xtask/e2e/provider.mjs`, installed under `target/e2e`, running on loopback.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::checks::ensure;
use super::http::{self, Answer};
use super::node::Node;
use super::process::Process;
use crate::command_line::CommandLine;
use crate::{Result, workspace};

const PATIENCE: Duration = Duration::from_secs(60);
const FILES: [&str; 4] = ["package.json", "package-lock.json", ".npmrc", "provider.mjs"];

/// Who signs in.
pub(super) const SUBJECT: &str = "end-user-1";

/// A running provider; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Provider {
    /// Its issuer URL.
    pub(super) issuer: String,
    _process: Process,
}

impl Provider {
    /// Installs what the lockfile pins in `folder`, unless it is there, and starts the provider.
    pub(super) fn start(_node: &Node, folder: &Path, web_app_secret: &str) -> Result<Self> {
        install(folder)?;
        let mut command = Command::new("node");
        command.arg("provider.mjs").current_dir(folder);
        command.env("E2E_SUBJECT", SUBJECT).env("E2E_WEB_APP_SECRET", web_app_secret);
        let process = Process::start(&mut command, |line| line.starts_with('{'))?;
        let Some(line) = process.announced(PATIENCE)? else {
            return Err(format!("the provider did not start: {}", process.ended(PATIENCE)?.stderr).into());
        };
        let announced: Value = serde_json::from_str(&line)?;
        let issuer = announced["issuer"].as_str().ok_or("the provider announced no issuer")?.to_owned();
        Ok(Self { issuer, _process: process })
    }

    /// A counter of `/_admin/counters`.
    pub(super) fn count(&self, name: &str) -> Result<u64> {
        let counters = self.administer("counters")?;
        Ok(counters[name].as_u64().ok_or_else(|| format!("the provider counts no {name}"))?)
    }

    /// Revokes every grant, as an administrator would.
    pub(super) fn revoke_all(&self) -> Result {
        self.administer("revoke-all").map(drop)
    }

    /// Every secret issued so far: codes, access, refresh and ID tokens.
    pub(super) fn issued(&self) -> Result<Vec<String>> {
        self.secrets("issued")
    }

    /// Every refresh token issued so far, oldest first.
    pub(super) fn refresh_tokens(&self) -> Result<Vec<String>> {
        self.secrets("refresh_tokens")
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

    fn secrets(&self, name: &str) -> Result<Vec<String>> {
        let secrets = self.administer("secrets")?;
        let values = secrets[name].as_array().ok_or("the provider lists no secrets")?;
        Ok(values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect())
    }

    fn administer(&self, action: &str) -> Result<Value> {
        http::fetch_json(&format!("{}/_admin/{action}", self.issuer))
    }
}

/// Nothing is written to the source tree: the files are copied to `folder` and the packages installed there.
fn install(folder: &Path) -> Result {
    let source = workspace::root()?.join("xtask/e2e");
    let pinned = fs::read_to_string(source.join("package-lock.json"))?;
    let complete = folder.join("node_modules/.installed-from");
    fs::create_dir_all(folder)?;
    for file in FILES {
        fs::copy(source.join(file), folder.join(file))?;
    }
    if fs::read_to_string(&complete).is_ok_and(|lock| lock == pinned) {
        return Ok(());
    }
    let prefix = folder.to_str().ok_or("the target folder is not UTF-8")?;
    CommandLine::new(
        "npm",
        ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", prefix],
    )
    .run()?;
    Ok(fs::write(complete, pinned)?)
}
