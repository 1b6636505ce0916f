//! `cargo xtask test`: every test there is.

use std::cell::RefCell;
use std::io::IsTerminal;

use crate::command_line::CommandLine;
use crate::e2e::WithoutNode;
use crate::plan::Plan;
use crate::tally::Tally;
use crate::{Result, arrows, e2e};

/// Runs everything and ends with a line a newcomer understands.
pub(crate) fn task() -> Result {
    let tally = run()?;
    println!("\n{tally}");
    println!("Everything passed: oidc-session works on this machine.");
    Ok(())
}

/// Runs everything; returns what the test runner counted.
pub(crate) fn run() -> Result<Tally> {
    let tally = RefCell::new(Tally::default());
    let unit = coloured(unit_tests());
    let examples = coloured(CommandLine::cargo(["test", "--doc", "--workspace", "--all-features"]));
    Plan::new()
        .step("unit, integration and contract tests", unit.to_string(), || count(&unit, &tally))
        .step("examples in the documentation", examples.to_string(), || count(&examples, &tally))
        .step("crate arrows", "cargo xtask arrows", arrows::task)
        .step("end to end", "cargo xtask e2e", || e2e::run(WithoutNode::for_tests()))
        .run()?;
    Ok(tally.into_inner())
}

/// Whether this is the merge gate, where nothing may be skipped.
pub(crate) fn is_merge_gate() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

fn unit_tests() -> CommandLine {
    if !CommandLine::cargo(["nextest", "--version"]).succeeds() {
        println!("cargo-nextest is not installed; using `cargo test`, which shows less but runs the same tests.");
        return CommandLine::cargo(["test", "--workspace", "--all-features", "--lib", "--bins", "--tests"])
            .args(["--no-fail-fast"]);
    }
    let nextest = CommandLine::cargo(["nextest", "run", "--workspace", "--all-features"]);
    if is_merge_gate() { nextest.args(["--profile", "ci"]) } else { nextest }
}

/// We stand between the program and the terminal, so it cannot see that colours are welcome.
fn coloured(command: CommandLine) -> CommandLine {
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if colours { command.env("CARGO_TERM_COLOR", "always") } else { command }
}

fn count(command: &CommandLine, tally: &RefCell<Tally>) -> Result {
    let (lines, outcome) = command.run_and_listen();
    tally.borrow_mut().read(&lines);
    outcome
}
