//! [`Terminal`]: runs the program like a person with a shell and a browser would.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use oidc_session_testkit::{AuthorizationServer, AuthorizationServerBuilder};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use url::Url;

/// No single command of these tests takes longer, on however slow a machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An authorization server, a store of its own, and the program.
pub(crate) struct Terminal {
    pub(crate) server: AuthorizationServer,
    pub(crate) browser: reqwest::Client,
    folder: TempDir,
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A `login` that waits for the browser.
pub(crate) struct Login {
    child: Child,
    stderr: BufReader<tokio::process::ChildStderr>,
    said: String,
    pub(crate) url: Url,
}

impl Terminal {
    pub(crate) async fn open() -> Self {
        Self::open_with(AuthorizationServer::builder()).await
    }

    pub(crate) async fn open_with(server: AuthorizationServerBuilder) -> Self {
        Self {
            server: server.start().await.unwrap(),
            browser: reqwest::Client::builder()
                .no_proxy()
                .tls_certs_only([])
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Where the sessions are.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("sessions.db")
    }

    /// A file of the test's own.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with arguments as a shell would split them, ready to run.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        self.command_behind(&[], arguments)
    }

    /// As [`command`](Self::command), but run by another program, such as `nohup`.
    pub(crate) fn command_behind(&self, prefix: &[&str], arguments: &str) -> Command {
        let mut words = prefix.iter().copied().chain([env!("CARGO_BIN_EXE_oidc-session")]);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .args(arguments.split_whitespace())
            .env("OIDC_SESSION_STORE", format!("sqlite:{}", self.store().display()))
            // Everything is logged, and everything that is logged is searched for tokens.
            .env("RUST_LOG", "trace")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, arguments: &str) -> Ran {
        Self::finish(self.command(arguments)).await
    }

    /// Runs a prepared program to its end. Only the stdout of `token` may hold a token.
    pub(crate) async fn finish(mut command: Command) -> Ran {
        let prints_tokens = command.as_std().get_args().any(|argument| argument == "token");
        let child = command.spawn().unwrap();
        let ran = Ran::from(timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap());
        ran.check(prints_tokens);
        ran
    }

    /// Starts a `login` for `client_id`, up to where the browser is needed.
    pub(crate) async fn start_login(&self, client_id: &str, more: &str) -> Login {
        let issuer = self.server.issuer();
        let login = format!("login --issuer {issuer} --client-id {client_id} --no-browser --json {more}");
        Login::start(self.command(&login)).await
    }

    /// Signs in, the server playing the browser.
    pub(crate) async fn login(&self, client_id: &str, more: &str) -> Ran {
        self.complete(self.start_login(client_id, more).await).await
    }

    /// Completes a `login` in the browser.
    pub(crate) async fn complete(&self, login: Login) -> Ran {
        let callback = self.server.authorize(&login.url).unwrap();
        let page = self.browser.get(callback).send().await.unwrap();
        assert_eq!(page.status(), 200);
        login.finish().await
    }
}

impl Login {
    /// Starts a prepared `login --no-browser`, up to where the browser is needed.
    pub(crate) async fn start(mut command: Command) -> Self {
        // The URL stands alone on a line; a log would stand beside it.
        command.env_remove("RUST_LOG");
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let url = loop {
            let mut line = String::new();
            let read = timeout(PATIENCE, stderr.read_line(&mut line)).await.unwrap().unwrap();
            assert!(read > 0, "no URL in {said:?}");
            said.push_str(&line);
            // "note: …" would be a URL as well.
            if let Some(url) = Url::parse(line.trim_end()).ok().filter(|url| url.has_host()) {
                break url;
            }
        };
        Self { child, stderr, said, url }
    }

    /// Reads on, up to a line of which `found` makes something.
    pub(crate) async fn read_to<T>(&mut self, found: impl Fn(&str) -> Option<T>) -> T {
        loop {
            let mut line = String::new();
            let read = timeout(PATIENCE, self.stderr.read_line(&mut line)).await.unwrap().unwrap();
            assert!(read > 0, "not found in {:?}", self.said);
            self.said.push_str(&line);
            if let Some(found) = found(&line) {
                return found;
            }
        }
    }

    /// Sends it a signal, such as `-INT`.
    #[cfg(unix)]
    pub(crate) async fn signal(&self, signal: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &*pid]).status().await.unwrap().success());
    }

    /// Waits for its end.
    pub(crate) async fn finish(mut self) -> Ran {
        let rest = async {
            let mut rest = String::new();
            self.stderr.read_to_string(&mut rest).await.unwrap();
            rest
        };
        let rest = timeout(PATIENCE, rest).await.unwrap();
        let output = timeout(PATIENCE, self.child.wait_with_output()).await.unwrap().unwrap();
        let mut ran = Ran::from(output);
        ran.stderr = self.said + &rest;
        ran.check(false);
        ran
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// The one object on stdout.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// The one object on stdout, of a command that did what it was asked.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        self.json()
    }

    /// The error object on stdout, of a command that ended with `code`.
    pub(crate) fn error(&self, code: i32) -> Value {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.stderr.contains("error: "), "{self:?}");
        self.json()["error"].clone()
    }

    fn check(&self, prints_tokens: bool) {
        assert!(!self.stdout.contains("PRIVATE KEY-----") && !self.stderr.contains("PRIVATE KEY-----"), "{self:?}");
        assert!(!holds_token(&self.stderr), "stderr holds a token: {self:?}");
        assert!(prints_tokens || !holds_token(&self.stdout), "stdout holds a token: {self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
    }
}

/// Whether a text holds a token of the test kit's server: access, refresh, code, or ID token.
pub(crate) fn holds_token(text: &str) -> bool {
    let long =
        |rest: &str| rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)).count() > 16;
    ["at_", "rt_", "ac_", "eyJ"]
        .iter()
        .any(|prefix| text.match_indices(prefix).any(|(at, _)| long(&text[at + prefix.len()..])))
}
