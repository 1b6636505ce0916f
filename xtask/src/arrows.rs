//! `cargo xtask arrows`: crate dependencies only point inward.

mod graph;
mod rules;

use crate::{Result, workspace};

/// Shows the arrows, or every rule they break.
pub(crate) fn task() -> Result {
    let graph = graph::read(&workspace::metadata()?)?;
    let violations = rules::violations(&graph);
    if !violations.is_empty() {
        return Err(format!("{} broken:\n  - {}", rules_count(&violations), violations.join("\n  - ")).into());
    }
    print!("{}", graph::table(&graph));
    Ok(())
}

fn rules_count(violations: &[String]) -> String {
    match violations.len() {
        1 => "one rule is".to_owned(),
        count => format!("{count} rules are"),
    }
}
