//! One session, as a person handles it with the command.

use std::time::Duration;

use serde_json::Value;

use super::browser;
use super::checks::ensure;
use super::cli::{Answer, Cli, Invocation, PATIENCE};
use super::process::Process;
use crate::Result;

/// The command, pointed at one store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session<'a> {
    cli: &'a Cli,
    /// A file of its own, or `None` for the store the command uses by default.
    store: Option<&'static str>,
}

/// What `token --json` prints.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Token {
    /// The access token.
    pub(super) access_token: String,
    /// How it was come by: `fresh`, `refreshed`, `adopted`, …
    pub(super) outcome: String,
}

impl<'a> Session<'a> {
    /// The session in the SQLite file of this name.
    pub(super) fn in_file(cli: &'a Cli, name: &'static str) -> Self {
        Self { cli, store: Some(name) }
    }

    /// The session in the default store.
    pub(super) fn in_default_store(cli: &'a Cli) -> Self {
        Self { cli, store: None }
    }

    /// The arguments of a command on this session.
    pub(super) fn invocation(&self, arguments: &[&str]) -> Invocation {
        let store = self.store.map(|name| format!("sqlite:{}", self.cli.folder().join(name).display()));
        let pointed = store.as_deref().map_or_else(|| Invocation::new(&[]), |url| Invocation::new(&["--store", url]));
        pointed.args(arguments)
    }

    /// Runs a command as a person would.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<Answer> {
        self.cli.run(&self.invocation(arguments).without_log())
    }

    /// Runs a command with `--json` and everything logged.
    pub(super) fn run_json(&self, arguments: &[&str]) -> Result<Answer> {
        self.cli.run(&self.invocation(&["--json"]).args(arguments))
    }

    /// Signs in, with a browser that follows every redirect.
    pub(super) fn login(&self, issuer: &str, client_id: &str, extra: &[&str]) -> Result<Answer> {
        self.sign_in(&self.invocation(&["--json"]), &[&plain(issuer), extra].concat(), client_id)
    }

    /// The same at the server of a vendor; `flags` say which.
    pub(super) fn login_at(&self, flags: &[&str], client_id: &str) -> Result<Answer> {
        self.sign_in(&self.invocation(&["--json"]), flags, client_id)
    }

    /// Signs in without logging, for what a person sees when it fails.
    pub(super) fn login_as_a_person(&self, issuer: &str, client_id: &str, extra: &[&str]) -> Result<Answer> {
        self.sign_in(&self.invocation(&[]).without_log(), &[&plain(issuer), extra].concat(), client_id)
    }

    fn sign_in(&self, before: &Invocation, flags: &[&str], client_id: &str) -> Result<Answer> {
        let login = ["login", "--client-id", client_id, "--no-browser", "--scope", "openid offline_access"];
        let invocation = before.clone().args(&login).args(flags);
        let process = self.cli.start(&invocation, is_authorization_url)?;
        if let Some(url) = self.cli.announced(&invocation, &process)? {
            let (page, status) = browser::visit(&url)?;
            let back = page.starts_with("http://127.0.0.1:") && page.contains("/callback?");
            ensure(back, || format!("the browser ended at {page} ({status}), not at the callback"))?;
        }
        self.cli.answer(&invocation, process, PATIENCE)
    }

    /// Makes the access token expired.
    pub(super) fn expire(&self) -> Result {
        self.run_json(&["expire"])?.exits(0).map(drop)
    }

    /// An access token.
    pub(super) fn token(&self, extra: &[&str]) -> Result<Token> {
        token(&self.run_json(&[&["token"], extra].concat())?.exits(0)?)
    }

    /// Starts a command with `--json` without waiting for it.
    pub(super) fn start(&self, arguments: &[&str], announcement: fn(&str) -> bool) -> Result<Started<'a>> {
        let invocation = self.invocation(&["--json"]).args(arguments);
        let process = self.cli.start(&invocation, announcement)?;
        Ok(Started { cli: self.cli, invocation, process })
    }

    /// What `status` says.
    pub(super) fn status(&self, extra: &[&str]) -> Result<Value> {
        self.run_json(&[&["status"], extra].concat())?.json()
    }

    /// The `state` of `status`.
    pub(super) fn state(&self) -> Result<String> {
        text(&self.status(&[])?, "state")
    }
}

/// A command that may still be running.
#[derive(Debug)]
pub(super) struct Started<'a> {
    cli: &'a Cli,
    invocation: Invocation,
    process: Process,
}

impl Started<'_> {
    /// Waits for its announcement.
    pub(super) fn announced(&self) -> Result {
        let line = self.cli.announced(&self.invocation, &self.process)?;
        ensure(line.is_some(), || format!("`{}` ended before it announced anything", self.invocation))
    }

    /// Waits for its end.
    pub(super) fn answer(self) -> Result<Answer> {
        self.answer_within(PATIENCE)
    }

    /// Waits for its end, but not for longer than `patience`.
    pub(super) fn answer_within(self, patience: Duration) -> Result<Answer> {
        self.cli.answer(&self.invocation, self.process, patience)
    }

    /// kill -9.
    pub(super) fn kill(self) -> Result {
        let ended = self.process.kill()?;
        self.cli.keep(&self.invocation, ended);
        Ok(())
    }
}

/// The server at `issuer`, which is plain OpenID Connect.
fn plain(issuer: &str) -> [&str; 4] {
    ["--provider", "oidc", "--issuer", issuer]
}

/// Reads what `token --json` printed.
pub(super) fn token(answer: &Answer) -> Result<Token> {
    let json = answer.json()?;
    text(&json, "expires_at")?;
    Ok(Token { access_token: text(&json, "access_token")?, outcome: text(&json, "outcome")? })
}

/// A string field that must be there.
pub(super) fn text(object: &Value, name: &str) -> Result<String> {
    let value = object[name].as_str().filter(|value| !value.is_empty());
    Ok(value.ok_or_else(|| format!("`{name}` is missing"))?.to_owned())
}

/// Alone on its line, as scripts and people copy it.
fn is_authorization_url(line: &str) -> bool {
    line.starts_with("http") && line.contains("response_type=code") && !line.contains(char::is_whitespace)
}
