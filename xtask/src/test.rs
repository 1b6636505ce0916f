//! `cargo xtask test`: every test there is.

use std::cell::RefCell;
use std::io::IsTerminal;

use crate::command_line::CommandLine;
use crate::e2e::WithoutNode;
use crate::plan::Plan;
use crate::tally::Tally;
use crate::test_servers::Need;
use crate::{Result, arrows, book, browser, chaos, e2e, fleet, test_servers};

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
    let missing = test_servers::missing();
    let unit = coloured(unit_tests(&missing));
    let examples = coloured(CommandLine::cargo(["test", "--doc", "--workspace", "--all-features"]));
    Plan::new()
        .step("unit, integration and contract tests", unit.to_string(), || {
            without(&missing, &tally)?;
            let servers = test_servers::Shared::start()?;
            count(&servers.lend(&unit), &tally)
        })
        .step("examples in the documentation", examples.to_string(), || count(&examples, &tally))
        .step("the book", "cargo xtask book --check", book::check)
        .step("crate arrows", "cargo xtask arrows", arrows::task)
        .step("end to end", "cargo xtask e2e", || e2e::run(WithoutNode::for_tests()))
        .step("a real browser", "cargo xtask browser", browser::run)
        .step("a fleet of processes", "cargo xtask fleet", fleet::run)
        .step("chaos, shortly", chaos::SHORT, chaos::run_shortly)
        .run()?;
    Ok(tally.into_inner())
}

/// Whether this is the merge gate, where nothing may be skipped.
pub(crate) fn is_merge_gate() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

fn unit_tests(missing: &[Need]) -> CommandLine {
    if !CommandLine::cargo(["nextest", "--version"]).succeeds() {
        println!("cargo-nextest is not installed; using `cargo test`, which shows less but runs the same tests.");
        let test = CommandLine::cargo(["test", "--workspace", "--all-features", "--lib", "--bins", "--tests"]);
        return test_servers::leave_out_of_cargo_test(test.args(["--no-fail-fast"]), missing);
    }
    let nextest = CommandLine::cargo(["nextest", "run", "--workspace", "--all-features"]);
    let nextest = if is_merge_gate() { nextest.args(["--profile", "ci"]) } else { nextest };
    test_servers::leave_out_of_nextest(nextest, missing)
}

/// A laptop may do without a server; the merge gate may not.
fn without(missing: &[Need], tally: &RefCell<Tally>) -> Result {
    if is_merge_gate() && !missing.is_empty() {
        let sentences: Vec<String> = missing.iter().map(Need::demanded).collect();
        return Err(sentences.join("\n  ").into());
    }
    for skipped in missing.iter().map(Need::skipped) {
        println!("{skipped}");
        tally.borrow_mut().skip(skipped);
    }
    Ok(())
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
