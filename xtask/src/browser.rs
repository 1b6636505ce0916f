//! `cargo xtask browser`: the application of `examples/web` in a real browser, as its visitors see it.
//!
//! Headless Chromium is driven by `xtask/browser/run.mjs` (playwright-core, which brings no browser). Everything runs on
//! loopback, every wait is bounded. Pictures of the pages are left in `target/browser`.

mod chromium;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use chromium::Chromium;

use crate::e2e::process::{Ended, Process};
use crate::e2e::{launcher, node};
use crate::{Result, test, workspace};

/// The program under test.
const APP: &str = "oidc-session-example-web";
/// Its access tokens live so many seconds: a run waits for one to expire, and else none may.
const ACCESS_TTL: &str = "8";
/// How long the application may take to start, and the run to end. The script gives up before that, and says where.
const START: Duration = Duration::from_secs(30);
const RUN: Duration = Duration::from_secs(90);

/// Runs everything; what is missing is an error.
pub(crate) fn task() -> Result {
    drive(&find()?)
}

/// As [`task`], for all tests: a laptop may do without the browser, the merge gate may not.
pub(crate) fn run() -> Result {
    match find() {
        Ok(chromium) => drive(&chromium),
        Err(missing) if test::is_merge_gate() => Err(missing),
        Err(missing) => {
            println!("SKIPPED: the application in a real browser. {missing}");
            Ok(())
        }
    }
}

/// The browser, and the node that drives it.
fn find() -> Result<Chromium> {
    node::find_or_install()?.is_recent()?;
    Chromium::find_or_install()
}

fn drive(chromium: &Chromium) -> Result {
    let programs = workspace::build(&[APP])?;
    let folder = PathBuf::from(workspace::metadata()?.target_directory).join("browser");
    launcher::install(Path::new("browser"), Path::new("browser"), &folder)?;
    // What is written for the time of a run, also by processes that are killed.
    let scratch = folder.join("scratch");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir_all(&scratch)?;

    let (app, address) = start(&programs.join(APP), &scratch)?;
    let mut script = Command::new("node");
    script.arg("run.mjs").current_dir(&folder);
    script.env("APP_URL", &address).env("CHROMIUM", chromium.path());
    script.env("SCREENSHOTS", &folder).env("TMPDIR", &scratch);
    let driven = Process::start(&mut script, |_| false)?.ended(RUN);
    let app = app.kill()?;
    report(&driven?, &app, &folder)?;
    Ok(fs::remove_dir_all(&scratch)?)
}

/// Starts the application on a free port, with its own authorization server and an SQLite file that ends with it.
fn start(program: &Path, scratch: &Path) -> Result<(Process, String)> {
    let mut command = Command::new(program);
    command
        .args(["--port", "0", "--access-ttl", ACCESS_TTL, "--skew", "1"])
        .env("RUST_LOG", "warn")
        .env("TMPDIR", scratch);
    let process = Process::start(&mut command, |line| line.starts_with("open "))?;
    let Some(line) = process.announced(START)? else {
        return Err(format!("the application did not start: {}", process.ended(START)?.stderr).into());
    };
    let address = line.split_whitespace().nth(1).ok_or("the application does not say where it is")?;
    Ok((process, address.to_owned()))
}

fn report(driven: &Ended, app: &Ended, folder: &Path) -> Result {
    let held = driven.stdout.lines().filter_map(|line| line.strip_prefix("ok "));
    let mut count = 0;
    for statement in held {
        println!("    ok  {statement}");
        count += 1;
    }
    if !driven.status.success() {
        eprintln!("\nThe application wrote:\n{}", app.stderr);
        return Err(driven.stderr.trim().into());
    }
    println!("\nin a real browser: {count} checks passed; pictures are in {}", folder.display());
    Ok(())
}
