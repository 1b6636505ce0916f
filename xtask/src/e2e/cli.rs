//! The built `oidc-session` command.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::checks::ensure;
use super::process::{Announcement, Ended, Process};
use crate::Result;

/// Longer than any command may take, on a slow machine with fifty of them.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);

/// The secret of the confidential client, and the variable that holds it.
pub(super) const SECRET: &str = "e2e-client-secret-3f9c1d";
pub(super) const SECRET_VARIABLE: &str = "E2E_CLIENT_SECRET";
/// A variable that holds another secret.
pub(super) const WRONG_SECRET_VARIABLE: &str = "E2E_WRONG_CLIENT_SECRET";

/// The command, the folder it may write to, and everything it wrote.
#[derive(Debug)]
pub(super) struct Cli {
    program: PathBuf,
    folder: PathBuf,
    transcript: Transcript,
}

/// Arguments, as a person would type them, and whether to log everything.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    arguments: Vec<String>,
    log: &'static str,
}

/// How a command ended and what it said.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its standard output.
    pub(super) stdout: String,
    /// Its standard error.
    pub(super) stderr: String,
    line: String,
    code: Option<i32>,
}

impl Cli {
    /// The command at `program`, which keeps its data in `folder`.
    pub(super) fn new(program: PathBuf, folder: PathBuf) -> Self {
        Self { program, folder, transcript: Transcript::default() }
    }

    /// The folder the command may write to.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything the command wrote, without what `token` printed.
    pub(super) fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Runs to the end.
    pub(super) fn run(&self, invocation: &Invocation) -> Result<Answer> {
        let process = self.start(invocation, |_| false)?;
        self.answer(invocation, process, PATIENCE)
    }

    /// Starts; `announcement` recognises the line that says it is ready.
    pub(super) fn start(&self, invocation: &Invocation, announcement: Announcement) -> Result<Process> {
        let mut command = Command::new(&self.program);
        command.args(&invocation.arguments).current_dir(&self.folder);
        command.env("RUST_LOG", invocation.log).env("NO_COLOR", "1").env("RUST_BACKTRACE", "0");
        command.env("HOME", &self.folder).env("XDG_DATA_HOME", self.folder.join("data"));
        command.env("NO_PROXY", "127.0.0.1,localhost").env_remove("OIDC_SESSION_STORE");
        command.env(SECRET_VARIABLE, SECRET).env(WRONG_SECRET_VARIABLE, "not-the-client-secret");
        Process::start(&mut command, announcement)
    }

    /// Waits until a started command says that it is ready; `None` if it ended without.
    pub(super) fn announced(&self, invocation: &Invocation, process: &Process) -> Result<Option<String>> {
        let announced = process.announced(PATIENCE);
        Ok(announced.map_err(|error| format!("`{invocation}`: {error}"))?)
    }

    /// Waits for the end of a started command.
    pub(super) fn answer(&self, invocation: &Invocation, process: Process, patience: Duration) -> Result<Answer> {
        let ended = process.ended(patience).map_err(|error| format!("`{invocation}`: {error}"))?;
        Ok(self.keep(invocation, ended))
    }

    /// Puts what an ended command wrote into the transcript.
    pub(super) fn keep(&self, invocation: &Invocation, ended: Ended) -> Answer {
        let line = invocation.to_string();
        let stdout = if invocation.prints_a_secret() { "(left out)" } else { &ended.stdout };
        self.transcript.add(&line, &[stdout, &ended.stderr]);
        Answer { line, code: ended.status.code(), stdout: ended.stdout, stderr: ended.stderr }
    }
}

impl Invocation {
    /// These arguments; everything is logged.
    pub(super) fn new(arguments: &[&str]) -> Self {
        Self { arguments: Vec::new(), log: "trace" }.args(arguments)
    }

    /// Adds arguments.
    pub(super) fn args(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Logs nothing, so that standard error is what a person would see.
    pub(super) fn without_log(mut self) -> Self {
        self.log = "off";
        self
    }

    fn prints_a_secret(&self) -> bool {
        self.arguments.iter().any(|argument| argument == "token")
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oidc-session {}", self.arguments.join(" "))
    }
}

impl Answer {
    /// Fails unless the command ended with `code`.
    pub(super) fn exits(self, code: i32) -> Result<Self> {
        ensure(self.code == Some(code), || {
            let ended = self.code.map_or_else(|| "was killed".to_owned(), |code| format!("exit code {code}"));
            format!("`{}`: {ended}, expected {code}; it said: {}", self.line, self.last_words())
        })?;
        Ok(self)
    }

    /// Fails unless the message on standard error contains one of `words`, in any case.
    pub(super) fn says(self, words: &[&str]) -> Result<Self> {
        let message = self.stderr.to_lowercase();
        ensure(words.iter().any(|word| message.contains(&word.to_lowercase())), || {
            format!("`{}` should mention {}; it said: {}", self.line, words.join(" or "), self.last_words())
        })?;
        Ok(self)
    }

    /// Standard output as the one JSON object it must be.
    pub(super) fn json(&self) -> Result<Value> {
        let value: Value = serde_json::from_str(&self.stdout)
            .map_err(|error| format!("`{}` printed something else than one JSON object: {error}", self.line))?;
        ensure(value.is_object(), || format!("`{}` printed no JSON object", self.line))?;
        Ok(value)
    }

    fn last_words(&self) -> String {
        let lines: Vec<&str> = self.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
        if lines.is_empty() { "nothing".to_owned() } else { lines[lines.len().saturating_sub(4)..].join(" | ") }
    }
}

/// What every command wrote, in the order they ended.
#[derive(Debug, Default)]
pub(super) struct Transcript(Mutex<Vec<(String, String)>>);

impl Transcript {
    /// Adds what one command wrote.
    pub(super) fn add(&self, line: &str, streams: &[&str]) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push((line.to_owned(), streams.concat()));
    }

    /// Every command line with what it wrote.
    pub(super) fn entries(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries().iter().try_for_each(|(line, text)| writeln!(f, "$ {line}\n{text}"))
    }
}
