//! Everything this repository automates, the same on a laptop and in the merge gate. Run `cargo xtask --help`.

mod arrows;
mod bench_report;
mod book;
mod browser;
mod chaos;
mod ci;
mod command_line;
mod dependencies;
mod e2e;
mod fleet;
mod fuzz;
mod model;
mod mutants;
#[cfg(test)]
mod pages;
mod plan;
mod reliability;
mod tally;
mod test;
mod test_servers;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// What a task returns: errors are sentences for the person who ran it.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Everything this repository automates.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    /// Run every test: unit and contract tests, documentation examples, crate arrows, end to end.
    Test,
    /// Run what the merge gate runs, in the same order; stop at the first failure.
    Ci,
    /// Check that crate dependencies only point inward, and show them.
    Arrows,
    /// Build the book of docs/ into target/book, and check the links of all pages, of README.md and of CHANGELOG.md.
    ///
    /// Also fails if a page is not in docs/SUMMARY.md, or has Rust that no crate includes and so compiles.
    Book(book::Options),
    /// Count what each provider and each store pulls in, and write it to docs/dependencies.md.
    Dependencies {
        /// Write nothing; fail if the page says otherwise.
        #[arg(long)]
        check: bool,
    },
    /// Run the built command against a real OpenID provider, fifty processes at once, and kill -9; check the emulators.
    E2e,
    /// Drive the application of examples/web in headless Chromium: sign-in, refresh, outage, revocation, logout.
    ///
    /// Leaves pictures of its pages in target/browser.
    Browser,
    /// Run two real processes over Redis and PostgreSQL: storms, logouts, servers that die, networks that are cut.
    Fleet,
    /// Explore every interleaving of two and three processes that run the protocol, with more faults than the tests have.
    Model,
    /// Check that docs/reliability.md names a test for each promise, each mutant and each situation, and that it exists.
    Reliability,
    /// Change the code in small ways, one at a time, and fail if no test notices one that nobody has explained.
    ///
    /// Explained ones are in .cargo/mutants.toml, each with its reason. Needs cargo-mutants and cargo-nextest.
    Mutants(mutants::Options),
    /// Run real processes over every shared store while they are killed, stopped and cut off; count what is lost.
    ///
    /// Fails if anything happens that the promises exclude, and tells what had happened around it.
    #[command(after_help = chaos::EXAMPLES)]
    Chaos(chaos::Options),
    /// Give random input to whatever reads what comes from outside: answers, tokens, records, settings.
    ///
    /// Needs nightly Rust and cargo-fuzz, and says how to have them. Stops a target at its first finding, tells the line
    /// that shows it again, and fails.
    #[command(after_help = fuzz::EXAMPLES)]
    Fuzz(fuzz::Options),
    /// Run the benchmarks, and write what they measured to docs/performance.md, with plots.
    ///
    /// The page says what of it was not measured. If README.md has the comments `bench:begin` and `bench:end`, the
    /// headlines between them are written too.
    #[command(after_help = bench_report::EXAMPLES)]
    BenchReport(bench_report::Options),
}

fn main() -> ExitCode {
    let outcome = match Task::parse() {
        Task::Test => test::task(),
        Task::Ci => ci::task(),
        Task::Arrows => arrows::task(),
        Task::Book(options) => book::task(options),
        Task::Dependencies { check } => dependencies::task(check),
        Task::E2e => e2e::task(),
        Task::Browser => browser::task(),
        Task::Fleet => fleet::task(),
        Task::Model => model::task(),
        Task::Reliability => reliability::task(),
        Task::Mutants(options) => mutants::task(&options),
        Task::Chaos(options) => chaos::task(&options),
        Task::Fuzz(options) => fuzz::task(&options),
        Task::BenchReport(options) => bench_report::task(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error}");
            ExitCode::FAILURE
        }
    }
}
