//! Tests whose other side is another process: the test binary starts itself again.
//!
//! A test of several processes is one function with two halves. In a child, [`Parent::of_this_process`] is there and
//! tells what the child was started with; in the test itself it is not.
//!
//! ```no_run
//! use oidc_session_testkit::processes::{Children, Parent};
//!
//! #[test]
//! fn two_processes_append_to_one_file() {
//!     if let Some(parent) = Parent::of_this_process() {
//!         let start = parent.ready(); // returns when all children are there
//!         std::fs::OpenOptions::new().append(true).open(parent.address()).unwrap();
//!         parent.say("done");
//!         return;
//!     }
//!     let mut children = Children::start("two_processes_append_to_one_file", "/tmp/file", 2);
//!     children.go("");
//!     for child in children.iter_mut() {
//!         assert_eq!(child.hear_all(), ["done"]);
//!     }
//! }
//! ```
//!
//! Everything here blocks its thread, and nothing waits for ever: a child that says nothing for two minutes is a failure.
//! A child is killed when its [`Child`] is dropped, as a process dies that loses its power.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _, stdin};
use std::ops::{Deref, DerefMut};
use std::process::{self, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// What the environment of a child holds and that of other processes does not.
const ADDRESS: &str = "OIDC_SESSION_TESTKIT_CHILD";
/// Tells what a child says from what the test harness prints, perhaps on the same line.
const SAID: &str = "child: ";
/// The first thing that a child says.
const READY: &str = "ready";
/// How long a child may say nothing.
const PATIENCE: Duration = Duration::from_secs(120);

/// In a child: the process that started it.
#[derive(Clone, Debug)]
pub struct Parent {
    address: String,
}

impl Parent {
    /// Whoever started this process as a child, if somebody did.
    pub fn of_this_process() -> Option<Self> {
        env::var(ADDRESS).ok().map(|address| Self { address })
    }

    /// What the child was started with: where the store is, for instance.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Says that this child is ready, and waits for [`Children::go`]. Returns what was said there.
    pub fn ready(&self) -> String {
        self.say(READY);
        self.hear()
    }

    /// Says one line.
    pub fn say(&self, what: &str) {
        println!("{SAID}{what}");
    }

    /// The next line that the parent says. Ends the process if the parent is gone.
    pub fn hear(&self) -> String {
        let mut line = String::new();
        match stdin().read_line(&mut line) {
            Ok(length) if length > 0 => line.trim_end().to_owned(),
            _ => process::exit(1),
        }
    }

    /// Does nothing any more. Ends the process if the parent is gone.
    pub fn wait_to_be_killed(&self) -> ! {
        loop {
            self.hear();
        }
    }
}

/// In the test: the processes that it started.
#[derive(Debug)]
pub struct Children(Vec<Child>);

impl Children {
    /// Starts `count` processes in the test `test` of this binary, and waits until each has called [`Parent::ready`].
    ///
    /// `test` is the name that the test harness knows: the function's, after those of its modules in the test crate.
    /// A crate's own name in front, as `module_path!()` has it, is left out by [`test_name`].
    pub fn start(test: &str, address: &str, count: usize) -> Self {
        Self::start_with(test, address, count, &[])
    }

    /// As [`start`](Self::start), in an environment with these variables besides.
    pub fn start_with(test: &str, address: &str, count: usize, variables: &[(&str, OsString)]) -> Self {
        let mut children: Vec<Child> = (0..count).map(|_| Child::start(test, address, variables)).collect();
        for child in &mut children {
            assert_eq!(child.hear().as_deref(), Some(READY), "a child in the test `{test}` did not get ready");
        }
        Self(children)
    }

    /// Lets all go at once, and tells them something.
    pub fn go(&mut self, what: &str) {
        for child in &mut self.0 {
            child.say(what);
        }
    }
}

impl Deref for Children {
    type Target = [Child];

    fn deref(&self) -> &[Child] {
        &self.0
    }
}

impl DerefMut for Children {
    fn deref_mut(&mut self) -> &mut [Child] {
        &mut self.0
    }
}

/// One of them. Dropping it kills it.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Child {
    #[expect(clippy::expect_used, reason = "in a test, an error is a failure")]
    fn start(test: &str, address: &str, variables: &[(&str, OsString)]) -> Self {
        let mut process = Command::new(env::current_exe().expect("the test has a file"))
            .args([test, "--exact", "--nocapture"])
            .envs(variables.iter().cloned())
            .env(ADDRESS, address)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the test can be started again");
        let stdin = process.stdin.take().expect("it was asked for");
        let stdout = BufReader::new(process.stdout.take().expect("it was asked for"));
        let (said, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let Some((_, what)) = line.split_once(SAID) else { continue };
                if said.send(what.to_owned()).is_err() {
                    break;
                }
            }
        });
        Self { process, stdin, lines }
    }

    /// The next thing that the child says; `None` if it has ended.
    pub fn hear(&mut self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(said) => Some(said),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("a child has said nothing for {PATIENCE:?}"),
        }
    }

    /// Everything that the child still says until its end, which is a good one.
    #[expect(clippy::expect_used, reason = "in a test, an error is a failure")]
    pub fn hear_all(&mut self) -> Vec<String> {
        let said = std::iter::from_fn(|| self.hear()).collect();
        let ended = self.process.wait().expect("the child can be waited for");
        assert!(ended.success(), "a child failed: {ended}");
        said
    }

    /// Says one line.
    #[expect(clippy::expect_used, reason = "in a test, an error is a failure")]
    pub fn say(&mut self, what: &str) {
        writeln!(self.stdin, "{what}").expect("the child listens");
    }

    /// Kills it, in the middle of whatever it does, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The name by which the test harness knows a function: its path without the crate in front.
///
/// ```
/// use oidc_session_testkit::processes::test_name;
///
/// assert_eq!(test_name("contract::on_disk::it_works"), "on_disk::it_works");
/// ```
pub fn test_name(path: &str) -> &str {
    path.split_once("::").map_or(path, |(_, name)| name)
}
