//! [`Output`]: stdout for answers, stderr for everything else.

use std::borrow::Cow;
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

    /// Prints an answer, or one of a stream of them, and delivers it at once. What the text takes from elsewhere goes
    /// through [`shown`] first.
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

    /// Prints an answer whose text a program reads: without a change to it, on a terminal or not.
    pub(crate) fn exact_answer(self, object: &impl Serialize, text: &str) -> Result<(), Failure> {
        if self.json {
            print_object(object)?;
        } else {
            print_line(text.as_bytes().to_vec())?;
        }
        Ok(())
    }

    /// Prints an answer that is JSON for a person and for a program alike; `text` is that of the person.
    pub(crate) fn json_answer(self, object: &impl Serialize, text: &str) -> Result<(), Failure> {
        let text = if self.json { serde_json::to_string(object).map_err(io::Error::from)? } else { text.to_owned() };
        print_line(escaped(&text).into_bytes())?;
        Ok(())
    }

    /// A line on stderr, as it is.
    pub(crate) fn say(self, line: &str) {
        // Whoever closed stderr does not want to know.
        let _ = writeln!(stderr().lock(), "{line}");
    }

    /// Something the user should know.
    pub(crate) fn warn(self, text: &str) {
        self.say(&format!("{}: {}", "warning".yellow().bold(), shown(text)));
    }

    /// Something the user may want to know.
    pub(crate) fn note(self, text: &str) {
        self.say(&format!("{}: {}", "note".cyan().bold(), shown(text)));
    }

    /// Says on stderr why the command failed, and on stdout too if somebody expects an object there.
    pub(crate) fn failure(self, failure: &Failure) {
        if failure.is_quiet() {
            return;
        }
        for (label, text) in failure.lines() {
            let text = shown(text);
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

/// Text from elsewhere, as a person may see it: what would steer the terminal, or reorder the line, is escaped.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return text.into();
    }
    let mut escaped = String::new();
    for c in text.chars() {
        if steers(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped.into()
}

/// JSON with the same characters escaped as JSON has it. All of them have four digits.
fn escaped(json: &str) -> String {
    let mut escaped = String::new();
    for c in json.chars() {
        match c {
            // Between the values; within them there is none left.
            '\n' => escaped.push(c),
            c if steers(c) => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn print_object(object: &impl Serialize) -> io::Result<()> {
    print_line(serde_json::to_vec(object)?)
}

fn print_line(mut line: Vec<u8>) -> io::Result<()> {
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_does_not_steer_the_terminal() {
        assert_eq!(shown("\u{1b}[2Ja\nb\u{9b}\u{202e}\u{2069}\u{7f}"), r"\u{1b}[2Ja\nb\u{9b}\u{202e}\u{2069}\u{7f}");
        assert_eq!(escaped("{\n  \"a\": \"\u{9b}2J\u{202e}\"\n}"), "{\n  \"a\": \"\\u009b2J\\u202e\"\n}");
        assert_eq!(shown("Zoë ✓ 日本 עברית"), "Zoë ✓ 日本 עברית");
    }
}
