//! [`Program`]: an example that runs, as a process of its own.

use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// No example takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running example. It is killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    said: String,
}

/// What an example came to.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    /// Starts `path`, with nothing of the environment that would send it to a real server.
    pub(crate) fn start(path: &str, env: impl IntoIterator<Item = (&'static str, OsString)>) -> Self {
        let mut command = Command::new(path);
        for name in ["OIDC_ISSUER", "OIDC_CLIENT_ID", "SESSIONS_DB", "API_URL", "SERVICE_NAME", "ROUNDS", "PERIOD_MS"] {
            command.env_remove(name);
        }
        command.envs(env).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, said: String::new() }
    }

    /// The process id, to send it a signal.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Waits until it says a line that begins like this.
    pub(crate) async fn says(&mut self, beginning: &str) {
        let listening = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                self.said += &format!("{line}\n");
                if line.starts_with(beginning) {
                    return true;
                }
            }
            false
        };
        let heard = timeout(PATIENCE, listening).await;
        assert_eq!(heard, Ok(true), "it never said {beginning:?}, but:\n{}", self.said);
    }

    /// Waits for its end.
    pub(crate) async fn ends(mut self) -> Ended {
        let mut complaints = self.child.stderr.take().unwrap();
        let ending = async {
            let mut stderr = String::new();
            let reading = complaints.read_to_string(&mut stderr);
            let listening = async {
                while let Some(line) = self.lines.next_line().await.unwrap() {
                    self.said += &format!("{line}\n");
                }
            };
            let (read, ()) = tokio::join!(reading, listening);
            read.unwrap();
            (self.child.wait().await.unwrap(), stderr)
        };
        match timeout(PATIENCE, ending).await {
            Ok((status, stderr)) => Ended { status, stdout: self.said, stderr },
            Err(_) => panic!("it does not end, but said:\n{}", self.said),
        }
    }
}

impl Ended {
    /// It succeeded, and said all of this, in this order.
    pub(crate) fn well(&self, lines: &[&str]) {
        assert!(self.status.success(), "{}\n{}\n{}", self.status, self.stdout, self.stderr);
        let mut rest = self.stdout.as_str();
        for line in lines {
            let at = rest.find(line).unwrap_or_else(|| panic!("{line:?} is not (there) in:\n{}", self.stdout));
            rest = &rest[at + line.len()..];
        }
    }
}
