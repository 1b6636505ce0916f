//! `cargo xtask mutants`: whether the tests notice when the code is changed.

mod report;

use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::Package;

use self::report::Report;
use crate::command_line::CommandLine;
use crate::{Result, workspace};

const PACKAGES: [&str; 1] = ["oidc-session-policy"];
/// They explore, and take their time: only what the other tests let pass is shown to them.
const EXPLORERS: [&str; 2] = ["model", "simulation"];
/// The simulation runs so many seeds for each mutant, unless told otherwise.
const SEEDS: (&str, &str) = ("OIDC_SESSION_SEEDS", "100");
/// What notices a mutant by never coming to an end is ended after so many seconds.
const TIMEOUTS: [&str; 2] = ["120", "600"];

/// What is changed.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// A package to change; `oidc-session-policy` if none is named.
    #[arg(long = "package", short, value_name = "PACKAGE")]
    packages: Vec<String>,
    /// Only files that match this pattern, as in `**/hands.rs`.
    #[arg(long = "file", short, value_name = "PATTERN")]
    files: Vec<String>,
    /// Only the K-th of N parts, counted from zero.
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
}

/// Changes each package in turn, and fails if something survived in any of them.
pub(crate) fn task(options: &Options) -> Result {
    require("mutants", "cargo-mutants")?;
    require("nextest", "cargo-nextest")?;
    let metadata = workspace::metadata()?;
    let folder = PathBuf::from(&metadata.target_directory).join("mutants");
    let named = options.packages.iter().map(String::as_str);
    let packages: Vec<&str> = if options.packages.is_empty() { PACKAGES.to_vec() } else { named.collect() };
    let mut total = Report::default();
    for name in packages {
        println!("\n{name}");
        let package = workspace::member(&metadata, name)?;
        total.add(change(package, &folder, options)?);
    }
    println!("\n{total}");
    if total.survived.is_empty() { Ok(()) } else { Err("no test noticed some changes; see the list above".into()) }
}

fn require(subcommand: &str, package: &str) -> Result {
    if CommandLine::cargo([subcommand, "--version"]).succeeds() {
        return Ok(());
    }
    Err(format!("{package} is not installed. To have it: cargo install {package} --locked").into())
}

/// First the tests that take no time; then, for what they let pass, all of them.
fn change(package: &Package, folder: &Path, options: &Options) -> Result<Report> {
    let output = folder.join(package.name.as_str());
    if output.exists() {
        // It would count as caught what tests noticed that there may not be any more.
        fs::remove_dir_all(&output)?;
    }
    fs::create_dir_all(folder)?;
    let quick: Vec<String> = package
        .targets
        .iter()
        .filter(|target| target.is_test() && !EXPLORERS.contains(&target.name.as_str()))
        .flat_map(|target| ["--test".to_owned(), target.name.clone()])
        .collect();
    let has_explorers = package.targets.iter().any(|target| EXPLORERS.contains(&target.name.as_str()));
    let [quick_timeout, timeout] = TIMEOUTS;

    let first = mutants(package, folder, &output, options).args(["--timeout", quick_timeout]);
    // Unoptimised, as it is compiled once for each mutant.
    let unoptimised = format!("--config=profile.dev.package.{}.opt-level=0", package.name);
    let first = first.args(["--cargo-arg".to_owned(), unoptimised]).args(["--", "--lib"]).args(quick);
    let outcome = first.run();
    let report = report::read(&output).and_then(|report| report.unless_it_broke_off(outcome))?;
    if !has_explorers || report.survived.is_empty() {
        return Ok(report);
    }
    println!("\n{} survived the quick tests; now all of them.", report.survived.len());
    let all = mutants(package, folder, &output, options).args(["--iterate", "--timeout", timeout]);
    let outcome = all.args(["--", "--lib", "--tests"]).run();
    let last = report::read(&output).and_then(|report| report.unless_it_broke_off(outcome))?;
    Ok(report.after_another_look(last))
}

/// One at a time, in a folder of its own: a copy of the sources, and what is built from it kept for the next time.
fn mutants(package: &Package, folder: &Path, output: &Path, options: &Options) -> CommandLine {
    let line = CommandLine::cargo(["mutants", "--jobs", "1", "--no-shuffle", "--colors", "never"])
        .args(["--package", package.name.as_str(), "--output"])
        .args([output.to_string_lossy()])
        .args(options.files.iter().flat_map(|file| ["--file", file]))
        .args(options.shard.iter().flat_map(|shard| ["--shard", shard]))
        .env("NEXTEST_PROFILE", "mutants")
        .env("CARGO_TARGET_DIR", &folder.join("build").to_string_lossy())
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "none");
    if std::env::var_os(SEEDS.0).is_some() { line } else { line.env(SEEDS.0, SEEDS.1) }
}
