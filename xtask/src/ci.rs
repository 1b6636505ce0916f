//! `cargo xtask ci`: what the merge gate runs, in the same order.

use std::cell::RefCell;

use cargo_metadata::Metadata;

use crate::command_line::CommandLine;
use crate::plan::Plan;
use crate::tally::Tally;
use crate::{Result, dependencies, reliability, test, workspace};

const FACADE: &str = "oidc-session";
const BENCHES: &str = "oidc-session-benches";

/// Runs the gate and stops at the first failure.
pub(crate) fn task() -> Result {
    let metadata = workspace::metadata()?;
    let tally = RefCell::new(Tally::default());
    Plan::new()
        .command("formatting", CommandLine::cargo(["fmt", "--all", "--check"]))
        .command(
            "clippy, warnings denied",
            CommandLine::cargo(["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]),
        )
        .command(
            "documentation, warnings denied",
            CommandLine::cargo(["doc", "--workspace", "--no-deps", "--all-features"])
                .env("RUSTDOCFLAGS", "-D warnings"),
        )
        .step("dependencies", "cargo xtask dependencies --check", || dependencies::task(true))
        .step("each feature alone", "cargo xtask ci", || each_feature_alone(&metadata))
        .step("tests", "cargo xtask test", || {
            tally.replace(test::run()?);
            Ok(())
        })
        // After the tests: their binaries are asked what tests there are.
        .step("what is proved", "cargo xtask reliability", reliability::task)
        .command("instructions of the hot path", instructions())
        .step("benchmarks run once", benches(&metadata)?.to_string(), || benches(&metadata)?.run())
        .command("packages", package(&metadata))
        .step("licences and advisories", deny().to_string(), check_licences)
        .run()?;
    println!("\n{}", tally.into_inner());
    println!("Everything passed: this checkout may be merged.");
    Ok(())
}

/// A feature that only compiles next to another is found here.
fn each_feature_alone(metadata: &Metadata) -> Result {
    let features = workspace::member(metadata, FACADE)?.features.keys().filter(|feature| *feature != "default");
    let bare = CommandLine::cargo(["check", "-p", FACADE, "--no-default-features"]);
    println!("  {bare}");
    bare.run()?;
    for feature in features {
        let alone = bare.clone().args(["--features", feature]);
        println!("  {alone}");
        alone.run()?;
    }
    Ok(())
}

/// In the test profile: the question is whether they run, not how fast. With the features of the whole workspace, as the
/// tests have been built.
fn benches(metadata: &Metadata) -> Result<CommandLine> {
    let targets = &workspace::member(metadata, BENCHES)?.targets;
    let names = targets.iter().filter(|target| target.is_bench()).map(|target| target.name.clone());
    let command = CommandLine::cargo(["test", "--workspace", "--all-features"]);
    Ok(command.args(names.flat_map(|name| ["--bench".to_owned(), name])))
}

/// Optimised, or the count would mean nothing.
fn instructions() -> CommandLine {
    CommandLine::cargo(["run", "--profile", "bench", "-p", BENCHES, "--bin", "count_instructions"])
}

fn package(metadata: &Metadata) -> CommandLine {
    let members = metadata.workspace_packages();
    let private = members.iter().filter(|member| workspace::is_private(member));
    CommandLine::cargo(["package", "--workspace", "--allow-dirty", "--no-verify", "--no-metadata"])
        .args(private.flat_map(|member| ["--exclude".to_owned(), member.name.to_string()]))
}

fn deny() -> CommandLine {
    CommandLine::cargo(["deny", "check", "bans", "licenses", "sources"])
}

fn check_licences() -> Result {
    if !CommandLine::cargo(["deny", "--version"]).succeeds() {
        println!("SKIPPED: cargo-deny is not installed. To have this check: cargo install cargo-deny --locked");
        return Ok(());
    }
    deny().run()?;
    // The advisories live outside the package registry, which a closed network does not reach.
    if CommandLine::cargo(["deny", "fetch", "db"]).succeeds() {
        return CommandLine::cargo(["deny", "check", "advisories"]).run();
    }
    println!("SKIPPED: the advisory database cannot be fetched from here. Where it can: cargo deny check advisories");
    Ok(())
}
