//! [`Output`]: stdout for answers, stderr for everything else.

use std::io::{self, Write as _};

use anstream::stderr;
use owo_colors::OwoColorize as _;
use serde::Serialize;

use crate::failure::Failure;

/// Where a command says what it has to say.
///
/// With `--json`, stdout carries nothing but JSON. Colours reach terminals only, and heed `NO_COLOR`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints an answer, or one of a stream of them, and delivers it at once.
    pub(crate) fn answer(self, object: &impl Serialize, text: &str) -> Result<(), Failure> {
        if self.json {
            print_object(object)?;
        } else {
            let mut stdout = anstream::stdout().lock();
            writeln!(stdout, "{text}")?;
            stdout.flush()?;
        }
        Ok(())
    }

    /// A line on stderr, as it is.
    pub(crate) fn say(self, line: &str) {
        // Whoever closed stderr does not want to know.
        let _ = writeln!(stderr().lock(), "{line}");
    }

    /// Something the user should know.
    pub(crate) fn warn(self, text: &str) {
        self.say(&format!("{}: {text}", "warning".yellow().bold()));
    }

    /// Something the user may want to know.
    pub(crate) fn note(self, text: &str) {
        self.say(&format!("{}: {text}", "note".cyan().bold()));
    }

    /// Says on stderr why the command failed, and on stdout too if somebody expects an object there.
    pub(crate) fn failure(self, failure: &Failure) {
        if failure.is_quiet() {
            return;
        }
        for (label, text) in failure.lines() {
            self.say(&match label {
                "error" => format!("{}: {text}", label.red().bold()),
                _ => format!("  {}: {text}", label.bold()),
            });
        }
        if self.json && !failure.is_in_answer() {
            self.failure_object(failure);
        }
    }

    /// The object of a failure alone.
    pub(crate) fn failure_object(self, failure: &Failure) {
        // The exit code says it all the same.
        let _ = print_object(&failure.to_json());
    }
}

fn print_object(object: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(object)?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}
