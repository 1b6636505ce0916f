//! Finds node and npm, or installs them where that is ours to do.

use std::path::Path;

use crate::Result;
use crate::command_line::CommandLine;

/// Proof that `node` and `npm` can be run.
#[derive(Debug)]
pub(crate) struct Node(());

/// The oldest node that the emulators and the browser's driver run on; the provider is content with 18.
const RECENT: u32 = 20;

impl Node {
    /// Whether it is recent enough for the emulators, and for driving a browser; the error says what they need.
    pub(crate) fn is_recent(&self) -> Result {
        let version = CommandLine::new("node", ["--version"]).output()?;
        let major = version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
        if major.is_some_and(|major: u32| major >= RECENT) {
            return Ok(());
        }
        Err(format!("They need node {RECENT} or later; this is {}", version.trim()).into())
    }
}

/// Finds node, or installs it with apt-get if we are root on Debian; the error says what a person can do.
pub(crate) fn find_or_install() -> Result<Node> {
    if is_there() {
        return Ok(Node(()));
    }
    if may_install() {
        println!("node is missing; installing it with apt-get");
        apt_get(["update"]).run()?;
        apt_get(["install", "--yes", "--no-install-recommends", "nodejs", "npm"]).run()?;
        if is_there() {
            return Ok(Node(()));
        }
    }
    Err("They need node (18 or later) and npm; install both, then: cargo xtask e2e".into())
}

fn is_there() -> bool {
    ["node", "npm"].iter().all(|program| CommandLine::new(program, ["--version"]).succeeds())
}

/// Whether packages are ours to install: as root, on Debian.
pub(crate) fn may_install() -> bool {
    Path::new("/etc/debian_version").exists()
        && CommandLine::new("sh", ["-c", "test \"$(id -u)\" = 0 && command -v apt-get"]).succeeds()
}

/// `apt-get`, quietly.
pub(crate) fn apt_get<const N: usize>(arguments: [&str; N]) -> CommandLine {
    CommandLine::new("apt-get", ["--quiet", "--quiet"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive")
}
