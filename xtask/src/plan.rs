//! Steps that run in order and stop at the first failure.

use crate::Result;
use crate::command_line::CommandLine;

/// Named steps; a failure names the step and the command that repeats only it.
pub(crate) struct Plan<'a> {
    steps: Vec<Step<'a>>,
}

struct Step<'a> {
    title: String,
    again: String,
    action: Box<dyn FnOnce() -> Result + 'a>,
}

impl<'a> Plan<'a> {
    /// A plan without steps.
    pub(crate) fn new() -> Self {
        Self { steps: Vec::new() }
    }

    /// Adds a step that is one command.
    pub(crate) fn command(self, title: impl Into<String>, command: CommandLine) -> Self {
        let again = command.to_string();
        self.step(title, again, move || command.run())
    }

    /// Adds a step; `again` is the command that repeats only it.
    pub(crate) fn step(
        mut self,
        title: impl Into<String>,
        again: impl Into<String>,
        action: impl FnOnce() -> Result + 'a,
    ) -> Self {
        self.steps.push(Step { title: title.into(), again: again.into(), action: Box::new(action) });
        self
    }

    /// Runs the steps, each under its heading.
    pub(crate) fn run(self) -> Result {
        let count = self.steps.len();
        for (index, step) in self.steps.into_iter().enumerate() {
            println!("\n[{}/{count}] {}", index + 1, step.title);
            (step.action)()
                .map_err(|error| format!("{}: {error}\n  to repeat only this: {}", step.title, step.again))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn stops_at_the_first_failure_and_says_how_to_repeat_it() {
        let ran = Cell::new(0);
        let count = || {
            ran.set(ran.get() + 1);
            Ok(())
        };
        let outcome = Plan::new()
            .step("one", "run one", count)
            .step("two", "run two", || Err("broken".into()))
            .step("three", "run three", count)
            .run();
        assert_eq!(outcome.unwrap_err().to_string(), "two: broken\n  to repeat only this: run two");
        assert_eq!(ran.get(), 1);
    }
}
