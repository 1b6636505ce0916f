//! Finds Chromium, or installs it where that is ours to do.

use std::path::{Path, PathBuf};

use crate::Result;
use crate::command_line::CommandLine;
use crate::e2e::node::{apt_get, may_install};

/// What the browser is called, by distribution and vendor.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A browser that can be run.
#[derive(Debug)]
pub(super) struct Chromium(PathBuf);

impl Chromium {
    /// Finds it, or installs it with apt-get if we are root on Debian; the error says what a person can do.
    pub(super) fn find_or_install() -> Result<Self> {
        if let Some(found) = find() {
            return Ok(found);
        }
        if may_install() {
            println!("chromium is missing; installing it with apt-get");
            apt_get(["update"]).run()?;
            apt_get(["install", "--yes", "--no-install-recommends", "chromium"]).run()?;
        }
        find().ok_or_else(|| "It needs Chromium; install it, then: cargo xtask browser".into())
    }

    /// The program.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

fn find() -> Option<Chromium> {
    let folders = std::env::var_os("PATH")?;
    let mut paths = std::env::split_paths(&folders).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    let found = paths.find(|path| path.is_file())?;
    // A stub that tells to install something else is no browser.
    CommandLine::new(found.to_str()?, ["--version"]).succeeds().then_some(Chromium(found))
}
