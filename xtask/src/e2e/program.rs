//! A program that uses the library, against the same servers: `xtask/e2e/client`.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::checks::{Checks, ensure};
use super::cli::{Cli, SECRET};
use super::process::Process;
use crate::Result;

/// For one check. A request may take ten seconds, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The built program.
#[derive(Debug)]
pub(super) struct Program(PathBuf);

impl Program {
    /// Its package.
    pub(super) const PACKAGE: &'static str = "oidc-session-e2e-client";

    /// The program at this path.
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Runs its checks called `name` against a server, in the folder that all its runs share. Its log joins what is
    /// searched for secrets.
    pub(super) fn check(&self, cli: &Cli, checks: &mut Checks, name: &str, announced: &Value) -> Result {
        let folder = cli.folder().join("program");
        std::fs::create_dir_all(&folder)?;
        let server = json!({ "checks": name, "announced": announced, "folder": folder, "secret": SECRET });
        let mut command = Command::new(&self.0);
        command.env("E2E_SERVER", server.to_string()).env("RUST_LOG", "trace").env("RUST_BACKTRACE", "0");
        let process = Process::start(&mut command, |line| line.starts_with('{'))?;
        let mut failed = None;
        while let Some(line) = process.announced(PATIENCE)? {
            let line: Value = serde_json::from_str(&line)?;
            let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
            if line["ok"].is_string() {
                checks.passed(&text("ok"));
            } else if line["skipped"].is_string() {
                checks.skipped(&text("skipped"), &text("because"));
            } else {
                failed = Some(text("failed"));
            }
        }
        let ended = process.ended(PATIENCE)?;
        cli.transcript().add(&format!("the program against {name}"), &[&ended.stdout, &ended.stderr]);
        if let Some(failed) = failed {
            println!("  FAIL  {failed}");
            return Err(failed.into());
        }
        ensure(ended.status.success(), || format!("the program ended with {}: {}", ended.status, ended.stderr))
    }
}
