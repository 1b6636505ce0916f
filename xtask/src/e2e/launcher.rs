//! A third-party server: a script of `xtask/e2e`, its packages installed under `target/e2e`, running on loopback.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::http;
use super::node::Node;
use super::process::Process;
use super::session::text;
use crate::command_line::CommandLine;
use crate::{Result, workspace};

const PATIENCE: Duration = Duration::from_secs(60);
const NPM_SETTINGS: &str = ".npmrc";
const PACKAGES: [&str; 2] = ["package.json", "package-lock.json"];

/// What to install, and what to start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Launcher {
    /// The folder of `xtask/e2e` that pins the packages; also the name of the script.
    pub(super) name: &'static str,
    /// What the script is told.
    pub(super) arguments: &'static [&'static str],
}

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    /// What it said a client needs, in its first line.
    pub(super) announced: Value,
    _process: Process,
}

impl Launcher {
    /// Installs what the lockfile pins in a folder of `target`, unless it is there, and starts the server.
    pub(super) fn start(self, _node: &Node, target: &Path, environment: &[(&str, &str)]) -> Result<Server> {
        let folder = target.join(self.name);
        install(&Path::new("e2e").join(self.name), Path::new("e2e"), &folder)?;
        let mut command = Command::new("node");
        command.arg(format!("{}.mjs", self.name)).args(self.arguments).current_dir(folder);
        command.envs(environment.iter().copied());
        let process = Process::start(&mut command, |line| line.starts_with('{'))?;
        let Some(line) = process.announced(PATIENCE)? else {
            return Err(format!("{} did not start: {}", self.name, process.ended(PATIENCE)?.stderr).into());
        };
        Ok(Server { announced: serde_json::from_str(&line)?, _process: process })
    }
}

impl Server {
    /// Its issuer URL.
    pub(super) fn issuer(&self) -> Result<String> {
        text(&self.announced, "issuer")
    }

    /// Does what only an administrator or a test may: `/_admin/...`.
    pub(super) fn administer(&self, action: &str) -> Result<Value> {
        let issuer = self.issuer()?;
        http::fetch_json(&format!("{}/_admin/{action}", http::origin(&issuer)))
    }

    /// A counter of `/_admin/counters`.
    pub(super) fn count(&self, name: &str) -> Result<u64> {
        let counters = self.administer("counters")?;
        Ok(counters[name].as_u64().ok_or_else(|| format!("the server counts no {name}"))?)
    }

    /// Secrets of one kind that were issued so far, oldest first.
    pub(super) fn secrets(&self, name: &str) -> Result<Vec<String>> {
        let secrets = self.administer("secrets")?;
        let values = secrets[name].as_array().ok_or("the server lists no secrets")?;
        Ok(values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect())
    }
}

/// Installs what the lockfile in `packages` pins in `folder`, unless it is there, and puts the scripts of `scripts` beside
/// it. Both are folders of `xtask`; nothing is written there: the files are copied.
pub(crate) fn install(packages: &Path, scripts: &Path, folder: &Path) -> Result {
    let xtask = workspace::root()?.join("xtask");
    let (packages, scripts) = (xtask.join(packages), xtask.join(scripts));
    let pinned = fs::read_to_string(packages.join("package-lock.json"))?;
    let complete = folder.join("node_modules/.installed-from");
    fs::create_dir_all(folder)?;
    fs::copy(xtask.join("e2e").join(NPM_SETTINGS), folder.join(NPM_SETTINGS))?;
    for file in PACKAGES {
        fs::copy(packages.join(file), folder.join(file))?;
    }
    for entry in fs::read_dir(&scripts)? {
        let script = entry?.path();
        if let Some(file) = script.file_name().filter(|_| script.extension().is_some_and(|kind| kind == "mjs")) {
            fs::copy(&script, folder.join(file))?;
        }
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
