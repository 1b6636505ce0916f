//! A test that starts itself again as its children, under a secret service.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _, stdin};
use std::process::{Child, ChildStdout, Command, Stdio};

use oidc_session_test_servers::SecretService;

/// A child, which is killed when it is no longer needed.
pub(crate) struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

const IN_CHILD: &str = "OIDC_SESSION_TEST_CHILD";
const SAID: &str = "child: ";

/// What the parent told this process, if it is a child.
pub(crate) fn told() -> Option<String> {
    env::var(IN_CHILD).ok()
}

/// Tells the parent.
pub(crate) fn say(what: &str) {
    println!("{SAID}{what}");
}

/// Waits until the parent says that it goes on.
pub(crate) fn wait_for_parent() {
    assert!(stdin().read_line(&mut String::new()).unwrap() > 0, "the parent went away");
}

impl Process {
    /// Starts the test of that name again, under `service`.
    pub(crate) fn start(test: &str, service: &SecretService, told: &str) -> Self {
        Self::start_with(test, service.env(), told)
    }

    /// Starts the test of that name again, with these variables.
    pub(crate) fn start_with(test: &str, variables: Vec<(&'static str, OsString)>, told: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .envs(variables)
            .env(IN_CHILD, told)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// Lets a child go on that waits for its parent.
    pub(crate) fn go_on(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"go on\n").unwrap();
    }

    /// The next thing that the child says; `None` if it has ended.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.stdout.read_line(&mut line).unwrap() > 0 {
            // The test harness says things of its own, perhaps on the same line.
            if let Some((_, said)) = line.split_once(SAID) {
                return Some(said.trim_end().to_owned());
            }
            line.clear();
        }
        None
    }

    /// Whatever else the child says until it ends well.
    pub(crate) fn hear_all(&mut self) -> Vec<String> {
        let said = std::iter::from_fn(|| self.hear()).collect();
        assert!(self.child.wait().unwrap().success());
        said
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
