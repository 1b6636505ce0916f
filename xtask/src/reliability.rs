//! `cargo xtask reliability`: what `docs/reliability.md` says is proved, compared with the tests that there are.

mod listing;
mod page;
mod rules;
mod sources;

use std::fs;

use crate::{Result, workspace};

const PAGE: &str = "docs/reliability.md";

/// Fails if the page names a test that there is not, or leaves out something that has to be proved.
pub(crate) fn task() -> Result {
    let page = page::parse(&fs::read_to_string(workspace::root()?.join(PAGE))?)?;
    let tests = listing::tests()?;
    let sources = sources::read()?;
    let violations = rules::violations(&page, &tests, &sources);
    if !violations.is_empty() {
        return Err(format!("{PAGE} does not hold:\n  - {}", violations.join("\n  - ")).into());
    }
    println!(
        "{} promises, {} mutants and {} situations, proved by {} of {} tests",
        page.promises.len(),
        page.mutants.len(),
        page.situations.len(),
        page.tests().len(),
        tests.len(),
    );
    Ok(())
}
